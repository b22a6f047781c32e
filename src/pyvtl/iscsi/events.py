"""What a connection tells the server, in the order in which it happened."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from pyvtl.iscsi.command import Command, TaskManagement
from pyvtl.iscsi.session import Session


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """Login is complete: full feature phase begins (RFC 7143 section 6.3)."""

    session: Session


class CommandReceived(NamedTuple):
    """A SCSI command is to be carried out; events of this kind come in the order of CmdSN."""

    command: Command


@dataclass(frozen=True, slots=True)
class DataReceived:
    """The data that `solicit` asked for is there, or (`command.failure`) will never be."""

    command: Command


@dataclass(frozen=True, slots=True)
class TaskManagementReceived:
    """A task management function is asked for."""

    request: TaskManagement


class Ending(Enum):
    """Why a connection is over."""

    LOGGED_OUT = "logged out"
    LOGIN_FAILED = "login failed"
    BROKEN = "the initiator broke the protocol"
    SILENT = "the initiator does not answer"
    SLOW = "the initiator does not take what it asked for"


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """Send what is outgoing, then close.  Nothing more comes of this connection."""

    ending: Ending
    detail: str = ""


Event: TypeAlias = (
    SessionStarted | CommandReceived | DataReceived | TaskManagementReceived | ConnectionEnded
)
