"""What each PDU of the initiator does in full feature phase (RFC 7143 section 11), as a table."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from pyvtl.iscsi.codes import (
    RESERVED_TAG,
    LogoutReason,
    LogoutResult,
    RejectReason,
    TaskManagementFunction,
    TaskManagementResult,
)
from pyvtl.iscsi.command import Command, DataFailure, TaskManagement, new_command
from pyvtl.iscsi.errors import ProtocolError
from pyvtl.iscsi.events import CommandReceived, ConnectionEnded, Ending, TaskManagementReceived
from pyvtl.iscsi.framing import OPCODE_MASK, Frame
from pyvtl.iscsi.fullfeature import Delivery, FullFeature
from pyvtl.iscsi.pdu import (
    DataOut,
    InitiatorPdu,
    LoginRequest,
    LogoutRequest,
    LogoutResponse,
    NopIn,
    NopOut,
    ScsiCommand,
    SnackRequest,
    TaskManagementRequest,
    TextRequest,
)
from pyvtl.iscsi.session import serial_distance
from pyvtl.iscsi.transfer import eager_length

P = TypeVar("P", bound=InitiatorPdu)


class Numbered(Protocol):
    """A PDU that takes its turn by CmdSN, or overtakes when it is immediate."""

    @property
    def immediate(self) -> bool:
        """Whether it is carried out at once."""

    @property
    def cmd_sn(self) -> int:
        """Its place in the order of commands."""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation code; make it with `row`."""

    pdu: type[InitiatorPdu]
    receive: Callable[[FullFeature, Any, Frame], None]
    in_discovery: bool
    survives_digest_error: bool


def row(
    pdu: type[P],
    receive: Callable[[FullFeature, P, Frame], None],
    *,
    in_discovery: bool = False,
    survives_digest_error: bool = False,
) -> Row:
    """A row, type-checked.  A task survives its broken data, to end with CHECK CONDITION."""
    return Row(pdu, receive, in_discovery, survives_digest_error)


def receive(phase: FullFeature, frame: Frame) -> None:
    """Carry out one PDU; whatever is wrong with it ends in a Reject."""
    found = ROWS.get(frame.opcode)
    if found is None or (phase.discovery and not found.in_discovery):
        phase.reject(frame, RejectReason.COMMAND_NOT_SUPPORTED)
        return
    try:
        if not frame.data_intact:
            phase.reject(frame, RejectReason.DATA_DIGEST_ERROR)
            if not found.survives_digest_error:
                return
        found.receive(phase, found.pdu.decode(frame.bhs), frame)
    except ProtocolError as error:
        phase.reject(frame, error.reason)


def place(phase: FullFeature, bhs: bytes, length: int) -> memoryview | None:
    """Where a long data segment goes: into the buffer of its command, if it has one."""
    opcode = bhs[0] & OPCODE_MASK
    if opcode == ScsiCommand.OPCODE:
        expected = ScsiCommand.decode(bhs).expected_data_transfer_length
        return phase.buffers.take(eager_length(length, expected))
    if opcode != DataOut.OPCODE:
        return None
    pdu = DataOut.decode(bhs)
    command = phase.commands.get(pdu.initiator_task_tag)
    if command is None or command.transfer is None or command.failure or command.abandoned:
        return None
    return command.transfer.place(pdu)


def take_turn(phase: FullFeature, pdu: Numbered, delivery: Delivery) -> None:
    """Deliver now what is immediate or next by CmdSN; outside the window it never came."""
    window = phase.window
    if pdu.immediate:
        if phase.unanswered[type(pdu)] >= phase.limits.immediate_commands:
            raise ProtocolError("too many", RejectReason.TOO_MANY_IMMEDIATE_COMMANDS)
        phase.unanswered[type(pdu)] += 1
        delivery()
    elif window.admits(pdu.cmd_sn):
        for deliver in window.put(pdu.cmd_sn, delivery):
            deliver()


# SCSI commands and their data


def receive_command(phase: FullFeature, pdu: ScsiCommand, frame: Frame) -> None:
    """SCSI Command (section 11.3), with its immediate data."""
    if not pdu.immediate and not phase.window.admits(pdu.cmd_sn):
        return
    try:
        command = _new_command(phase, pdu, frame)
    except ProtocolError:
        if not pdu.immediate:
            take_turn(phase, pdu, partial(phase.finish, pdu))
        raise
    if not pdu.immediate and phase.window.passes(pdu.cmd_sn):
        phase.events.append(CommandReceived(command))
    else:
        take_turn(phase, pdu, partial(_deliver_command, phase, command))
    phase.commands[pdu.initiator_task_tag] = command


def _new_command(phase: FullFeature, pdu: ScsiCommand, frame: Frame) -> Command:
    present = phase.commands.get(pdu.initiator_task_tag)
    if present is not None and not present.abandoned:
        raise ProtocolError("the task tag is in use", RejectReason.TASK_IN_PROGRESS)
    command = new_command(pdu, frame.ahs, frame.data, frame.place, phase.parameters)
    if not frame.data_intact:
        phase.fail(command, DataFailure.DIGEST, final=pdu.final)
    return command


def _deliver_command(phase: FullFeature, command: Command) -> None:
    if not command.abandoned:
        phase.events.append(CommandReceived(command))


def receive_data_out(phase: FullFeature, pdu: DataOut, frame: Frame) -> None:
    """SCSI Data-Out (section 11.7); the framer has put the data where `place` said."""
    command = phase.commands.get(pdu.initiator_task_tag)
    if command is None or command.transfer is None:
        raise ProtocolError("Data-Out for no task")
    if command.failure or command.abandoned:
        command.transfer.drain(final=pdu.final)
        phase.go_on(command)
        return
    if not frame.data_intact:
        phase.fail(command, DataFailure.DIGEST, final=pdu.final)
        return
    try:
        command.transfer.accept(pdu)
    except ProtocolError:
        phase.fail(command, DataFailure.PROTOCOL, final=pdu.final)
        raise
    phase.go_on(command)


# Task management


KNOWN_FUNCTIONS = frozenset(int(function) for function in TaskManagementFunction)

REFUSED: dict[int, TaskManagementResult] = {
    TaskManagementFunction.CLEAR_ACA: TaskManagementResult.FUNCTION_NOT_SUPPORTED,
    TaskManagementFunction.TASK_REASSIGN: TaskManagementResult.REASSIGNMENT_NOT_SUPPORTED,
}


def receive_task_management(phase: FullFeature, pdu: TaskManagementRequest, frame: Frame) -> None:
    """Task Management Function Request (section 11.5)."""
    take_turn(phase, pdu, partial(_deliver_task_management, phase, pdu))


def _deliver_task_management(phase: FullFeature, pdu: TaskManagementRequest) -> None:
    request = TaskManagement(pdu)
    answer = partial(phase.respond_task_management, request)
    if pdu.function not in KNOWN_FUNCTIONS:
        answer(TaskManagementResult.FUNCTION_REJECTED)
    elif pdu.function in REFUSED:
        answer(REFUSED[pdu.function])
    elif pdu.function == TaskManagementFunction.ABORT_TASK:
        _deliver_abort_task(phase, request)
    else:
        phase.events.append(TaskManagementReceived(request))


def _deliver_abort_task(phase: FullFeature, request: TaskManagement) -> None:
    """Find the task; one that has yet to come is aborted by taking its turn (section 11.5.5)."""
    pdu = request.pdu
    command = phase.commands.get(pdu.referenced_task_tag)
    if command is not None and not command.abandoned and command.lun == pdu.lun:
        request.command = command
        phase.events.append(TaskManagementReceived(request))
        return
    to_come = phase.window.admits(pdu.ref_cmd_sn)
    if to_come and serial_distance(pdu.cmd_sn, pdu.ref_cmd_sn) > 0:
        phase.respond_task_management(request, TaskManagementResult.FUNCTION_COMPLETE)
        for deliver in phase.window.put(pdu.ref_cmd_sn, phase.window.end):
            deliver()
        return
    phase.respond_task_management(request, TaskManagementResult.TASK_DOES_NOT_EXIST)


# Pings, text, logout


def receive_nop_out(phase: FullFeature, pdu: NopOut, frame: Frame) -> None:
    """NOP-Out (section 11.18): echo it, unless it is the answer to our own ping."""
    if pdu.initiator_task_tag != RESERVED_TAG:
        take_turn(phase, pdu, partial(_echo, phase, pdu, frame.data))


def _echo(phase: FullFeature, pdu: NopOut, data: memoryview) -> None:
    phase.finish(pdu)
    data = data[: phase.parameters.max_send_data_segment_length]
    phase.outgoing.send(NopIn(initiator_task_tag=pdu.initiator_task_tag), (data,), len(data))


def receive_text(phase: FullFeature, pdu: TextRequest, frame: Frame) -> None:
    """Text Request (section 11.10)."""
    take_turn(phase, pdu, partial(_answer_text, phase, pdu, frame))


def _answer_text(phase: FullFeature, pdu: TextRequest, frame: Frame) -> None:
    phase.finish(pdu)
    try:
        limit = phase.parameters.max_send_data_segment_length
        response, data = phase.texts.receive(pdu, frame.data, limit)
    except ProtocolError as error:
        phase.reject(frame, error.reason)
    else:
        phase.outgoing.send(response, (data,), len(data))


def receive_logout(phase: FullFeature, pdu: LogoutRequest, frame: Frame) -> None:
    """Logout Request (section 11.14)."""
    take_turn(phase, pdu, partial(_deliver_logout, phase, pdu))


def _deliver_logout(phase: FullFeature, pdu: LogoutRequest) -> None:
    phase.finish(pdu)
    result = _logout_result(pdu, phase.session.login.cid)
    header = LogoutResponse(response=result, initiator_task_tag=pdu.initiator_task_tag)
    phase.outgoing.send(header)
    if result == LogoutResult.CLOSED:
        phase.events.append(ConnectionEnded(Ending.LOGGED_OUT))
        phase.ended = True


def _logout_result(pdu: LogoutRequest, cid: int) -> LogoutResult:
    """A session is one connection here: closing either closes both (section 11.14.1)."""
    if pdu.reason == LogoutReason.CLOSE_SESSION:
        return LogoutResult.CLOSED
    if pdu.reason == LogoutReason.REMOVE_FOR_RECOVERY:
        return LogoutResult.RECOVERY_NOT_SUPPORTED
    return LogoutResult.CLOSED if pdu.cid == cid else LogoutResult.CID_NOT_FOUND


# What is always refused


def receive_snack(phase: FullFeature, pdu: SnackRequest, frame: Frame) -> None:
    """SNACK (section 11.16) belongs to error recovery levels above 0."""
    raise ProtocolError("SNACK at ErrorRecoveryLevel 0", RejectReason.SNACK_REJECT)


def receive_login(phase: FullFeature, pdu: LoginRequest, frame: Frame) -> None:
    """Login Request (section 11.12) after the login."""
    raise ProtocolError("Login in full feature phase")


ROWS: dict[int, Row] = {
    row.pdu.OPCODE: row
    for row in (
        row(NopOut, receive_nop_out),
        row(ScsiCommand, receive_command, survives_digest_error=True),
        row(TaskManagementRequest, receive_task_management),
        row(LoginRequest, receive_login, in_discovery=True),
        row(TextRequest, receive_text, in_discovery=True),
        row(DataOut, receive_data_out, survives_digest_error=True),
        row(LogoutRequest, receive_logout, in_discovery=True),
        row(SnackRequest, receive_snack),
    )
}
