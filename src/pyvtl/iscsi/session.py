"""What a session is, and the numbering of its commands (RFC 7143 sections 4.2.2.1 and 4.4.3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from pyvtl.iscsi.login import Established

SERIAL_MASK = 0xFFFF_FFFF
T = TypeVar("T")


def serial_distance(ahead: int, behind: int) -> int:
    """How far one 32-bit serial number lies ahead of another; negative when behind."""
    return ((ahead - behind + 0x8000_0000) & SERIAL_MASK) - 0x8000_0000


@dataclass(frozen=True, slots=True)
class Limits:
    """What one initiator may take of us; times are in seconds.

    `data_seconds` is how long data that was asked for may stand still: others wait behind it.
    """

    command_depth: int = 32
    immediate_commands: int = 8
    outgoing_bytes: int = 64 << 20
    login_seconds: float = 15.0
    data_seconds: float = 60.0
    ping_after_seconds: float = 30.0
    ping_answer_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its login settled it, with the names of its I_T nexus."""

    login: Established
    portal_group_tag: int

    @property
    def discovery(self) -> bool:
        """Whether this session may only ask which targets there are (section 4.3)."""
        return self.login.target_name is None

    @property
    def initiator_port(self) -> str:
        """The initiator's end of the nexus (section 4.4.3.3)."""
        return f"{self.login.initiator_name},i,0x{self.login.isid.hex()}"

    @property
    def target_port(self) -> str:
        """The target's end of the nexus."""
        return f"{self.login.target_name},t,0x{self.portal_group_tag:04x}"


class CommandWindow(Generic[T]):
    """Puts commands back in the order of their CmdSN, and says how many more may come.

    MaxCmdSN moves on when a command ends, not when it comes: an initiator has at most `depth`
    commands here at a time, and what they hold is bounded.
    """

    def __init__(self, first: int, depth: int) -> None:
        self.exp_cmd_sn = first
        self.max_cmd_sn = (first + depth - 1) & SERIAL_MASK
        self._waiting: dict[int, T] = {}

    def admits(self, cmd_sn: int) -> bool:
        """Whether a command of this number is new and within the window."""
        ahead = (cmd_sn - self.exp_cmd_sn) & SERIAL_MASK
        width = serial_distance(self.max_cmd_sn, self.exp_cmd_sn)
        return ahead <= width and cmd_sn not in self._waiting

    def holds(self, cmd_sn: int) -> bool:
        """Whether a command of this number is here and waits for those before it."""
        return cmd_sn in self._waiting

    def passes(self, cmd_sn: int) -> bool:
        """Whether a command that the window admits is next and alone; then its turn is over.

        So it nearly always is, and nothing has to be made that could wait.
        """
        if cmd_sn != self.exp_cmd_sn or self._waiting:
            return False
        self.exp_cmd_sn = (cmd_sn + 1) & SERIAL_MASK
        return True

    def put(self, cmd_sn: int, item: T) -> Iterator[T]:
        """Take a command that the window admits; give those whose turn it is, in order."""
        self._waiting[cmd_sn] = item
        while self.exp_cmd_sn in self._waiting:
            item = self._waiting.pop(self.exp_cmd_sn)
            self.exp_cmd_sn = (self.exp_cmd_sn + 1) & SERIAL_MASK
            yield item

    def end(self) -> None:
        """A delivered command has been answered, or will have no answer: one more may come."""
        self.max_cmd_sn = (self.max_cmd_sn + 1) & SERIAL_MASK
