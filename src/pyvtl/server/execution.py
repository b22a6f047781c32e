"""From what a connection tells to what a logical unit does, and back (SAM-5 Task router)."""

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any

from pyvtl.iscsi.command import Command, DataFailure, Outcome
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.lun import decode_lun
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey
from pyvtl.scsi.target import Target
from pyvtl.scsi.task import TaskAborted, TaskAttribute
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.server.sessions import Initiator
from pyvtl.server.taskset import Job, TaskSet

MAX_TRANSFER_BYTES = 16 << 20
"""The longest data-out of one command that memory is taken for."""

number_of = lru_cache(maxsize=1024)(decode_lun)
"""The number in a LUN field: few fields are in use, and every command has one."""

ATTRIBUTES = (*TaskAttribute, *3 * (TaskAttribute.SIMPLE,))
"""Task attributes by the three bits of their code; a reserved one is taken as simple."""

FAILURES = {
    DataFailure.DIGEST: Asc.PROTOCOL_SERVICE_CRC_ERROR,
    DataFailure.PROTOCOL: Asc.DATA_PHASE_ERROR,
}


class ScsiJob(Job):
    """One SCSI command of an initiator, as a task that gets its data from there.

    Nothing in it leads back to it: so it is gone, and its data with it, once it is done, and
    memory for the next command is where the caches know it.
    """

    __slots__ = ("command", "initiator")

    def __init__(self, initiator: Initiator, command: Command) -> None:
        pdu = command.pdu
        super().__init__(
            initiator.nexus,
            command.cdb,
            number_of(pdu.lun),
            pdu.initiator_task_tag,
            ATTRIBUTES[pdu.attribute],
        )
        self.initiator = initiator
        self.command = command

    def run(self) -> Coroutine[Any, Any, None]:
        """Let the target route and execute the task."""
        return self.initiator.target.execute(self)

    def finish(self) -> None:
        """Answer, or for an aborted task drop what is left of it."""
        connection = self.initiator.connection
        if self.aborted:
            connection.abandon(self.command)
            return
        outcome = Outcome(self.status, self.sense, self.data_in, self.data_out_length)
        connection.respond(self.command, outcome)
        self.initiator.flush()

    # Data-out

    async def receive(self, length: int) -> memoryview:
        """Fetch data; what never comes ends the command or, when that is aborted, the task."""
        self.data_out_length = length
        if not length:
            return memoryview(b"")
        if length > MAX_TRANSFER_BYTES:
            raise CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB))
        if self.aborted:  # while it waited for something else: nobody will send anything
            raise TaskAborted
        if not self.initiator.connection.solicit(self.command, length):
            await self._arrival()
            if self.aborted:
                raise TaskAborted
        if self.command.failure is not None:
            raise CheckCondition(Sense(SenseKey.ABORTED_COMMAND, FAILURES[self.command.failure]))
        return self.command.data()

    async def _arrival(self) -> None:
        """Wait for data; a session that sends none for a while ends, and its tasks with it."""
        initiator, command = self.initiator, self.command
        arrival = initiator.arrivals[command] = asyncio.get_running_loop().create_future()
        initiator.flush()
        while not arrival.done():
            before = command.received
            await asyncio.wait((arrival,), timeout=initiator.data_seconds)
            if not arrival.done() and command.received == before:
                initiator.leave("the data that was asked for does not come")

    def interrupt(self) -> None:
        """Stop waiting for data.  A task that has its data goes on to its end, unanswered."""
        data_arrived(self.initiator, self.command)


def data_arrived(initiator: Initiator, command: Command) -> None:
    """All data that the command waits for is there, or will never be."""
    arrival = initiator.arrivals.pop(command, None)
    if arrival is not None and not arrival.done():
        arrival.set_result(None)


class Execution:
    """The task sets of all logical units; commands to units that are not there share one more."""

    def __init__(self) -> None:
        self._task_sets: dict[LogicalUnit | None, TaskSet[ScsiJob]] = {}

    def execute(self, initiator: Initiator, command: Command) -> None:
        """Begin a command, or let it wait for its turn."""
        job = ScsiJob(initiator, command)
        self.task_set(initiator.target.unit_of(job.lun)).submit(job)

    def task_set(self, unit: LogicalUnit | None) -> TaskSet[ScsiJob]:
        """The task set of a unit."""
        task_set = self._task_sets.get(unit)
        if task_set is None:
            task_set = self._task_sets[unit] = TaskSet()
        return task_set

    def task_sets(self, target: Target) -> list[TaskSet[ScsiJob]]:
        """The task sets in which a command to this target can be."""
        return [self.task_set(unit) for unit in (*target.units.values(), None)]

    def lose(self, initiator: Initiator) -> None:
        """A session is over: its commands end unanswered, its nexus is lost."""
        for task_set in self.task_sets(initiator.target):
            task_set.abort(lambda job: job.initiator is initiator)
        for unit in initiator.target.units.values():
            unit.lose(initiator.nexus)

    async def close(self) -> None:
        """End everything that runs."""
        for task_set in self._task_sets.values():
            await task_set.close()
