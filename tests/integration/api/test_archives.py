"""Tapes on their way to the archive and back, through boto3."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pyvtl.cloud.memory import MemoryStore
from tests.api_client import ARN, GATEWAY, GIB, Served, serving_api

BARCODE = "TAPE0001"
TAPE = f"{ARN}:tape/{BARCODE}"
OTHER_GATEWAY = GATEWAY.replace("12A3456B", "0000000F")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    """A gateway with an object store."""
    async with serving_api(tmp_path / "data", objects=MemoryStore()) as served:
        yield served


async def archived(api: Served, **more: object) -> None:
    """A tape that was made and archived."""
    await api.call(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeSizeInBytes=100 * GIB,
        TapeBarcode=BARCODE,
        **more,
    )
    await api.gateway.life.archive(BARCODE)
    await settled(api)


async def settled(api: Served) -> None:
    assert api.gateway.life.works is not None
    await api.gateway.life.works.settled(BARCODE)


async def archive(api: Served) -> dict[str, Any]:
    (told,) = (await api.call("DescribeTapeArchives", TapeARNs=[TAPE]))["TapeArchives"]
    return dict(told)


async def pool(api: Served, **lock: object) -> str:
    """The id of a new pool."""
    told = await api.call("CreateTapePool", PoolName="p", StorageClass="GLACIER", **lock)
    return str(told["PoolARN"]).rpartition("/")[2]


async def test_describe_tape_archives(api: Served) -> None:
    await archived(api)
    told = await archive(api)
    for member in ("TapeCreatedDate", "CompletionTime", "PoolEntryDate"):
        assert isinstance(told.pop(member), datetime)
    assert told == {
        "TapeARN": TAPE,
        "TapeBarcode": BARCODE,
        "TapeSizeInBytes": 100 * GIB,
        "TapeStatus": "ARCHIVED",
        "TapeUsedInBytes": 0,
        "PoolId": "GLACIER",
        "Worm": False,
    }
    unknown = await api.refused("DescribeTapeArchives", TapeARNs=[TAPE + "X"])
    assert unknown[0] == "TapeCartridgeNotFound"


async def test_an_archived_tape_is_listed_once_and_of_no_gateway(api: Served) -> None:
    await archived(api)
    (told,) = (await api.call("ListTapes"))["TapeInfos"]
    assert (told["TapeStatus"], "GatewayARN" in told) == ("ARCHIVED", False)
    assert await api.call("DescribeTapes", GatewayARN=GATEWAY) == {"Tapes": []}


async def test_a_tape_is_retrieved_to_this_gateway(api: Served) -> None:
    await archived(api)
    key = {"TapeARN": TAPE, "GatewayARN": GATEWAY}
    assert await api.call("RetrieveTapeArchive", **key) == {"TapeARN": TAPE}
    await settled(api)
    (told,) = (await api.call("DescribeTapes", GatewayARN=GATEWAY))["Tapes"]
    assert told["TapeStatus"] == "RETRIEVED"
    told = await archive(api)
    assert (told["TapeStatus"], told["RetrievedTo"]) == ("RETRIEVED", GATEWAY)
    code, message = await api.refused("DeleteTape", **key)
    assert (code, "move it to an import/export slot first" in message) == ("OperationAborted", True)
    assert (await api.refused("RetrieveTapeArchive", **key))[0] == "OperationAborted"
    assert (await api.refused("DeleteTapeArchive", TapeARN=TAPE))[0] == "OperationAborted"


async def test_only_a_gateway_that_there_is_can_retrieve(api: Served) -> None:
    await archived(api)
    refusal = await api.refused("RetrieveTapeArchive", TapeARN=TAPE, GatewayARN=OTHER_GATEWAY)
    assert refusal[0] == "GatewayNotFound"
    nothing = {"TapeARN": TAPE + "X", "GatewayARN": GATEWAY}
    assert (await api.refused("RetrieveTapeArchive", **nothing))[0] == "TapeCartridgeNotFound"


async def test_what_is_not_under_way_cannot_be_cancelled(api: Served) -> None:
    key = {"TapeARN": TAPE, "GatewayARN": GATEWAY}
    for operation in ("CancelArchival", "CancelRetrieval"):
        assert (await api.refused(operation, **key))[0] == "TapeCartridgeNotFound"
    await api.call(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeSizeInBytes=100 * GIB,
        TapeBarcode=BARCODE,
    )
    for operation in ("CancelArchival", "CancelRetrieval"):
        assert (await api.refused(operation, **key))[0] == "OperationAborted"


async def test_delete_tape_archive(api: Served) -> None:
    await archived(api)
    assert await api.call("DeleteTapeArchive", TapeARN=TAPE) == {"TapeARN": TAPE}
    await settled(api)
    assert await api.call("DescribeTapeArchives") == {"TapeArchives": []}
    assert (await api.refused("DeleteTapeArchive", TapeARN=TAPE))[0] == "TapeCartridgeNotFound"


@pytest.mark.parametrize(("lock", "passes"), [("GOVERNANCE", True), ("COMPLIANCE", False)])
async def test_a_lock_keeps_the_archive_and_governance_can_be_bypassed(
    api: Served, lock: str, passes: bool
) -> None:
    locked = await pool(api, RetentionLockType=lock, RetentionLockTimeInDays=30)
    await archived(api, PoolId=locked)
    told = await archive(api)
    assert isinstance(told["RetentionStartDate"], datetime)
    code, message = await api.refused("DeleteTapeArchive", TapeARN=TAPE)
    assert (code, f"{lock} retention lock for 30 more days" in message) == (
        "UnauthorizedOperation",
        True,
    )
    bypassing = {"TapeARN": TAPE, "BypassGovernanceRetention": True}
    if passes:
        assert await api.call("DeleteTapeArchive", **bypassing) == {"TapeARN": TAPE}
    else:
        assert (await api.refused("DeleteTapeArchive", **bypassing))[0] == "UnauthorizedOperation"


async def test_assign_tape_pool(api: Served) -> None:
    await archived(api)
    moved = {"TapeARN": TAPE, "PoolId": await pool(api)}
    assert await api.call("AssignTapePool", **moved) == {"TapeARN": TAPE}
    assert (await archive(api))["PoolId"] == moved["PoolId"]
    refusal = await api.refused("AssignTapePool", TapeARN=TAPE, PoolId="pool-nowhere")
    assert refusal[0] == "InvalidParameters"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("RetrieveTapeArchive", {"TapeARN": TAPE, "GatewayARN": GATEWAY}),
        ("DeleteTapeArchive", {"TapeARN": TAPE}),
        ("CancelRetrieval", {"TapeARN": TAPE, "GatewayARN": GATEWAY}),
    ],
)
async def test_an_archive_needs_an_object_store(
    tmp_path: Path, operation: str, members: dict[str, str]
) -> None:
    async with serving_api(tmp_path / "alone") as alone:
        code, message = await alone.refused(operation, **members)
        assert (code, "set store.url" in message) == ("NotSupported", True)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeTapeRecoveryPoints", {"GatewayARN": GATEWAY}),
        ("RetrieveTapeRecoveryPoint", {"GatewayARN": GATEWAY, "TapeARN": TAPE}),
    ],
)
async def test_recovery_points_are_not_supported(
    api: Served, operation: str, members: dict[str, str]
) -> None:
    code, message = await api.refused(operation, **members)
    assert (code, "pyvtl store pull" in message) == ("NotSupported", True)
