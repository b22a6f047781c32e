"""Lost gateways and the recovery points of their tapes, through boto3."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pyvtl.cloud import adopting
from pyvtl.cloud.memory import MemoryStore
from tests.api_client import ARN, GATEWAY, Served, serving_api
from tests.sites import TAPE, Site

WRITTEN: list[bytes | None] = [b"first", None, b"last", None]
RECOVERED = f"{ARN}:tape/{TAPE}"


@pytest.fixture
async def lost(tmp_path: Path) -> AsyncIterator[tuple[Served, str]]:
    """A gateway, and the ARN of another one that was lost after its tape was uploaded."""
    store = MemoryStore()
    other = Site(tmp_path / "lost", store)
    async with other.running():
        await other.create(TAPE, *WRITTEN)
        await other.push()
    async with serving_api(tmp_path / "data", objects=store) as api:
        yield api, GATEWAY.replace("12A3456B", other.id.upper())


async def test_describe_tape_recovery_points(lost: tuple[Served, str]) -> None:
    api, gateway = lost
    told = await api.call("DescribeTapeRecoveryPoints", GatewayARN=gateway)
    (point,) = told.pop("TapeRecoveryPointInfos")
    taken = point.pop("TapeRecoveryPointTime")
    assert abs((datetime.now(UTC) - taken).total_seconds()) < 60
    assert point == {
        "TapeARN": RECOVERED,
        "TapeSizeInBytes": 1 << 30,
        "TapeStatus": "AVAILABLE",
    }
    assert told == {"GatewayARN": gateway}
    nobody = GATEWAY.replace("12A3456B", "00000000")
    refusal = await api.refused("DescribeTapeRecoveryPoints", GatewayARN=nobody)
    assert refusal == ("GatewayNotFound", "the store knows no gateway 00000000")
    for odd in ("sgw-../12A3456B", "sgw-" + "1" * 300):
        arn = GATEWAY.replace("sgw-12A3456B", odd)
        for operation in ("DescribeTapeRecoveryPoints", "DisableGateway"):
            assert (await api.refused(operation, GatewayARN=arn))[0] == "GatewayNotFound"
    here = await api.call("DescribeTapeRecoveryPoints", GatewayARN=GATEWAY)
    assert here == {"GatewayARN": GATEWAY, "TapeRecoveryPointInfos": []}


async def test_a_gateway_that_was_connected_lately_is_not_disabled(
    lost: tuple[Served, str],
) -> None:
    api, gateway = lost
    code, message = await api.refused("DisableGateway", GatewayARN=gateway)
    assert (code, "can be disabled; stop it, and wait" in message) == ("OperationAborted", True)
    retrieval = {"TapeARN": RECOVERED, "GatewayARN": GATEWAY}
    code, message = await api.refused("RetrieveTapeRecoveryPoint", **retrieval)
    assert (code, message.endswith("is not disabled: disable it first")) == (
        "OperationAborted",
        True,
    )


async def test_the_tape_of_a_disabled_gateway_is_recovered_read_only(
    lost: tuple[Served, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, gateway = lost
    monkeypatch.setattr(adopting, "CONNECTED_SECONDS", 0)
    assert await api.call("DisableGateway", GatewayARN=gateway) == {"GatewayARN": gateway}
    retrieval = {"TapeARN": RECOVERED, "GatewayARN": GATEWAY}
    assert await api.call("RetrieveTapeRecoveryPoint", **retrieval) == {"TapeARN": RECOVERED}
    assert api.gateway.life.works is not None
    await api.gateway.life.works.settled(TAPE)
    (tape,) = (await api.call("DescribeTapes", GatewayARN=GATEWAY))["Tapes"]
    assert (tape["TapeARN"], tape["TapeStatus"]) == (RECOVERED, "RECOVERED")
    refusal = await api.refused("RetrieveTapeRecoveryPoint", **retrieval)
    assert refusal[0] == "OperationAborted"
    unknown = await api.refused(
        "RetrieveTapeRecoveryPoint", **retrieval | {"TapeARN": RECOVERED + "X"}
    )
    assert unknown == ("TapeCartridgeNotFound", f"tape {TAPE}X: it is not in the store")
