"""MODE SENSE and MODE SELECT (SPC-5)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.mode_page import ModePage, ModePages, ModeParameters
from pyvtl.scsi.primary import ModeSelect6, ModeSelect10, ModeSense6, ModeSense10
from pyvtl.scsi.sense import CheckCondition, illegal_request, invalid_field, invalid_parameter
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Annotated, Buffer, Structure, bit, bits, octets

ALL_PAGES = 0x3F
ALL_SUBPAGES = 0xFF
LONGEST_SENSE_6 = 256
BLOCK_DESCRIPTOR_SIZE = 8

ModeSense = ModeSense6 | ModeSense10
ModeSelect = ModeSelect6 | ModeSelect10


class PageControl(IntEnum):
    """The PC field of MODE SENSE: which values are asked for (SPC-5 MODE SENSE(6))."""

    CURRENT = 0b00
    CHANGEABLE = 0b01
    DEFAULT = 0b10
    SAVED = 0b11


class ModeHeader6(Structure, size=4):
    """SPC-5 Mode parameter header(6); `mode_data_length` does not count itself."""

    mode_data_length: Annotated[int, octets(0, 0)] = 0
    medium_type: Annotated[int, octets(1, 1)] = 0
    device_specific: Annotated[int, octets(2, 2)] = 0
    block_descriptor_length: Annotated[int, octets(3, 3)] = 0


class ModeHeader10(Structure, size=8):
    """SPC-5 Mode parameter header(10); `mode_data_length` does not count itself."""

    mode_data_length: Annotated[int, octets(0, 1)] = 0
    medium_type: Annotated[int, octets(2, 2)] = 0
    device_specific: Annotated[int, octets(3, 3)] = 0
    block_descriptor_length: Annotated[int, octets(6, 7)] = 0


class PageHeader(Structure, size=4):
    """SPC-5 Mode page format: SPF tells whether the last two bytes belong to the header."""

    spf: Annotated[bool, bit(0, 6)] = False
    page_code: Annotated[int, bits(0, 5, 0)] = 0
    second: Annotated[int, octets(1, 1)] = 0
    long_length: Annotated[int, octets(2, 3)] = 0


VALUES: dict[int, Callable[[ModePages], Iterable[tuple[ModePage, bytes]]]] = {
    PageControl.CURRENT: lambda pages: ((page, page.encode()) for page in pages),
    PageControl.CHANGEABLE: lambda pages: ((page, page.changeable_values()) for page in pages),
    PageControl.DEFAULT: lambda pages: ((page, page.encode()) for page in pages.defaults),
}


async def mode_sense_6(unit: LogicalUnit, task: Task, cdb: ModeSense6) -> None:
    """Header of four bytes; more than 256 bytes cannot be told with it and are refused."""
    parameters = unit.mode_parameters()
    pages = _pages(unit, cdb)
    descriptor = b"" if cdb.dbd else parameters.block_descriptor
    length = ModeHeader6.SIZE + len(descriptor) + len(pages)
    if length > LONGEST_SENSE_6:
        raise invalid_field(cdb, "page_code")
    header = ModeHeader6(
        mode_data_length=length - 1,
        medium_type=parameters.medium_type,
        device_specific=parameters.device_specific,
        block_descriptor_length=len(descriptor),
    )
    task.answer(header.encode() + descriptor + pages, cdb.allocation_length)


async def mode_sense_10(unit: LogicalUnit, task: Task, cdb: ModeSense10) -> None:
    """Header of eight bytes."""
    parameters = unit.mode_parameters()
    pages = _pages(unit, cdb)
    descriptor = b"" if cdb.dbd else parameters.block_descriptor
    header = ModeHeader10(
        mode_data_length=ModeHeader10.SIZE + len(descriptor) + len(pages) - 2,
        medium_type=parameters.medium_type,
        device_specific=parameters.device_specific,
        block_descriptor_length=len(descriptor),
    )
    task.answer(header.encode() + descriptor + pages, cdb.allocation_length)


async def mode_select_6(unit: LogicalUnit, task: Task, cdb: ModeSelect6) -> None:
    """As `mode_select`, with the header of four bytes."""
    await _mode_select(unit, task, cdb, ModeHeader6)


async def mode_select_10(unit: LogicalUnit, task: Task, cdb: ModeSelect10) -> None:
    """As `mode_select`, with the header of eight bytes."""
    await _mode_select(unit, task, cdb, ModeHeader10)


def _pages(unit: LogicalUnit, cdb: ModeSense) -> bytes:
    """The pages asked for, one after another; nothing for page 00h, which no device has."""
    if cdb.page_control == PageControl.SAVED:
        raise illegal_request(Asc.SAVING_PARAMETERS_NOT_SUPPORTED)
    wanted = [
        values
        for page, values in VALUES[cdb.page_control](unit.mode_pages)
        if cdb.page_code in (page.CODE, ALL_PAGES) and _wants_subpage(cdb, page)
    ]
    if not wanted and (cdb.page_code, cdb.subpage_code) != (0, 0):
        known = any(cdb.page_code == page.CODE for page in unit.mode_pages)
        every = cdb.page_code == ALL_PAGES
        raise invalid_field(cdb, "subpage_code" if known or every else "page_code")
    return b"".join(wanted)


def _wants_subpage(cdb: ModeSense, page: ModePage) -> bool:
    """Subpage FFh asks for all, page 3Fh with subpage 00h for those of page_0 format."""
    return cdb.subpage_code in (page.SUBPAGE, ALL_SUBPAGES)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a MODE SELECT parameter list asks for, checked against the unit's pages."""

    header: ModeHeader6 | ModeHeader10
    block_descriptor: bytes
    pages: list[ModePage]


async def _mode_select(
    unit: LogicalUnit, task: Task, cdb: ModeSelect, header: type[ModeHeader6 | ModeHeader10]
) -> None:
    """Check the whole list, then put it in force, then tell the other nexuses of a change."""
    if cdb.sp:
        raise invalid_field(cdb, "sp")
    if cdb.parameter_list_length == 0:
        return
    data = await task.receive(cdb.parameter_list_length)
    if len(data) < cdb.parameter_list_length:
        raise _length_error()
    selection = _parse(unit, data, header)
    if selection.pages and not cdb.pf:
        raise invalid_field(cdb, "pf")
    before = unit.mode_parameters(), list(unit.mode_pages)
    unit.select_mode(
        ModeParameters(
            selection.header.medium_type,
            selection.header.device_specific,
            selection.block_descriptor,
        ),
        selection.pages,
    )
    if (unit.mode_parameters(), list(unit.mode_pages)) != before:
        unit.attentions.post_all(Asc.MODE_PARAMETERS_CHANGED, but=task.nexus)


def _parse(
    unit: LogicalUnit, data: Buffer, header_class: type[ModeHeader6 | ModeHeader10]
) -> Selection:
    """Take a parameter list apart; what is cut short is 1A/00, what is not allowed 26/00."""
    if len(data) < header_class.SIZE:
        raise _length_error()
    header = header_class.decode(data)
    if header.block_descriptor_length not in (0, BLOCK_DESCRIPTOR_SIZE):
        raise invalid_parameter(header, "block_descriptor_length")
    start = header.SIZE + header.block_descriptor_length
    if len(data) < start:
        raise _length_error()
    pages = []
    offset = start
    while offset < len(data):
        page = _parse_page(unit, data, offset)
        pages.append(page)
        offset += page.SIZE
    return Selection(header, bytes(data[header.SIZE : start]), pages)


def _parse_page(unit: LogicalUnit, data: Buffer, offset: int) -> ModePage:
    """The page at `offset`: known, of its full length, and changed only where it may be."""
    head = bytes(data[offset : offset + PageHeader.SIZE])
    if len(head) < PageHeader.SIZE:
        raise _length_error()
    header = PageHeader.decode(head)
    current = unit.mode_pages.find(header.page_code, header.second if header.spf else 0)
    if current is None or current.CODE == 0:
        raise invalid_parameter(header, "page_code", offset)
    expected = type(current).header()
    if head[1 : len(expected)] != expected[1:]:
        raise invalid_parameter(header, "long_length" if header.spf else "second", offset)
    if len(data) < offset + current.SIZE:
        raise _length_error()
    page = type(current).decode(data[offset : offset + current.SIZE])
    _check_unchangeable(current, page, offset)
    return page


def _check_unchangeable(current: ModePage, page: ModePage, offset: int) -> None:
    for slot in page.SLOTS:
        changed = getattr(page, slot.name) != getattr(current, slot.name)
        if changed and slot.name not in page.CHANGEABLE:
            raise invalid_parameter(page, slot.name, offset)


def _length_error() -> CheckCondition:
    return illegal_request(Asc.PARAMETER_LIST_LENGTH_ERROR)
