"""RESERVE and RELEASE of the whole logical unit for one nexus (SPC-2)."""

from pyvtl.scsi.primary import Release6, Release10, Reserve6, Reserve10
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit


async def reserve(unit: LogicalUnit, task: Task, cdb: Reserve6 | Reserve10) -> None:
    """Reserve for this nexus, also again; another's reservation has ended the command before."""
    _refuse_unsupported(cdb)
    unit.reserved_by = task.nexus


async def release(unit: LogicalUnit, task: Task, cdb: Release6 | Release10) -> None:
    """Release what this nexus reserved; anything else is GOOD and changes nothing."""
    _refuse_unsupported(cdb)
    if unit.reserved_by == task.nexus:
        unit.reserved_by = None


def _refuse_unsupported(cdb: Reserve6 | Reserve10 | Release6 | Release10) -> None:
    """Neither third parties nor extents nor elements can be reserved (for)."""
    for name in ("third_party", "long_id", "extent"):
        if getattr(cdb, name, False):
            raise invalid_field(cdb, name)
