"""SPC-5 LOG SENSE and LOG SELECT."""

import pytest

from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.log_page import LogPages, LogParameter
from pyvtl.scsi.primary import LogSelect, LogSense
from tests.protocol.spc.plain_unit import PlainUnit
from tests.scsi_client import run, sense_of


class CountingUnit(PlainUnit):
    """Counts two things on page 30h, and one on its subpage 01h."""

    def log_pages(self) -> LogPages:
        return {
            (0x30, 0x00): lambda: [LogParameter(1, b"\x07"), LogParameter(0x0100, b"\x01\x02")],
            (0x30, 0x01): lambda: [LogParameter(0, b"ASCII", control=0x01)],
        }

    def reset_log_parameters(self, page_code: int, subpage: int) -> None:
        self.last_reset = (page_code, subpage)


@pytest.fixture
def counting(unit: PlainUnit) -> CountingUnit:
    return CountingUnit(unit.identity)


async def test_supported_pages_on_the_wire(counting: CountingUnit) -> None:
    data = await run(counting, bytes.fromhex("4d00400000000000ff00"))
    assert data == bytes.fromhex("00000002 0030")


async def test_supported_pages_and_subpages(counting: CountingUnit) -> None:
    data = await run(counting, LogSense(subpage_code=0xFF, allocation_length=255))
    assert data == bytes.fromhex("40ff0008 0000 00ff 3000 3001")


async def test_parameters_of_a_page(counting: CountingUnit) -> None:
    """DS set, code, control byte (binary list), length, value."""
    data = await run(counting, LogSense(page_control=1, page_code=0x30, allocation_length=255))
    assert data == bytes.fromhex("b000000b 0001030107 010003020102")


async def test_a_subpage_says_so(counting: CountingUnit) -> None:
    data = await run(counting, LogSense(page_code=0x30, subpage_code=1, allocation_length=255))
    assert data == bytes.fromhex("f0010009 00000105") + b"ASCII"


async def test_from_the_parameter_pointer_on(counting: CountingUnit) -> None:
    cdb = LogSense(page_code=0x30, parameter_pointer=2, allocation_length=255)
    assert await run(counting, cdb) == bytes.fromhex("b0000006 010003020102")


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (LogSense(sp=True), "cdb[1].0"),
        (LogSense(page_code=0x31), "cdb[2].5"),
        (LogSense(page_code=0x30, subpage_code=2), "cdb[3].7"),
        (LogSense(subpage_code=2), "cdb[3].7"),
        (LogSense(page_code=0x30, parameter_pointer=0x0101), "cdb[5].7"),
        (LogSelect(sp=True), "cdb[1].0"),
        (LogSelect(parameter_list_length=4), "cdb[7].7"),
        (LogSelect(page_code=0x31, pcr=True), "cdb[2].5"),
    ],
)
async def test_what_is_refused(counting: CountingUnit, cdb: Cdb, pointer: str) -> None:
    assert await sense_of(counting, cdb) == f"05/24/00 {pointer}"


async def test_parameter_code_reset(counting: CountingUnit) -> None:
    await run(counting, LogSelect(pcr=True, page_code=0x30))
    assert counting.last_reset == (0x30, 0)


async def test_without_reset_log_select_changes_nothing(unit: PlainUnit) -> None:
    assert await run(unit, LogSelect()) == b""
    assert await run(unit, LogSelect(pcr=True)) == b""
