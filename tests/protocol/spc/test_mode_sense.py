"""SPC-5 MODE SENSE(6) and MODE SENSE(10)."""

import pytest

from pyvtl.scsi.mode_page import Control, ModePage, ModePages, ModeParameters
from pyvtl.scsi.primary import ModeSense6, ModeSense10
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Annotated, octets
from tests.scsi_client import run, sense_of

CONTROL = "0a0a00000000 0000ffff0000"
DISCONNECT = "020e" + "00" * 14
EXCEPTIONS = "1c0a0800" + "00" * 8


class Extension(ModePage, code=0x0A, subpage=0x01, size=32):
    """A page of sub_page format, as the Control Extension mode page has it."""

    initial_priority: Annotated[int, octets(5, 5)] = 1


class Long(ModePage, code=0x20, size=250, changeable="value"):
    """A vendor specific page that leaves little room for others."""

    value: Annotated[int, octets(2, 3)] = 0


def add(unit: LogicalUnit, *pages: ModePage) -> None:
    unit.mode_pages = ModePages(*unit.mode_pages, *pages)


async def test_one_page_on_the_wire(unit: LogicalUnit) -> None:
    """Header: 15 bytes follow, no block descriptor; then the Control mode page."""
    assert await run(unit, bytes.fromhex("1a000a00ff00")) == bytes.fromhex("0f000000" + CONTROL)
    ten = await run(unit, bytes.fromhex("5a000a000000 0000ff00"))
    assert ten == bytes.fromhex("0012000000000000" + CONTROL)


async def test_all_pages_in_ascending_order(unit: LogicalUnit) -> None:
    data = await run(unit, ModeSense6(page_code=0x3F, allocation_length=255))
    assert data[4:] == bytes.fromhex(DISCONNECT + CONTROL + EXCEPTIONS)


async def test_page_zero_is_the_header_alone(unit: LogicalUnit) -> None:
    assert await run(unit, ModeSense6(allocation_length=12)) == bytes.fromhex("03000000")


async def test_changeable_values_are_a_mask(unit: LogicalUnit) -> None:
    data = await run(unit, ModeSense6(page_code=0x0A, page_control=1, allocation_length=255))
    assert data[4:] == bytes.fromhex("0a0a04" + "00" * 9)


async def test_default_values_stay_when_others_are_in_force(unit: LogicalUnit) -> None:
    unit.mode_pages.select([Control(descriptor_sense=True)])
    default = ModeSense6(page_code=0x0A, page_control=2, allocation_length=255)
    current = ModeSense6(page_code=0x0A, allocation_length=255)
    assert ((await run(unit, default))[6], (await run(unit, current))[6]) == (0, 4)


async def test_no_values_are_saved(unit: LogicalUnit) -> None:
    """SPC-5: PC 11b without saved pages ends in SAVING PARAMETERS NOT SUPPORTED."""
    assert await sense_of(unit, ModeSense6(page_code=0x0A, page_control=3)) == "05/39/00"


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (ModeSense6(page_code=0x0B), "cdb[2].5"),
        (ModeSense10(page_code=0x0B), "cdb[2].5"),
        (ModeSense6(page_code=0x0A, subpage_code=0x02), "cdb[3].7"),
        (ModeSense6(page_code=0x3F, subpage_code=0x02), "cdb[3].7"),
    ],
)
async def test_unknown_pages(unit: LogicalUnit, cdb: ModeSense6, pointer: str) -> None:
    assert await sense_of(unit, cdb) == f"05/24/00 {pointer}"


async def test_subpages_come_only_when_asked_for(unit: LogicalUnit) -> None:
    """SPC-5: 3Fh with 00h gives the pages of page_0 format, with FFh those of sub_page too."""
    add(unit, Extension())
    extension = bytes.fromhex("4a01001c0001") + bytes(26)
    alone = ModeSense6(page_code=0x0A, subpage_code=1, allocation_length=255)
    assert (await run(unit, alone))[4:] == extension
    page_0 = ModeSense6(page_code=0x3F, allocation_length=255)
    assert extension not in await run(unit, page_0)
    every = ModeSense6(page_code=0x0A, subpage_code=0xFF, allocation_length=255)
    assert (await run(unit, every))[4:] == bytes.fromhex(CONTROL) + extension


async def test_six_byte_form_cannot_tell_more_than_256_bytes(unit: LogicalUnit) -> None:
    add(unit, Long())
    six = ModeSense6(page_code=0x3F, allocation_length=255)
    assert await sense_of(unit, six) == "05/24/00 cdb[2].5"
    ten = await run(unit, ModeSense10(page_code=0x3F, allocation_length=4))
    assert ten == bytes.fromhex("0128 00 00")


async def test_block_descriptor_unless_disabled(unit: LogicalUnit) -> None:
    """DBD leaves the block descriptor out; the header says how long it is."""
    descriptor = bytes.fromhex("0000000000010000")
    unit.mode_parameters = lambda: ModeParameters(0x18, 0x10, descriptor)  # type: ignore[method-assign] # stands in for a device
    assert await run(unit, ModeSense6(allocation_length=12)) == (
        bytes.fromhex("0b181008") + descriptor
    )
    without = ModeSense6(dbd=True, allocation_length=12)
    assert await run(unit, without) == bytes.fromhex("03181000")
    ten = await run(unit, ModeSense10(llbaa=True, allocation_length=16))
    assert ten == bytes.fromhex("000e181000000008") + descriptor


def test_a_page_whose_changeable_field_is_misspelt_is_refused() -> None:
    with pytest.raises(TypeError, match="velocity"):

        class Misspelt(ModePage, code=0x20, size=4, changeable="velocity"):
            value: Annotated[int, octets(2, 3)] = 0
