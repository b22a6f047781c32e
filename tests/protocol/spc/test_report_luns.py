"""SPC-5 REPORT LUNS and Incorrect logical unit selection, SAM-5 LUN formats."""

import pytest

from pyvtl.scsi.lun import decode_lun, encode_lun
from pyvtl.scsi.primary import Inquiry, ReportLuns, RequestSense
from pyvtl.scsi.target import Target
from tests.protocol.spc.plain_unit import PlainUnit
from tests.scsi_client import READY, run, sense_of


@pytest.fixture
def target(unit: PlainUnit) -> Target:
    """One unit twice: as LUN 0 and as LUN 300."""
    return Target({300: unit, 0: unit})


async def test_on_the_wire(target: Target) -> None:
    """Peripheral device addressing for 0, flat space addressing for 300 (012Ch)."""
    data = await run(target, bytes.fromhex("a00000000000 00000100 0000"))
    assert data == bytes.fromhex("00000010 00000000 0000000000000000 412c000000000000")


@pytest.mark.parametrize("lun", [0, 7, None])
async def test_every_lun_answers(target: Target, lun: int | None) -> None:
    assert len(await run(target, ReportLuns(allocation_length=16), lun=lun)) == 16


async def test_well_known_units_there_are_none(target: Target) -> None:
    assert await run(target, ReportLuns(select_report=1, allocation_length=64)) == bytes(8)
    assert len(await run(target, ReportLuns(select_report=2, allocation_length=64))) == 24


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (ReportLuns(select_report=3, allocation_length=64), "cdb[2].7"),
        (ReportLuns(allocation_length=15), "cdb[6].7"),
    ],
)
async def test_what_is_refused(target: Target, cdb: ReportLuns, pointer: str) -> None:
    assert await sense_of(target, cdb) == f"05/24/00 {pointer}"


async def test_inquiry_of_a_unit_that_is_not_there(target: Target) -> None:
    """Qualifier 011b and device type 1Fh."""
    data = await run(target, Inquiry(allocation_length=36), lun=7)
    assert (data[0], len(data)) == (0x7F, 36)


async def test_request_sense_of_a_unit_that_is_not_there(target: Target) -> None:
    data = await run(target, RequestSense(allocation_length=252), lun=7)
    assert data.hex() == "700005000000000a00000000250000000000"
    data = await run(target, RequestSense(desc=True, allocation_length=252), lun=7)
    assert data.hex() == "7205250000000000"


@pytest.mark.parametrize("cdb", [READY.encode(), b"\xff"])
async def test_other_commands_to_a_unit_that_is_not_there(target: Target, cdb: bytes) -> None:
    assert await sense_of(target, cdb, lun=7) == "05/25/00"
    assert await sense_of(target, cdb, lun=None) == "05/25/00"


def test_a_task_belongs_to_the_unit_it_names(target: Target, unit: PlainUnit) -> None:
    assert [target.unit_of(lun) for lun in (0, 300, 1, None)] == [unit, unit, None, None]


@pytest.mark.parametrize(
    ("wire", "lun"),
    [
        ("0000000000000000", 0),
        ("00ff000000000000", 255),
        ("4001000000000000", 1),
        ("7fff000000000000", 16383),
        ("0100000000000000", None),  # bus 1
        ("0001000100000000", None),  # a second level
        ("8001000000000000", None),  # logical unit addressing
        ("c101000000000000", None),  # well-known logical unit
    ],
)
def test_lun_formats(wire: str, lun: int | None) -> None:
    assert decode_lun(bytes.fromhex(wire)) == lun


@pytest.mark.parametrize("lun", [0, 255, 256, 16383])
def test_what_is_encoded_is_decoded(lun: int) -> None:
    assert decode_lun(encode_lun(lun)) == lun
