"""REPORT SUPPORTED OPERATION CODES, answered from the command table (SPC-5)."""

from collections.abc import Callable

from pyvtl.scsi.command import Command
from pyvtl.scsi.primary import ReportSupportedOperationCodes as Rsoc
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Annotated, Structure, bit, bits, octets

TIMEOUTS = (10).to_bytes(2, "big") + bytes(10)
"""Command timeouts descriptor (SPC-5): its length, and no timeout indicated."""


class CommandDescriptor(Structure, size=8):
    """SPC-5 Command descriptor, one for each command of the list."""

    operation_code: Annotated[int, octets(0, 0)]
    service_action: Annotated[int, octets(2, 3)]
    timeouts_follow: Annotated[bool, bit(5, 1)]
    has_service_action: Annotated[bool, bit(5, 0)]
    cdb_length: Annotated[int, octets(6, 7)]


class OneCommand(Structure, size=4):
    """SPC-5 One_command parameter data, before the CDB usage data."""

    timeouts_follow: Annotated[bool, bit(1, 7)] = False
    support: Annotated[int, bits(1, 2, 0)]
    cdb_size: Annotated[int, octets(2, 3)] = 0


NOT_SUPPORTED, AS_STANDARD = 0b001, 0b011


async def report_supported_operation_codes(unit: LogicalUnit, task: Task, cdb: Rsoc) -> None:
    """All commands, or one by operation code, by service action, or by whichever applies."""
    report = REPORTS.get(cdb.reporting_options)
    if report is None:
        raise invalid_field(cdb, "reporting_options")
    task.answer(report(unit, cdb), cdb.allocation_length)


def _all_commands(unit: LogicalUnit, cdb: Rsoc) -> bytes:
    timeouts = TIMEOUTS if cdb.rctd else b""
    listed = b"".join(_describe(row, cdb.rctd) + timeouts for row in unit.COMMANDS)
    return len(listed).to_bytes(4, "big") + listed


def _describe(row: Command, timeouts_follow: bool) -> bytes:
    return CommandDescriptor(
        operation_code=row.cdb.OPCODE,
        service_action=row.cdb.SERVICE_ACTION or 0,
        timeouts_follow=timeouts_follow,
        has_service_action=row.cdb.SERVICE_ACTION is not None,
        cdb_length=row.cdb.SIZE,
    ).encode()


def _by_operation_code(unit: LogicalUnit, cdb: Rsoc) -> bytes:
    """A command that has service actions may not be asked for without one."""
    rows = _rows(unit, cdb)
    if any(row.cdb.SERVICE_ACTION is not None for row in rows):
        raise invalid_field(cdb, "reporting_options")
    return _one_command(rows[0] if rows else None, cdb)


def _by_service_action(unit: LogicalUnit, cdb: Rsoc) -> bytes:
    """A command without service actions may not be asked for with one."""
    rows = _rows(unit, cdb)
    if any(row.cdb.SERVICE_ACTION is None for row in rows):
        raise invalid_field(cdb, "reporting_options")
    return _either(unit, cdb)


def _either(unit: LogicalUnit, cdb: Rsoc) -> bytes:
    """With or without a service action, which is zero for a command that has none."""
    wanted = cdb.requested_service_action
    rows = [row for row in _rows(unit, cdb) if (row.cdb.SERVICE_ACTION or 0) == wanted]
    return _one_command(rows[0] if rows else None, cdb)


REPORTS: dict[int, Callable[[LogicalUnit, Rsoc], bytes]] = {
    0b000: _all_commands,
    0b001: _by_operation_code,
    0b010: _by_service_action,
    0b011: _either,
}


def _rows(unit: LogicalUnit, cdb: Rsoc) -> list[Command]:
    return [row for row in unit.COMMANDS if cdb.requested_operation_code == row.cdb.OPCODE]


def _one_command(row: Command | None, cdb: Rsoc) -> bytes:
    if row is None:
        return OneCommand(support=NOT_SUPPORTED).encode()
    usage = row.cdb.usage()
    head = OneCommand(timeouts_follow=cdb.rctd, support=AS_STANDARD, cdb_size=len(usage))
    return head.encode() + usage + (TIMEOUTS if cdb.rctd else b"")
