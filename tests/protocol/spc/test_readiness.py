"""SPC-5 REQUEST SENSE, SEND DIAGNOSTIC, PREVENT ALLOW MEDIUM REMOVAL; unit attentions."""

import pytest

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.primary import (
    Inquiry,
    PreventAllowMediumRemoval,
    RequestSense,
    SendDiagnostic,
)
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.unit import LogicalUnit
from tests.protocol.spc.plain_unit import PlainUnit
from tests.scsi_client import ALICE, BOB, READY, run, sense_of

SENSE = RequestSense(allocation_length=252)
NO_SENSE = "700000000000000a" + "00" * 10


class FailedEarlier(PlainUnit):
    """Has one failure of an earlier command to tell."""

    failure: Sense | None = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, deferred=True)

    def take_deferred_error(self, nexus: Nexus) -> Sense | None:
        failure, self.failure = self.failure, None
        return failure


async def test_nothing_to_tell(unit: LogicalUnit) -> None:
    assert await run(unit, bytes.fromhex("03000000fc00")) == bytes.fromhex(NO_SENSE)


async def test_desc_asks_for_the_descriptor_format(unit: LogicalUnit) -> None:
    assert await run(unit, bytes.fromhex("03010000fc00")) == bytes.fromhex("7200000000000000")


async def test_request_sense_tells_a_unit_attention_and_clears_it(unit: LogicalUnit) -> None:
    unit.attentions.post(ALICE, Asc.MODE_PARAMETERS_CHANGED)
    assert (await run(unit, SENSE)).hex() == "700006000000000a000000002a0100000000"
    assert await run(unit, SENSE) == bytes.fromhex(NO_SENSE)
    assert await run(unit, READY) == b""


async def test_inquiry_leaves_a_unit_attention_pending(unit: LogicalUnit) -> None:
    unit.attentions.post(ALICE, Asc.MODE_PARAMETERS_CHANGED)
    await run(unit, Inquiry(allocation_length=36))
    assert await sense_of(unit, READY) == "06/2a/01"


async def test_a_deferred_error_is_told_as_such(unit: LogicalUnit) -> None:
    failed = FailedEarlier(unit.identity)
    assert (await run(failed, SENSE)).hex() == "710003000000000a000000000c0000000000"
    failed = FailedEarlier(unit.identity)
    assert await sense_of(failed, READY) == "03/0c/00"
    assert await run(failed, READY) == b""


async def test_a_new_nexus_is_told_of_the_power_on_once(unit: LogicalUnit) -> None:
    carol = Nexus("iqn.2026-01.example:carol,i,0x00023d000001", ALICE.target_port)
    unit.establish(carol)
    assert await sense_of(unit, READY, nexus=carol) == "06/29/00"
    unit.lose(carol)
    unit.establish(carol)
    assert await run(unit, READY, nexus=carol) == b""


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (SendDiagnostic(self_test_code=1), "cdb[1].7"),
        (SendDiagnostic(parameter_list_length=4), "cdb[3].7"),
        (PreventAllowMediumRemoval(prevent=2), "cdb[4].1"),
    ],
)
async def test_what_is_refused(unit: LogicalUnit, cdb: Cdb, pointer: str) -> None:
    assert await sense_of(unit, cdb) == f"05/24/00 {pointer}"


async def test_the_self_test_passes(unit: LogicalUnit) -> None:
    assert await run(unit, bytes.fromhex("1d0400000000")) == b""


async def test_removal_is_prevented_until_everybody_allows_it(unit: LogicalUnit) -> None:
    """SPC-5: prevention ends for a nexus by its own command, or with its session."""
    prevent, allow = bytes.fromhex("1e0000000100"), bytes.fromhex("1e0000000000")
    await run(unit, prevent, nexus=ALICE)
    await run(unit, prevent, nexus=BOB)
    await run(unit, allow, nexus=ALICE)
    assert unit.removal_prevented_by == {BOB}
    unit.lose(BOB)
    assert unit.removal_prevented_by == set()
