"""LOG SENSE and LOG SELECT (SPC-5)."""

from collections.abc import Sequence

from pyvtl.scsi.primary import LogSelect, LogSense
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Annotated, Structure, bit, bits, octets

SUPPORTED_PAGES = 0x00
ALL_SUBPAGES = 0xFF


class LogPageHeader(Structure, size=4):
    """SPC-5 Log page format; DS says that nothing is saved."""

    disable_save: Annotated[bool, bit(0, 7)] = True
    subpage_format: Annotated[bool, bit(0, 6)] = False
    page_code: Annotated[int, bits(0, 5, 0)] = 0
    subpage_code: Annotated[int, octets(1, 1)] = 0
    page_length: Annotated[int, octets(2, 3)] = 0


async def log_sense(unit: LogicalUnit, task: Task, cdb: LogSense) -> None:
    """One page; no thresholds are kept, so that every PC is answered with the current values."""
    if cdb.sp:
        raise invalid_field(cdb, "sp")
    body = _list_pages(unit, cdb) if cdb.page_code == SUPPORTED_PAGES else _parameters(unit, cdb)
    header = LogPageHeader(
        subpage_format=cdb.subpage_code != 0,
        disable_save=cdb.page_code != SUPPORTED_PAGES,
        page_code=cdb.page_code,
        subpage_code=cdb.subpage_code,
        page_length=len(body),
    )
    task.answer(header.encode() + body, cdb.allocation_length)


async def log_select(unit: LogicalUnit, task: Task, cdb: LogSelect) -> None:
    """PCR sets the parameters of a page, or of all, to zero; no list of parameters is taken."""
    for name in ("sp", "parameter_list_length"):
        if getattr(cdb, name):
            raise invalid_field(cdb, name)
    page = (cdb.page_code, cdb.subpage_code)
    if page != (0, 0) and page not in unit.log_pages():
        raise invalid_field(cdb, "page_code")
    if cdb.pcr:
        unit.reset_log_parameters(*page)


def _list_pages(unit: LogicalUnit, cdb: LogSense) -> bytes:
    """SPC-5 Supported Log Pages, or with subpage FFh Supported Log Pages and Subpages."""
    codes = sorted({(SUPPORTED_PAGES, 0), *unit.log_pages()})
    if cdb.subpage_code == 0:
        return bytes(code for code, subpage in codes if subpage == 0)
    if cdb.subpage_code == ALL_SUBPAGES:
        listed: Sequence[tuple[int, int]] = sorted({*codes, (SUPPORTED_PAGES, ALL_SUBPAGES)})
        return b"".join(bytes(code) for code in listed)
    raise invalid_field(cdb, "subpage_code")


def _parameters(unit: LogicalUnit, cdb: LogSense) -> bytes:
    """The parameters from the pointer on; a pointer beyond the last is refused."""
    pages = unit.log_pages()
    give = pages.get((cdb.page_code, cdb.subpage_code))
    if give is None:
        known = any(code == cdb.page_code for code, _ in pages)
        raise invalid_field(cdb, "subpage_code" if known else "page_code")
    parameters = [p for p in give() if p.code >= cdb.parameter_pointer]
    if not parameters and cdb.parameter_pointer:
        raise invalid_field(cdb, "parameter_pointer")
    return b"".join(p.encode() for p in parameters)
