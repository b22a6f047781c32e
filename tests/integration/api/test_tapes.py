"""Tapes in the library through boto3."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import ARCHIVED
from pyvtl.cloud.wrapping import Call, Result, Wrapper
from tests.api_client import ARN, GATEWAY, GIB, Served, serving_api
from tests.initiator import Changer

SIZE = 100 * GIB


def tape(barcode: str) -> str:
    return f"{ARN}:tape/{barcode}"


def asked(**more: object) -> dict[str, Any]:
    """CreateTapes of two, unless told otherwise."""
    return {
        "GatewayARN": GATEWAY,
        "TapeSizeInBytes": SIZE,
        "ClientToken": "first-token",
        "NumTapesToCreate": 2,
        "TapeBarcodePrefix": "DEMO",
        **more,
    }


async def with_barcode(api: Served, *barcodes: str) -> None:
    for barcode in barcodes:
        told = await api.call(
            "CreateTapeWithBarcode",
            GatewayARN=GATEWAY,
            TapeSizeInBytes=SIZE,
            TapeBarcode=barcode,
        )
        assert told == {"TapeARN": tape(barcode)}


async def load(api: Served, source: int, drive: int) -> None:
    def as_host() -> None:
        port, name = api.gateway.portals[0].port, api.gateway.changer_name
        with Changer("127.0.0.1", port, name) as changer:
            changer.must_move(source, drive)

    await asyncio.to_thread(as_host)


async def test_create_tapes(api: Served) -> None:
    told = await api.call("CreateTapes", **asked())
    barcodes = [arn.removeprefix(f"{ARN}:tape/") for arn in told["TapeARNs"]]
    assert [(len(barcode), barcode[:4]) for barcode in barcodes] == [(10, "DEMO")] * 2
    assert {row.barcode for row in await api.gateway.library.list_tapes()} == set(barcodes)


async def test_the_same_request_makes_the_same_tapes_also_after_a_restart(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        first = await api.call("CreateTapes", **asked())
        again = await asyncio.gather(*(api.call("CreateTapes", **asked()) for _ in range(3)))
        assert again == [first] * 3
    async with serving_api(tmp_path) as api:
        assert await api.call("CreateTapes", **asked()) == first
        other = await api.call("CreateTapes", **asked(ClientToken="second-token"))
        assert not {*other["TapeARNs"]} & {*first["TapeARNs"]}
        assert len(await api.gateway.library.list_tapes()) == 4
        code, message = await api.refused("CreateTapes", **asked(NumTapesToCreate=3))
        assert (code, message[:28]) == ("InvalidParameters", "the client token first-token")


async def test_a_token_has_the_same_answer_and_brings_no_deleted_tape_back(api: Served) -> None:
    first = await api.call("CreateTapes", **asked())
    await api.call("DeleteTape", GatewayARN=GATEWAY, TapeARN=first["TapeARNs"][0])
    told = api.gateway.life.events.recent
    assert await api.call("CreateTapes", **asked()) == first
    assert len(await api.gateway.library.list_tapes()) == 1
    assert api.gateway.life.events.recent == told


async def test_a_token_has_the_same_answer_when_its_pool_is_closed(api: Served) -> None:
    pool = await api.call("CreateTapePool", PoolName="p", StorageClass="GLACIER")
    in_pool = asked(PoolId=pool["PoolARN"].rpartition("/")[2], NumTapesToCreate=1)
    first = await api.call("CreateTapes", **in_pool)
    await api.call("AssignTapePool", TapeARN=first["TapeARNs"][0], PoolId="GLACIER")
    await api.call("DeleteTapePool", PoolARN=pool["PoolARN"])
    assert await api.call("CreateTapes", **in_pool) == first
    code, message = await api.refused("CreateTapes", **in_pool | {"ClientToken": "other-token"})
    assert (code, "was deleted: name another" in message) == ("InvalidParameters", True)


async def test_nothing_is_made_with_more_than_50_tags(api: Served) -> None:
    tags = [{"Key": f"key{number}", "Value": ""} for number in range(51)]
    pool = {"PoolName": "p", "StorageClass": "GLACIER"}
    one = {"GatewayARN": GATEWAY, "TapeSizeInBytes": SIZE, "TapeBarcode": "TAPE0001"}
    for operation, members in (
        ("CreateTapes", asked()),
        ("CreateTapeWithBarcode", one),
        ("CreateTapePool", pool),
    ):
        refusal = await api.refused(operation, **members, Tags=tags)
        assert refusal == ("InvalidParameters", "51 tags: 50 at most; remove some first")
    assert await api.gateway.library.list_tapes() == []
    assert await api.call("ListTapePools") == {"PoolInfos": []}


@pytest.mark.parametrize("marker", ["TAPE0001", "%%%", "gQ==", "dGFwZXM="])
async def test_a_marker_is_one_that_the_list_has_given(api: Served, marker: str) -> None:
    await with_barcode(api, "TAPE0001", "TAPE0002")
    refusal = await api.refused("ListTapePools", Marker=marker)
    wrong = f"Marker {marker!r} is none that this list has given: leave it out for the first page"
    assert refusal == ("InvalidParameters", wrong)


async def test_the_marker_of_another_list_is_refused(api: Served) -> None:
    await with_barcode(api, "TAPE0001", "TAPE0002")
    marker = (await api.call("ListTapes", Limit=1))["Marker"]
    (told,) = (await api.call("ListTapes", Marker=marker))["TapeInfos"]
    assert told["TapeBarcode"] == "TAPE0002"
    for operation in ("DescribeTapes", "DescribeVTLDevices"):
        refusal = await api.refused(operation, GatewayARN=GATEWAY, Marker=marker)
        assert refusal[0] == "InvalidParameters"


async def test_no_more_tapes_than_import_export_slots_and_the_token_is_free_again(
    api: Served,
) -> None:
    for number in range(2):
        await api.call("CreateTapes", **asked(ClientToken=f"token{number}", NumTapesToCreate=9))
    code, message = await api.refused("CreateTapes", **asked(NumTapesToCreate=3))
    assert (code, message[:35]) == (
        "MaximumTapeCartridgeCountExceeded",
        "no free import/export slot is left ",
    )
    assert len((await api.call("CreateTapes", **asked()))["TapeARNs"]) == 2


async def test_describe_tapes(api: Served) -> None:
    await with_barcode(api, "TAPE0001")
    await load(api, 30000, 10001)
    (told,) = (await api.call("DescribeTapes", GatewayARN=GATEWAY))["Tapes"]
    for moment in (told.pop("TapeCreatedDate"), told.pop("PoolEntryDate")):
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert told == {
        "TapeARN": tape("TAPE0001"),
        "TapeBarcode": "TAPE0001",
        "TapeSizeInBytes": SIZE,
        "TapeStatus": "AVAILABLE",
        "TapeUsedInBytes": 0,
        "PoolId": "GLACIER",
        "Worm": False,
        "VTLDevice": f"{GATEWAY}/device/AMZN_SGW-12A3456B_TAPEDRIVE_00002",
    }


async def test_list_tapes(api: Served) -> None:
    await with_barcode(api, "TAPE0001", "TAPE0002")
    arns = [tape("TAPE0002"), tape("NOTHERE1")]
    (told,) = (await api.call("ListTapes", TapeARNs=arns))["TapeInfos"]
    assert isinstance(told.pop("PoolEntryDate"), datetime)
    assert told == {
        "TapeARN": tape("TAPE0002"),
        "TapeBarcode": "TAPE0002",
        "TapeSizeInBytes": SIZE,
        "TapeStatus": "AVAILABLE",
        "GatewayARN": GATEWAY,
        "PoolId": "GLACIER",
    }


@pytest.mark.parametrize(
    ("operation", "key", "members"),
    [("ListTapes", "TapeInfos", {}), ("DescribeTapes", "Tapes", {"GatewayARN": GATEWAY})],
)
async def test_tapes_in_pages(
    api: Served, operation: str, key: str, members: dict[str, str]
) -> None:
    barcodes = [f"PAGE000{number}" for number in range(5)]
    await with_barcode(api, *barcodes)

    def through() -> list[list[str]]:
        name = {"ListTapes": "list_tapes", "DescribeTapes": "describe_tapes"}[operation]
        pages = api.client.get_paginator(name).paginate(**members, PaginationConfig={"PageSize": 2})
        return [[row["TapeBarcode"] for row in page[key]] for page in pages]

    assert await asyncio.to_thread(through) == [barcodes[:2], barcodes[2:4], barcodes[4:]]


async def test_a_tape_in_a_drive_is_not_deleted_until_it_is_unloaded(api: Served) -> None:
    await with_barcode(api, "TAPE0001")
    await load(api, 30000, 10000)
    key = {"GatewayARN": GATEWAY, "TapeARN": tape("TAPE0001")}
    assert await api.refused("DeleteTape", **key) == (
        "OperationAborted",
        "tape TAPE0001 is in drive 0: unload it first",
    )
    await load(api, 10000, 20000)
    assert await api.call("DeleteTape", **key) == {"TapeARN": tape("TAPE0001")}
    assert await api.call("ListTapes") == {"TapeInfos": []}
    assert (await api.refused("DeleteTape", **key))[0] == "TapeCartridgeNotFound"


@pytest.mark.parametrize(
    "arn",
    [
        tape("NOTHERE1"),
        tape("NOTHERE1").replace("eu-test-1", "eu-test-2"),
        tape("NOTHERE1").replace("123456789012", "123456789013"),
    ],
)
async def test_tapes_that_are_not_there(api: Served, arn: str) -> None:
    for members in ({"TapeARN": arn}, {"TapeARNs": [arn]}):
        operation = "DeleteTape" if "TapeARN" in members else "DescribeTapes"
        refusal = await api.refused(operation, GatewayARN=GATEWAY, **members)
        assert refusal[0] == "TapeCartridgeNotFound"


@pytest.mark.parametrize(
    "members",
    [
        {"TapeSizeInBytes": SIZE - GIB},
        {"TapeSizeInBytes": SIZE + 1},
        {"TapeSizeInBytes": 16 * 1024 * GIB},
    ],
)
async def test_a_tape_that_cannot_be(api: Served, members: dict[str, object]) -> None:
    for operation, request in (
        ("CreateTapes", asked(**members)),
        (
            "CreateTapeWithBarcode",
            {
                "GatewayARN": GATEWAY,
                "TapeBarcode": "TAPE0001",
                "TapeSizeInBytes": SIZE,
                **members,
            },
        ),
    ):
        assert (await api.refused(operation, **request))[0] == "InvalidParameters"


async def test_a_barcode_is_never_given_twice(api: Served) -> None:
    await with_barcode(api, "ONCE0001")
    await api.call("DeleteTape", GatewayARN=GATEWAY, TapeARN=tape("ONCE0001"))
    code, message = await api.refused(
        "CreateTapeWithBarcode", GatewayARN=GATEWAY, TapeSizeInBytes=SIZE, TapeBarcode="ONCE0001"
    )
    assert (code, message[:29]) == ("InvalidParameters", "the barcode ONCE0001 is taken")


@pytest.mark.parametrize("members", [{"KMSEncrypted": True}, {"KMSKey": "alias/tapes"}])
async def test_keys_of_aws_are_not_known_here(api: Served, members: dict[str, object]) -> None:
    refusal = await api.refused("CreateTapes", **asked(**members))
    assert refusal[0] == "ParametersNotImplemented"


async def test_a_pool_that_is_not_there(api: Served) -> None:
    refusal = await api.refused("CreateTapes", **asked(PoolId="pool-00000000"))
    assert refusal[0] == "InvalidParameters"


class TapeLeavesMeanwhile(Wrapper):
    """A store that is slow to tell what the archive has."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.told, self.go = asyncio.Event(), asyncio.Event()

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        result = await attempt()
        if call == Call("list", ARCHIVED) and not self.told.is_set():
            self.told.set()
            await self.go.wait()
        return result


async def test_a_tape_that_goes_to_the_archive_while_tapes_are_listed_is_listed(
    tmp_path: Path,
) -> None:
    store = TapeLeavesMeanwhile()
    async with serving_api(tmp_path / "data", objects=store) as api:
        await with_barcode(api, "TAPE0001")
        listing = asyncio.create_task(api.call("ListTapes"))
        await store.told.wait()
        await api.gateway.life.archive("TAPE0001")
        assert api.gateway.life.works is not None
        await api.gateway.life.works.settled("TAPE0001")
        assert api.gateway.library.barcodes() == set()
        store.go.set()
        assert [told["TapeBarcode"] for told in (await listing)["TapeInfos"]] == ["TAPE0001"]
