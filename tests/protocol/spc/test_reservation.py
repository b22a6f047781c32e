"""SPC-2 RESERVE and RELEASE: what another nexus may still do."""

import pytest

from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.primary import (
    Inquiry,
    LogSense,
    ModeSense6,
    PreventAllowMediumRemoval,
    Release6,
    Release10,
    ReportLuns,
    RequestSense,
    Reserve6,
    Reserve10,
    SendDiagnostic,
)
from pyvtl.scsi.task import Status
from pyvtl.scsi.unit import LogicalUnit
from tests.scsi_client import ALICE, BOB, READY, run, send, sense_of


async def conflicts(unit: LogicalUnit, cdb: Cdb) -> bool:
    task = await send(unit, cdb, nexus=BOB)
    assert task.status in (Status.GOOD, Status.RESERVATION_CONFLICT)
    return task.status == Status.RESERVATION_CONFLICT


@pytest.mark.parametrize("reserve", [Reserve6(), Reserve10()])
@pytest.mark.parametrize(
    "cdb",
    [READY, ModeSense6(), SendDiagnostic(), Reserve6(), Reserve10(),
     PreventAllowMediumRemoval(prevent=1)],
)  # fmt: skip
async def test_conflicting_commands(unit: LogicalUnit, reserve: Cdb, cdb: Cdb) -> None:
    await run(unit, reserve, nexus=ALICE)
    assert await conflicts(unit, cdb)


@pytest.mark.parametrize(
    "cdb",
    [Inquiry(), RequestSense(), ReportLuns(allocation_length=16), LogSense(), Release6(),
     Release10(), PreventAllowMediumRemoval(prevent=0)],
)  # fmt: skip
async def test_commands_that_pass(unit: LogicalUnit, cdb: Cdb) -> None:
    await run(unit, Reserve6(), nexus=ALICE)
    assert not await conflicts(unit, cdb)


async def test_the_holder_goes_on_and_may_reserve_again(unit: LogicalUnit) -> None:
    await run(unit, Reserve6(), nexus=ALICE)
    await run(unit, READY, nexus=ALICE)
    await run(unit, Reserve10(), nexus=ALICE)


async def test_only_the_holder_releases(unit: LogicalUnit) -> None:
    await run(unit, Reserve6(), nexus=ALICE)
    await run(unit, Release6(), nexus=BOB)
    assert await conflicts(unit, READY)
    await run(unit, Release10(), nexus=ALICE)
    assert not await conflicts(unit, READY)


async def test_the_end_of_the_session_releases(unit: LogicalUnit) -> None:
    await run(unit, Reserve6(), nexus=ALICE)
    unit.lose(ALICE)
    assert not await conflicts(unit, READY)


async def test_a_reset_releases(unit: LogicalUnit) -> None:
    await run(unit, Reserve6(), nexus=ALICE)
    unit.reset()
    assert await sense_of(unit, READY, nexus=BOB) == "06/29/03"
    assert not await conflicts(unit, READY)


@pytest.mark.parametrize(
    ("cdb", "bit"),
    [
        (Reserve6(third_party=True), 4),
        (Reserve6(extent=True), 0),
        (Reserve10(third_party=True), 4),
        (Reserve10(long_id=True), 1),
        (Release10(extent=True), 0),
    ],
)
async def test_third_parties_and_extents_are_refused(unit: LogicalUnit, cdb: Cdb, bit: int) -> None:
    assert await sense_of(unit, cdb) == f"05/24/00 cdb[1].{bit}"
    assert unit.reserved_by is None
