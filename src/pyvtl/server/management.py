"""Task management functions (SAM-5 Task management functions, RFC 7143 section 11.5)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pyvtl.iscsi.codes import TaskManagementFunction, TaskManagementResult
from pyvtl.iscsi.command import TaskManagement
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.lun import decode_lun
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.server.execution import Execution, ScsiJob
from pyvtl.server.sessions import Initiator, Sessions

Choice = Callable[[ScsiJob, Initiator, TaskManagement], bool]
"""Whether a function ends this job."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a function does: which tasks it aborts, whether units are reset, and which units."""

    chooses: Choice
    resets: bool = False
    all_units: bool = False
    drops_sessions: bool = False


def _the_named_task(job: ScsiJob, initiator: Initiator, request: TaskManagement) -> bool:
    return job.command is request.command


def _own_tasks(job: ScsiJob, initiator: Initiator, request: TaskManagement) -> bool:
    return job.initiator is initiator


def _every_task(job: ScsiJob, initiator: Initiator, request: TaskManagement) -> bool:
    return True


ROWS: Mapping[int, Row] = {
    TaskManagementFunction.ABORT_TASK: Row(_the_named_task),
    TaskManagementFunction.ABORT_TASK_SET: Row(_own_tasks),
    TaskManagementFunction.CLEAR_TASK_SET: Row(_every_task),
    TaskManagementFunction.LOGICAL_UNIT_RESET: Row(_every_task, resets=True),
    TaskManagementFunction.TARGET_WARM_RESET: Row(_every_task, resets=True, all_units=True),
    TaskManagementFunction.TARGET_COLD_RESET: Row(
        _every_task, resets=True, all_units=True, drops_sessions=True
    ),
}


def manage(
    execution: Execution, sessions: Sessions, initiator: Initiator, request: TaskManagement
) -> None:
    """Carry out a function; it is answered when no task that it ended can have an effect."""
    row = ROWS[request.pdu.function]
    units = _units(row, initiator, request)
    if units is None:
        initiator.connection.respond_task_management(
            request, TaskManagementResult.LUN_DOES_NOT_EXIST
        )
        initiator.flush()
        return
    initiator.connection.abandon_kept(request)
    task_sets = [execution.task_set(unit) for unit in units]
    unsettled = len(task_sets)

    def settled() -> None:
        nonlocal unsettled
        unsettled -= 1
        if unsettled == 0:
            _complete(row, units, sessions, initiator, request)

    for unit, task_set in zip(units, task_sets, strict=True):
        aborted = task_set.abort(lambda job: row.chooses(job, initiator, request))
        if not row.resets:
            _tell_others(unit, initiator, aborted)
    for task_set in task_sets:
        task_set.when_settled(settled)


def _units(
    row: Row, initiator: Initiator, request: TaskManagement
) -> list[LogicalUnit | None] | None:
    """The units acted on; None when there is no such unit."""
    if row.all_units:
        return list(initiator.target.units.values())
    unit = initiator.target.unit_of(decode_lun(request.pdu.lun))
    # A task sent to no unit can be aborted all the same.
    return None if unit is None and request.command is None else [unit]


def _tell_others(
    unit: LogicalUnit | None, initiator: Initiator, aborted: Iterable[ScsiJob]
) -> None:
    """Initiators whose tasks another one cleared get a unit attention (SAM-5 CLEAR TASK SET)."""
    others = {job.initiator.nexus for job in aborted} - {initiator.nexus}
    if unit is not None:
        for nexus in others:
            unit.attentions.post(nexus, Asc.COMMANDS_CLEARED_BY_ANOTHER_INITIATOR)


def _complete(
    row: Row,
    units: Iterable[LogicalUnit | None],
    sessions: Sessions,
    initiator: Initiator,
    request: TaskManagement,
) -> None:
    if row.resets:
        for unit in units:
            if unit is not None:
                unit.reset()
    initiator.connection.respond_task_management(request, TaskManagementResult.FUNCTION_COMPLETE)
    initiator.flush()
    if row.drops_sessions:
        for other in sessions:
            if other.target is initiator.target:
                other.leave("target reset")
