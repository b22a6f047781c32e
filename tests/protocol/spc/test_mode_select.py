"""SPC-5 MODE SELECT(6) and MODE SELECT(10)."""

import pytest

from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.mode_page import Control, InformationalExceptions
from pyvtl.scsi.primary import ModeSelect6, ModeSelect10
from pyvtl.scsi.unit import LogicalUnit
from tests.scsi_client import ALICE, BOB, READY, run, send, sense_of

HEADER = bytes(4)
D_SENSE = bytes.fromhex("0a0a04000000 0000ffff0000")
NOT_DEXCPT = bytes.fromhex("1c0a" + "00" * 10)


def select(parameters: bytes, *, pf: bool = True) -> tuple[Cdb, bytes]:
    return ModeSelect6(pf=pf, parameter_list_length=len(parameters)), parameters


async def test_on_the_wire(unit: LogicalUnit) -> None:
    """PF, 16 bytes: a header of zeros and the Control mode page with D_SENSE."""
    await run(unit, bytes.fromhex("151000001000"), HEADER + D_SENSE)
    assert unit.mode_pages.current(Control) == Control(descriptor_sense=True)


async def test_ten_byte_form(unit: LogicalUnit) -> None:
    await run(unit, ModeSelect10(pf=True, parameter_list_length=20), bytes(8) + D_SENSE)
    assert unit.mode_pages.current(Control).descriptor_sense


async def test_several_pages_at_once(unit: LogicalUnit) -> None:
    await run(unit, *select(HEADER + NOT_DEXCPT + D_SENSE))
    assert not unit.mode_pages.current(InformationalExceptions).disabled
    assert unit.mode_pages.current(Control).descriptor_sense


async def test_d_sense_chooses_the_sense_format(unit: LogicalUnit) -> None:
    await run(unit, *select(HEADER + D_SENSE))
    task = await send(unit, bytes.fromhex("ff"))
    assert task.sense.hex() == "7205200000000000"


async def test_a_reset_brings_the_default_values_back(unit: LogicalUnit) -> None:
    """SAM-5 Logical unit reset; nothing is saved."""
    await run(unit, *select(HEADER + D_SENSE))
    unit.reset()
    assert unit.mode_pages.current(Control) == Control()


async def test_the_other_nexuses_are_told_of_a_change(unit: LogicalUnit) -> None:
    """SPC-5: MODE PARAMETERS CHANGED for every nexus but the one that changed them."""
    await run(unit, *select(HEADER + NOT_DEXCPT), nexus=ALICE)
    assert await run(unit, READY, nexus=ALICE) == b""
    assert await sense_of(unit, READY, nexus=BOB) == "06/2a/01"
    assert await run(unit, READY, nexus=BOB) == b""


async def test_what_changes_nothing_is_told_to_nobody(unit: LogicalUnit) -> None:
    await run(unit, *select(HEADER + Control().encode()), nexus=ALICE)
    assert await run(unit, READY, nexus=BOB) == b""


async def test_an_empty_list_is_no_error(unit: LogicalUnit) -> None:
    task = await send(unit, ModeSelect6())
    assert (task.sense, task.data_out_length) == (b"", 0)


@pytest.mark.parametrize(
    ("parameters", "sense"),
    [
        pytest.param(bytes(3), "05/1a/00", id="half a header"),
        pytest.param(bytes.fromhex("00000008"), "05/1a/00", id="no block descriptor"),
        pytest.param(bytes.fromhex("00000004"), "05/26/00 data[3].7", id="its length"),
        pytest.param(HEADER + D_SENSE[:3], "05/1a/00", id="half a page header"),
        pytest.param(HEADER + D_SENSE[:11], "05/1a/00", id="a page cut short"),
        pytest.param(HEADER + b"\x0b" + D_SENSE[1:], "05/26/00 data[4].5", id="unknown page"),
        pytest.param(HEADER + b"\x0a\x0b" + D_SENSE[2:], "05/26/00 data[5].7", id="its length"),
        pytest.param(HEADER + b"\x4a\x01\0\x1c", "05/26/00 data[4].5", id="unknown subpage"),
        pytest.param(
            HEADER + NOT_DEXCPT + b"\x0a\x0a\x04\x10" + D_SENSE[4:],
            "05/26/00 data[19].7",
            id="a field that is not changeable",
        ),
    ],
)
async def test_a_list_that_is_refused_changes_nothing(
    unit: LogicalUnit, parameters: bytes, sense: str
) -> None:
    before = list(unit.mode_pages)
    assert await sense_of(unit, *select(parameters)) == sense
    assert list(unit.mode_pages) == before


async def test_fewer_bytes_than_announced(unit: LogicalUnit) -> None:
    cdb = ModeSelect6(pf=True, parameter_list_length=16)
    assert await sense_of(unit, cdb, HEADER) == "05/1a/00"


async def test_nothing_is_saved(unit: LogicalUnit) -> None:
    cdb = ModeSelect6(pf=True, sp=True, parameter_list_length=16)
    assert await sense_of(unit, cdb, HEADER + D_SENSE) == "05/24/00 cdb[1].0"


async def test_pages_need_the_page_format_bit(unit: LogicalUnit) -> None:
    """Without PF what follows the block descriptors is vendor specific: only nothing is taken."""
    assert await sense_of(unit, *select(HEADER + D_SENSE, pf=False)) == "05/24/00 cdb[1].4"
    assert await run(unit, *select(HEADER, pf=False)) == b""


async def test_a_block_descriptor_is_passed_over_by_a_unit_without_blocks(
    unit: LogicalUnit,
) -> None:
    await run(unit, *select(bytes.fromhex("00000008") + bytes(8) + D_SENSE))
    assert unit.mode_pages.current(Control).descriptor_sense
