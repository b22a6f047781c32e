"""Whether a unit is ready, and what it has to tell: TEST UNIT READY and neighbours (SPC-5)."""

from pyvtl.scsi.primary import (
    PreventAllowMediumRemoval,
    RequestSense,
    SendDiagnostic,
    TestUnitReady,
)
from pyvtl.scsi.sense import Sense, SenseKey, invalid_field
from pyvtl.scsi.task import Status, Task
from pyvtl.scsi.unit import LogicalUnit


async def test_unit_ready(unit: LogicalUnit, task: Task, cdb: TestUnitReady) -> None:
    """GOOD when the unit is ready, which the table has checked."""


async def request_sense(unit: LogicalUnit, task: Task, cdb: RequestSense) -> None:
    """Tell, as data, what the next command would be told: a deferred error or a unit attention."""
    sense = unit.take_deferred_error(task.nexus)
    if sense is None:
        attention = unit.attentions.take(task.nexus)
        sense = Sense(SenseKey.UNIT_ATTENTION, attention) if attention else Sense()
    data = sense.encode_descriptor() if cdb.desc else sense.encode_fixed()
    task.answer(data, cdb.allocation_length)


async def send_diagnostic(unit: LogicalUnit, task: Task, cdb: SendDiagnostic) -> None:
    """The default self-test passes; other tests and diagnostic pages are not known."""
    for name in ("self_test_code", "parameter_list_length"):
        if getattr(cdb, name):
            raise invalid_field(cdb, name)


async def prevent_allow_medium_removal(
    unit: LogicalUnit, task: Task, cdb: PreventAllowMediumRemoval
) -> None:
    """Each nexus prevents for itself, and removal is allowed once none prevents it.

    Allowing passes the reservation of another nexus, preventing does not (SPC-2).
    """
    if cdb.prevent > 1:
        raise invalid_field(cdb, "prevent")
    if not cdb.prevent:
        unit.removal_prevented_by.discard(task.nexus)
    elif unit.reserved_for_another(task.nexus):
        task.status = Status.RESERVATION_CONFLICT
    else:
        unit.removal_prevented_by.add(task.nexus)
