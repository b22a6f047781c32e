"""Command tables: which commands a device takes, and what must hold before each."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Flag, auto
from functools import cached_property, lru_cache
from typing import Any, Final, TypeVar

from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.sense import Asc, CheckCondition, FieldPointer, Sense, SenseKey
from pyvtl.scsi.task import Task
from pyvtl.wire.layout import Buffer

C = TypeVar("C", bound=Cdb)
D = TypeVar("D")

CDBS_KEPT: Final = 256


class Needs(Flag):
    """What must hold before a handler is called; the device checks it."""

    NOTHING = 0
    MEDIUM = auto()
    WRITABLE = auto()


class Ignores(Flag):
    """Which conditions do not stop a command (SPC-5 lists them command by command)."""

    NOTHING = 0
    UNIT_ATTENTION = auto()
    RESERVATION = auto()
    DEFERRED_ERROR = auto()


ALWAYS = Ignores.UNIT_ATTENTION | Ignores.RESERVATION | Ignores.DEFERRED_ERROR


@dataclass(frozen=True)
class Command:
    """One row of a command table; make it with `command`.

    What is asked of a row for every command is worked out once: `in` is slow on a Flag.
    """

    cdb: type[Cdb]
    handler: Callable[[Any, Task, Any], Awaitable[None]]
    needs: Needs
    ignores: Ignores

    @cached_property
    def heeds_reservations(self) -> bool:
        return Ignores.RESERVATION not in self.ignores

    @cached_property
    def heeds_unit_attentions(self) -> bool:
        return Ignores.UNIT_ATTENTION not in self.ignores

    @cached_property
    def heeds_deferred_errors(self) -> bool:
        return Ignores.DEFERRED_ERROR not in self.ignores


def command(
    cdb: type[C],
    handler: Callable[[D, Task, C], Awaitable[None]],
    needs: Needs = Needs.NOTHING,
    ignores: Ignores = Ignores.NOTHING,
) -> Command:
    """A row, type-checked: the handler takes the very CDB class the row names."""
    return Command(cdb, handler, needs, ignores)


class CommandTable:
    """Rows by operation code, or by operation code and service action."""

    def __init__(self, *rows: Command) -> None:
        self._rows = {(row.cdb.OPCODE, row.cdb.SERVICE_ACTION): row for row in rows}
        if len(self._rows) != len(rows):
            raise ValueError("two rows of a command table share an operation code")
        self._with_service_action = {o for o, action in self._rows if action is not None}
        # A stream of READ or WRITE repeats one CDB: a value, decoded once.
        self._decode_once = lru_cache(maxsize=CDBS_KEPT)(self._decode)

    def __iter__(self) -> Iterator[Command]:
        """The rows in order of operation code and service action."""
        return iter(sorted(self._rows.values(), key=_order))

    def decode(self, cdb: Buffer) -> tuple[Command, Cdb]:
        """The row for a CDB, and the CDB as an instance of the class that the row names."""
        return self._decode_once(bytes(cdb))

    def _decode(self, cdb: bytes) -> tuple[Command, Cdb]:
        row = self.find(cdb)
        return row, row.cdb.decode(cdb)

    def find(self, cdb: Buffer) -> Command:
        """The row for a CDB: 05/20/00 for an unknown operation code, 05/24/00 for an action."""
        opcode = cdb[0]
        action = cdb[1] & 0x1F if opcode in self._with_service_action else None
        row = self._rows.get((opcode, action))
        if row is not None:
            return row
        if action is None:
            raise CheckCondition(
                Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_COMMAND_OPERATION_CODE)
            )
        pointer = FieldPointer(byte=1, bit=4, in_cdb=True)
        raise CheckCondition(
            Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB, field=pointer)
        )


def _order(row: Command) -> tuple[int, int]:
    return row.cdb.OPCODE, row.cdb.SERVICE_ACTION or 0
