"""Logical unit numbers on the wire, and REPORT LUNS (SAM-5 Logical unit number, SPC-5)."""

from pyvtl.scsi.primary import ReportLuns
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Buffer

PERIPHERAL, FLAT = 0b00, 0b01
LARGEST_PERIPHERAL = 0xFF
SHORTEST_ALLOCATION = 16
ALL_UNITS, WELL_KNOWN_UNITS, EVERYTHING = 0x00, 0x01, 0x02


def decode_lun(data: Buffer) -> int | None:
    """The number in an eight-byte LUN of peripheral (bus 0) or flat space form, else None."""
    method, number = data[0] >> 6, (data[0] & 0x3F) << 8 | data[1]
    if any(data[2:8]) or method not in (PERIPHERAL, FLAT):
        return None
    if method == PERIPHERAL and number > LARGEST_PERIPHERAL:
        return None
    return number


def encode_lun(lun: int) -> bytes:
    """Eight bytes: peripheral device addressing below 256, flat space addressing above."""
    method = PERIPHERAL if lun <= LARGEST_PERIPHERAL else FLAT
    return (method << 14 | lun).to_bytes(2, "big") + bytes(6)


async def report_luns(unit: LogicalUnit, task: Task, cdb: ReportLuns) -> None:
    """The units of the target; there are no well-known ones."""
    if cdb.select_report not in (ALL_UNITS, WELL_KNOWN_UNITS, EVERYTHING):
        raise invalid_field(cdb, "select_report")
    if cdb.allocation_length < SHORTEST_ALLOCATION:
        raise invalid_field(cdb, "allocation_length")
    luns = () if cdb.select_report == WELL_KNOWN_UNITS else unit.luns
    listed = b"".join(encode_lun(lun) for lun in luns)
    task.answer(len(listed).to_bytes(4, "big") + bytes(4) + listed, cdb.allocation_length)
