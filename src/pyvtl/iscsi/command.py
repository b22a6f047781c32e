"""SCSI commands and task management requests, as the server holds them until it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from pyvtl.iscsi.codes import RESERVED_TAG, AhsType, RejectReason
from pyvtl.iscsi.errors import ProtocolError
from pyvtl.iscsi.keys import Parameters
from pyvtl.iscsi.pdu import AhsHeader, ScsiCommand, TaskManagementRequest
from pyvtl.iscsi.transfer import DataOutTransfer
from pyvtl.wire.layout import Buffer


class DataFailure(Enum):
    """Why the data of a command will never be whole."""

    DIGEST = "data digest error"
    PROTOCOL = "data out of place"


class Outcome(NamedTuple):
    """How a command ends: status, sense data, and the data moved in either direction."""

    status: int = 0
    sense: bytes = b""
    data_in: Sequence[Buffer] = ()
    data_out_length: int = 0


@dataclass(eq=False, slots=True)
class Command:
    """One SCSI command between its arrival and its answer."""

    pdu: ScsiCommand
    cdb: bytes
    transfer: DataOutTransfer | None = None
    failure: DataFailure | None = None
    outcome: Outcome | None = None
    abandoned: bool = False

    def data(self) -> memoryview:
        """The data-out that `solicit` asked for, or what the initiator offers of it."""
        return self.transfer.taken() if self.transfer else memoryview(b"")

    @property
    def received(self) -> int:
        """How many bytes of data-out have come."""
        return self.transfer.received if self.transfer else 0

    @property
    def tag(self) -> int:
        """The initiator task tag."""
        return self.pdu.initiator_task_tag

    @property
    def lun(self) -> bytes:
        """The eight bytes of the logical unit number."""
        return self.pdu.lun


@dataclass(eq=False, slots=True)
class TaskManagement:
    """One task management request; `command` is the task that ABORT TASK names, if it is here."""

    pdu: TaskManagementRequest
    command: Command | None = field(default=None)


def check_command(pdu: ScsiCommand, keys: Parameters) -> None:
    """Raise ProtocolError for a command that the negotiated keys forbid (sections 11.3, 13)."""
    if pdu.initiator_task_tag == RESERVED_TAG:
        raise ProtocolError("a command with the reserved tag", RejectReason.INVALID_PDU_FIELD)
    if pdu.read and pdu.write:
        raise ProtocolError("bidirectional command", RejectReason.COMMAND_NOT_SUPPORTED)
    if not pdu.final and (keys.initial_r2t or not pdu.write):
        raise ProtocolError("unsolicited data is not allowed here")
    if not pdu.data_length:
        return
    if not keys.immediate_data or not pdu.write:
        raise ProtocolError("immediate data is not allowed here")
    if pdu.data_length > min(keys.first_burst_length, pdu.expected_data_transfer_length):
        raise ProtocolError("too much immediate data", RejectReason.INVALID_PDU_FIELD)


def full_cdb(pdu: ScsiCommand, ahs: bytes) -> bytes:
    """The CDB with what an extended CDB segment adds to it (section 11.2.2.3)."""
    cdb = pdu.cdb
    while ahs:
        header = AhsHeader.decode(ahs)
        end = 3 + header.length
        if not 1 <= header.length <= len(ahs) - 3:
            raise ProtocolError("an AHS of wrong length", RejectReason.INVALID_PDU_FIELD)
        if header.kind == AhsType.EXTENDED_CDB:
            cdb += ahs[AhsHeader.SIZE : end]
        ahs = ahs[end + -end % 4 :]
    return cdb


def new_command(
    pdu: ScsiCommand, ahs: bytes, data: memoryview, room: memoryview | None, keys: Parameters
) -> Command:
    """A command as it came; raises ProtocolError when it may not come like this."""
    check_command(pdu, keys)
    command = Command(pdu, full_cdb(pdu, ahs) if ahs else pdu.cdb)
    if pdu.write:
        expected = pdu.expected_data_transfer_length
        command.transfer = DataOutTransfer(keys, pdu.lun, expected, final=pdu.final)
        command.transfer.begin(data, room)
    return command
