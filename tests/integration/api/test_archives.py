"""Tapes on their way to the archive and back, through boto3."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pyvtl.cloud.memory import MemoryStore
from tests.api_client import ARN, GATEWAY, GIB, Served, serving_api
from tests.faulty_store import Recorded
from tests.sites import Site

BARCODE = "TAPE0001"
TAPE = f"{ARN}:tape/{BARCODE}"
OTHER_GATEWAY = GATEWAY.replace("12A3456B", "0000000F")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    """A gateway with an object store."""
    async with serving_api(tmp_path / "data", objects=MemoryStore()) as served:
        yield served


async def archived(api: Served, barcode: str = BARCODE, **more: object) -> None:
    """A tape that was made and archived."""
    await api.call(
        "CreateTapeWithBarcode",
        GatewayARN=GATEWAY,
        TapeSizeInBytes=100 * GIB,
        TapeBarcode=barcode,
        **more,
    )
    await api.gateway.life.archive(barcode)
    await settled(api, barcode)


async def settled(api: Served, barcode: str = BARCODE) -> None:
    assert api.gateway.life.works is not None
    await api.gateway.life.works.settled(barcode)


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


async def test_an_archived_tape_has_the_tags_that_it_had_and_can_be_given_others(
    api: Served,
) -> None:
    async def tags() -> list[dict[str, str]]:
        told = await api.call("ListTagsForResource", ResourceARN=TAPE)
        return list(told["Tags"])

    await archived(api, Tags=[{"Key": "site", "Value": "here"}])
    assert await tags() == [{"Key": "site", "Value": "here"}]
    new = [{"Key": "site", "Value": "there"}, {"Key": "rack", "Value": "1"}]
    await api.call("AddTagsToResource", ResourceARN=TAPE, Tags=new)
    assert await tags() == [{"Key": "rack", "Value": "1"}, {"Key": "site", "Value": "there"}]
    await api.call("RemoveTagsFromResource", ResourceARN=TAPE, TagKeys=["rack"])
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    refusal = await api.refused("AddTagsToResource", ResourceARN=TAPE, Tags=many)
    assert refusal == ("InvalidParameters", "51 tags: 50 at most; remove some first")
    await api.call("RetrieveTapeArchive", TapeARN=TAPE, GatewayARN=GATEWAY)
    await settled(api)
    assert await tags() == [{"Key": "site", "Value": "there"}]


async def test_a_tape_that_is_retrieved_elsewhere_is_listed_as_that_gateways(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    other = Site(tmp_path / "other", store)
    async with serving_api(tmp_path / "data", objects=store) as api, other.running():
        await archived(api)
        await other.life.retrieve(BARCODE)
        await other.settled(BARCODE)
        (told,) = (await api.call("ListTapes"))["TapeInfos"]
        owner = GATEWAY.replace("12A3456B", other.id.upper())
        assert (told["TapeStatus"], told["GatewayARN"]) == ("RETRIEVED", owner)
        code, message = await api.refused(
            "AddTagsToResource", ResourceARN=TAPE, Tags=[{"Key": "site", "Value": "here"}]
        )
        assert (code, message) == (
            "TapeCartridgeNotFound",
            f"tape {BARCODE} is retrieved by gateway {other.id}",
        )


@pytest.mark.parametrize(
    ("operation", "members", "heads"),
    [
        ("DescribeTapeArchives", {"Limit": 2}, 2),
        ("DescribeTapeArchives", {"TapeARNs": [TAPE]}, 1),
        ("ListTapes", {"Limit": 2}, 2),
        ("ListTapes", {"TapeARNs": [TAPE]}, 1),
    ],
)
async def test_a_page_takes_the_heads_that_it_tells_of(
    tmp_path: Path, operation: str, members: dict[str, object], heads: int
) -> None:
    store = Recorded(MemoryStore())
    async with serving_api(tmp_path / "data", objects=store) as api:
        for barcode in (BARCODE, "TAPE0002", "TAPE0003", "TAPE0004"):
            await archived(api, barcode)
        store.made.clear()
        await api.call(operation, **members)
        read = [call for call in store.made if call.subject.startswith("tapes/")]
        assert [call.operation for call in read] == ["get"] * heads


async def test_a_tape_that_is_in_the_archive_alone_is_none_of_the_library(api: Served) -> None:
    await archived(api)
    assert api.gateway.life.shelf is not None
    async with api.gateway.life.shelf.turns.turn(BARCODE):  # Nothing is done for it meanwhile.
        await api.call("DeleteTapeArchive", TapeARN=TAPE)
        assert api.gateway.library.ledger.tape(BARCODE).status == "DELETING"
        assert await api.call("DescribeTapes", GatewayARN=GATEWAY) == {"Tapes": []}
        (told,) = (await api.call("ListTapes"))["TapeInfos"]
        assert (told["TapeStatus"], "GatewayARN" in told) == ("ARCHIVED", False)
        await api.call("DeleteGateway", GatewayARN=GATEWAY)


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
        ("DisableGateway", {"GatewayARN": OTHER_GATEWAY}),
        ("DescribeTapeRecoveryPoints", {"GatewayARN": GATEWAY}),
        ("RetrieveTapeRecoveryPoint", {"TapeARN": TAPE, "GatewayARN": GATEWAY}),
    ],
)
async def test_an_archive_needs_an_object_store(
    tmp_path: Path, operation: str, members: dict[str, str]
) -> None:
    async with serving_api(tmp_path / "alone") as alone:
        code, message = await alone.refused(operation, **members)
        assert (code, "set store.url" in message) == ("NotSupported", True)


async def test_without_an_object_store_a_tape_that_is_not_here_is_nowhere(
    tmp_path: Path,
) -> None:
    async with serving_api(tmp_path / "alone") as alone:
        refusal = await alone.refused("AssignTapePool", TapeARN=TAPE, PoolId="DEEP_ARCHIVE")
        assert refusal == ("TapeCartridgeNotFound", f"there is no tape {BARCODE}")
