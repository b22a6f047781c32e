"""Tasks: one SCSI command each, on its way through a logical unit (SAM-5 Task)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from pyvtl.scsi.nexus import Nexus
from pyvtl.wire.layout import Buffer


class Status(IntEnum):
    """SAM-5 Status codes."""

    GOOD = 0x00
    CHECK_CONDITION = 0x02
    BUSY = 0x08
    RESERVATION_CONFLICT = 0x18
    TASK_SET_FULL = 0x28
    TASK_ABORTED = 0x40


class TaskAttribute(IntEnum):
    """SAM-5 Task attributes, with the numbers of RFC 7143 section 11.3.1."""

    UNTAGGED = 0
    SIMPLE = 1
    ORDERED = 2
    HEAD_OF_QUEUE = 3
    ACA = 4


class TaskAborted(Exception):  # noqa: N818 - the standard's name for it
    """The task was ended by task management while it waited for data; it must do nothing more."""


class DataOut(Protocol):
    """The initiator's end of a task's data-out buffer."""

    async def receive(self, length: int) -> memoryview:
        """Wait for the first `length` bytes; fewer only if the initiator offers fewer.

        Called at most once for a task.  Raises TaskAborted when they will never come.
        """
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """Data-out that is there already, for tests and for data that came with the command."""

    data: Buffer = b""

    async def receive(self, length: int) -> memoryview:
        return memoryview(self.data)[:length]


NOTHING = Given()


@dataclass(eq=False, slots=True)
class Task:
    """One command: what came in, and what goes back.

    `lun` is None when the initiator named a unit in a way that no unit here is named.
    `data_in` is a row of buffers, sent one after another without being joined.
    `data_out_length` is what the command asked of the initiator, for the residual.
    """

    nexus: Nexus
    cdb: Buffer
    lun: int | None = 0
    tag: int = 0
    attribute: TaskAttribute = TaskAttribute.SIMPLE
    data_out: DataOut = NOTHING
    data_in: Sequence[Buffer] = ()
    data_out_length: int = 0
    status: Status = Status.GOOD
    sense: bytes = b""
    aborted: bool = False

    async def receive(self, length: int) -> memoryview:
        """Fetch `length` bytes of data-out; fewer come if the initiator offers fewer."""
        self.data_out_length = length
        return await self.data_out.receive(length) if length else memoryview(b"")

    def answer(self, data: Buffer, allocation_length: int) -> None:
        """Return `data`, cut to the allocation length (SPC-5 Allocation length)."""
        self.data_in = (memoryview(data)[:allocation_length],)
