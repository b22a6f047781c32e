"""Pings, text, task management requests, logout and what is refused (RFC 7143 section 11)."""

from dataclasses import replace
from typing import Any

import pytest

from pyvtl.iscsi.codes import (
    RESERVED_TAG,
    AsyncEvent,
    LoginStatus,
    LogoutReason,
    LogoutResult,
    Opcode,
    RejectReason,
    TaskManagementFunction,
    TaskManagementResult,
)
from pyvtl.iscsi.command import Command, Outcome
from pyvtl.iscsi.events import (
    CommandReceived,
    ConnectionEnded,
    Ending,
    TaskManagementReceived,
)
from pyvtl.iscsi.pdu import (
    AsynchronousMessage,
    DataOut,
    InitiatorPdu,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    NopIn,
    NopOut,
    Reject,
    ScsiCommand,
    ScsiResponse,
    SnackRequest,
    TaskManagementRequest,
    TaskManagementResponse,
    TextRequest,
    TextResponse,
)
from pyvtl.iscsi.receiving import ROWS
from pyvtl.iscsi.session import Limits
from tests.iscsi_wire import DIGESTS, TARGET, Wire, frame, logged_in, text

LUN = bytes.fromhex("0001000000000000")


# Pings


def test_a_ping_comes_back_with_its_data() -> None:
    """Section 11.19: NOP-In with the tag and data of the NOP-Out."""
    wire = logged_in()
    wire.send(NopOut(immediate=True, initiator_task_tag=5, cmd_sn=1), b"ping!")
    pdu, data = wire.take_one(NopIn)
    assert (pdu.initiator_task_tag, pdu.target_transfer_tag, data) == (5, RESERVED_TAG, b"ping!")


def test_a_ping_may_be_numbered() -> None:
    """Section 11.18: without the I bit a NOP-Out takes a CmdSN."""
    wire = logged_in()
    wire.send(NopOut(initiator_task_tag=5, cmd_sn=1))
    assert wire.take_one(NopIn)[0].exp_cmd_sn == 2


def test_a_ping_with_a_broken_digest_is_rejected() -> None:
    """Section 7.8: a PDU that is no data PDU is discarded, and its number is not used up."""
    wire = logged_in(DIGESTS)
    good = frame(NopOut(initiator_task_tag=5, cmd_sn=1), b"ping", digests=True)
    wire.feed(good[:-1] + bytes([good[-1] ^ 1]))
    reject, header = wire.take_one(Reject)
    assert (reject.reason, header) == (RejectReason.DATA_DIGEST_ERROR, good[:48])
    wire.feed(good)
    assert wire.take_one(NopIn)[1] == b"ping"


def test_a_header_digest_error_closes_the_connection() -> None:
    """Section 7.8: at ErrorRecoveryLevel 0 nothing else is left, and no Reject is sent."""
    wire = logged_in(DIGESTS)
    raw = bytearray(frame(NopOut(initiator_task_tag=5, cmd_sn=1), digests=True))
    raw[20] ^= 1
    assert wire.feed(bytes(raw)) == [ConnectionEnded(Ending.BROKEN, "header digest error")]
    assert wire.take() == []


def test_a_segment_over_the_limit_closes_the_connection() -> None:
    """Section 13.12: the limit is checked from the header, before the data is waited for."""
    wire = logged_in()
    header = frame(NopOut(initiator_task_tag=5, cmd_sn=1))
    (ended,) = wire.feed(header[:5] + b"\xff\xff\xff" + header[8:])
    assert ended == ConnectionEnded(
        Ending.BROKEN, "data segment of 16777215 bytes exceeds the limit"
    )


def test_what_came_before_the_end_comes_out_before_it() -> None:
    """A command and a broken PDU in one segment: the command is over with its session."""
    wire = logged_in()
    command = frame(ScsiCommand(final=True, initiator_task_tag=5, cmd_sn=1))
    broken = frame(NopOut(initiator_task_tag=6, cmd_sn=2))
    events = wire.feed(command + broken[:5] + b"\xff\xff\xff" + broken[8:])
    assert [type(event) for event in events] == [CommandReceived, ConnectionEnded]


# Time


def test_a_silent_initiator_is_pinged_then_given_up() -> None:
    """Section 11.19: a ping of ours, which anything at all answers."""
    wire = logged_in(limits=Limits(ping_after_seconds=10, ping_answer_seconds=5))
    connection = wire.connection
    assert connection.next_timeout() == 10
    assert connection.tick(9) == ()
    connection.tick(10)
    ping, _ = wire.take_one(NopIn)
    assert ping.initiator_task_tag == RESERVED_TAG != ping.target_transfer_tag
    assert ping.stat_sn == 1
    answer = NopOut(
        immediate=True,
        initiator_task_tag=RESERVED_TAG,
        target_transfer_tag=ping.target_transfer_tag,
    )
    assert wire.feed(frame(answer), now=12) == []
    assert wire.take() == []
    assert connection.next_timeout() == 22
    connection.tick(22)
    assert connection.tick(27) == [ConnectionEnded(Ending.SILENT)]
    assert connection.next_timeout() is None


def test_a_login_has_to_end_in_time() -> None:
    """A connection that does not log in is no session, and holds a place."""
    wire = Wire(Limits(login_seconds=3))
    assert wire.connection.next_timeout() == 3
    assert wire.connection.tick(3) == [
        ConnectionEnded(Ending.LOGIN_FAILED, "the login takes too long")
    ]


# Text


def test_send_targets_in_a_discovery_session() -> None:
    """Appendix C: all targets, with the portal that the initiator came in on."""
    wire = Wire()
    wire.login(discovery=True)
    wire.send(TextRequest(final=True, initiator_task_tag=2, cmd_sn=1), text({"SendTargets": "All"}))
    pdu, data = wire.take_one(TextResponse)
    assert (pdu.final, pdu.target_transfer_tag) == (True, RESERVED_TAG)
    assert data == f"TargetName={TARGET}\0TargetAddress=192.0.2.1:3260,1\0".encode()


def test_a_text_goes_over_as_many_pdus_as_it_takes() -> None:
    """Section 6.2: the C bit says that the text goes on in the next PDU."""
    wire = Wire()
    wire.login({"MaxRecvDataSegmentLength": "512"}, discovery=True)
    keys = text({"SendTargets": "All"} | {f"X-org.example.{n}": "x" * 40 for n in range(30)})
    wire.send(TextRequest(continues=True, initiator_task_tag=2, cmd_sn=1), keys[:7])
    more, data = wire.take_one(TextResponse)
    assert (more.final, more.continues, data) == (False, False, b"")
    assert more.target_transfer_tag != RESERVED_TAG
    request = TextRequest(
        final=True, initiator_task_tag=2, target_transfer_tag=more.target_transfer_tag
    )
    collected, number, rest = b"", 2, keys[7:]
    while True:
        wire.send(replace(request, cmd_sn=number), rest)
        response, data = wire.take_one(TextResponse)
        assert len(data) <= 512
        collected, number, rest = collected + data, number + 1, b""
        if response.final:
            break
        assert response.continues
    assert collected.startswith(f"TargetName={TARGET}\0".encode())
    assert collected.count(b"NotUnderstood\0") == 30


@pytest.mark.parametrize(
    ("pdu", "data"),
    [
        (TextRequest(final=True, continues=True, cmd_sn=1), b""),
        (TextRequest(final=True, target_transfer_tag=77, cmd_sn=1), b""),
        (TextRequest(final=True, cmd_sn=1), b"no equals sign"),
    ],
)
def test_a_broken_text_is_rejected(pdu: TextRequest, data: bytes) -> None:
    """Section 11.10: the exchange ends, the session goes on."""
    wire = logged_in()
    wire.send(pdu, data)
    assert wire.take_one(Reject)[0].reason in set(RejectReason)


def test_a_discovery_session_takes_no_commands() -> None:
    """Section 4.3: text and logout only."""
    wire = Wire()
    wire.login(discovery=True)
    assert wire.send(ScsiCommand(final=True, initiator_task_tag=1, cmd_sn=1)) == []
    assert wire.take_one(Reject)[0].reason == RejectReason.COMMAND_NOT_SUPPORTED


# Task management


def management(function: int, **fields: Any) -> TaskManagementRequest:
    return TaskManagementRequest(
        immediate=True, function=function, lun=LUN, initiator_task_tag=90, **fields
    )


def test_abort_task_finds_its_task() -> None:
    """Section 11.5.1: the answer comes when the server gives it; the task gets none."""
    wire = logged_in()
    command = wire.command(ScsiCommand(final=True, lun=LUN, initiator_task_tag=7, cmd_sn=1))
    request = management(TaskManagementFunction.ABORT_TASK, referenced_task_tag=7, cmd_sn=2)
    (event,) = wire.send(request)
    assert isinstance(event, TaskManagementReceived)
    assert event.request.command is command
    wire.connection.abandon(command)
    wire.connection.respond_task_management(event.request, TaskManagementResult.FUNCTION_COMPLETE)
    pdu, _ = wire.take_one(TaskManagementResponse)
    assert (pdu.initiator_task_tag, pdu.response, pdu.max_cmd_sn) == (90, 0, 33)


REFUSED = {
    TaskManagementFunction.CLEAR_ACA: TaskManagementResult.FUNCTION_NOT_SUPPORTED,
    TaskManagementFunction.TASK_REASSIGN: TaskManagementResult.REASSIGNMENT_NOT_SUPPORTED,
    TaskManagementFunction.ABORT_TASK: TaskManagementResult.TASK_DOES_NOT_EXIST,
    99: TaskManagementResult.FUNCTION_REJECTED,
}


@pytest.mark.parametrize(("function", "result"), REFUSED.items())
def test_what_is_answered_at_once(function: int, result: TaskManagementResult) -> None:
    """Section 11.6.1: no such task, or no such function."""
    wire = logged_in()
    assert wire.send(management(function, referenced_task_tag=7, cmd_sn=1)) == []
    assert wire.take_one(TaskManagementResponse)[0].response == result


def test_a_task_that_has_yet_to_come_is_aborted_by_its_number() -> None:
    """Section 11.5.1: RefCmdSN within the window counts as received."""
    wire = logged_in()
    request = management(
        TaskManagementFunction.ABORT_TASK, referenced_task_tag=7, cmd_sn=2, ref_cmd_sn=1
    )
    assert wire.send(request) == []
    pdu, _ = wire.take_one(TaskManagementResponse)
    assert pdu.response == TaskManagementResult.FUNCTION_COMPLETE
    late = ScsiCommand(final=True, lun=LUN, initiator_task_tag=7, cmd_sn=1)
    assert wire.send(late) == []
    wire.command(ScsiCommand(final=True, lun=LUN, initiator_task_tag=8, cmd_sn=2))


def manage(wire: Wire, pdu: TaskManagementRequest) -> None:
    """What the server does with a function when it has none of the tasks."""
    (event,) = wire.send(pdu)
    assert isinstance(event, TaskManagementReceived)
    wire.connection.abandon_kept(event.request)
    wire.connection.respond_task_management(event.request, TaskManagementResult.FUNCTION_COMPLETE)


def test_a_task_that_waits_for_those_before_it_is_aborted() -> None:
    """Section 11.5.1: it is here, but its turn has not come; it never does."""
    wire = logged_in()
    wire.send(ScsiCommand(final=True, lun=LUN, initiator_task_tag=7, cmd_sn=2))
    manage(wire, management(TaskManagementFunction.ABORT_TASK, referenced_task_tag=7, cmd_sn=3))
    pdu, _ = wire.take_one(TaskManagementResponse)
    assert (pdu.response, pdu.exp_cmd_sn) == (TaskManagementResult.FUNCTION_COMPLETE, 1)
    first = wire.command(ScsiCommand(final=True, lun=LUN, initiator_task_tag=8, cmd_sn=1))
    assert first.tag == 8
    wire.command(ScsiCommand(final=True, lun=LUN, initiator_task_tag=7, cmd_sn=3))


def ended_with_data_to_come(wire: Wire) -> Command:
    """A write that has failed, whose unsolicited data is still on its way."""
    write = ScsiCommand(
        write=True, lun=LUN, initiator_task_tag=7, expected_data_transfer_length=512, cmd_sn=1
    )
    command = wire.command(write)
    wire.connection.respond(command, Outcome(status=2))
    assert wire.take() == []
    return command


LAST_DATA = DataOut(final=True, initiator_task_tag=7, target_transfer_tag=RESERVED_TAG)


def test_a_task_that_has_ended_but_has_data_to_come_is_aborted() -> None:
    """Section 11.5.1: after FUNCTION COMPLETE there is no response of the task."""
    wire = logged_in({"InitialR2T": "No"})
    ended_with_data_to_come(wire)
    manage(wire, management(TaskManagementFunction.ABORT_TASK, referenced_task_tag=7, cmd_sn=2))
    assert wire.take_one(TaskManagementResponse)[0].response == 0
    assert wire.send(LAST_DATA, bytes(512)) == []
    assert wire.take() == []


@pytest.mark.parametrize(
    "function",
    [
        TaskManagementFunction.ABORT_TASK_SET,
        TaskManagementFunction.CLEAR_TASK_SET,
        TaskManagementFunction.LOGICAL_UNIT_RESET,
        TaskManagementFunction.TARGET_WARM_RESET,
    ],
)
def test_functions_for_all_tasks_end_those_of_this_session_that_no_server_has(
    function: TaskManagementFunction,
) -> None:
    """Section 4.2.3.3: what waits for its turn, and what has only its data to come."""
    wire = logged_in({"InitialR2T": "No"})
    ended_with_data_to_come(wire)
    waiting = ScsiCommand(final=True, lun=LUN, initiator_task_tag=8, cmd_sn=3)
    wire.send(waiting)
    manage(wire, management(function, cmd_sn=4))
    assert wire.take_one(TaskManagementResponse)[0].max_cmd_sn == 34
    assert wire.send(LAST_DATA, bytes(512)) == []
    assert wire.take() == []
    assert wire.command(replace(waiting, initiator_task_tag=9, cmd_sn=2)).tag == 9
    assert wire.command(replace(waiting, initiator_task_tag=7, cmd_sn=4)).tag == 7


def test_functions_for_all_tasks_leave_other_units_alone() -> None:
    """Section 11.5.1 LOGICAL UNIT RESET: the tasks of that unit."""
    wire = logged_in({"InitialR2T": "No"})
    ended_with_data_to_come(wire)
    function = TaskManagementFunction.LOGICAL_UNIT_RESET
    manage(wire, replace(management(function, cmd_sn=2), lun=bytes(8)))
    wire.take_one(TaskManagementResponse)
    wire.send(LAST_DATA, bytes(512))
    assert wire.take_one(ScsiResponse)[0].status == 2


# Logout, and messages of ours


@pytest.mark.parametrize(
    ("reason", "cid", "result"),
    [
        (LogoutReason.CLOSE_SESSION, 9, LogoutResult.CLOSED),
        (LogoutReason.CLOSE_CONNECTION, 1, LogoutResult.CLOSED),
        (LogoutReason.CLOSE_CONNECTION, 9, LogoutResult.CID_NOT_FOUND),
        (LogoutReason.REMOVE_FOR_RECOVERY, 1, LogoutResult.RECOVERY_NOT_SUPPORTED),
    ],
)
def test_logout(reason: LogoutReason, cid: int, result: LogoutResult) -> None:
    """Sections 11.14 and 11.15."""
    wire = logged_in()
    events = wire.send(LogoutRequest(reason=reason, cid=cid, initiator_task_tag=3, cmd_sn=1))
    closed = result is LogoutResult.CLOSED
    assert events == ([ConnectionEnded(Ending.LOGGED_OUT)] if closed else [])
    assert wire.take_one(LogoutResponse)[0].response == result
    assert wire.connection.ended is closed


def test_we_ask_for_a_logout() -> None:
    """Section 11.9.1: event 1, with the seconds to do so in parameter 3."""
    wire = logged_in()
    wire.connection.request_logout(5)
    pdu, _ = wire.take_one(AsynchronousMessage)
    assert (pdu.event, pdu.parameter_3) == (AsyncEvent.LOGOUT_REQUESTED, 5)
    assert pdu.initiator_task_tag == RESERVED_TAG


# What is refused


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (SnackRequest(kind=0, initiator_task_tag=1), RejectReason.SNACK_REJECT),
        (LoginRequest(initiator_task_tag=1), RejectReason.PROTOCOL_ERROR),
    ],
)
def test_what_has_no_place_here_is_rejected(pdu: InitiatorPdu, reason: RejectReason) -> None:
    """Section 11.17: a Reject carries the header of what it rejects."""
    wire = logged_in()
    wire.send(pdu)
    reject, header = wire.take_one(Reject)
    assert (reject.reason, header) == (reason, pdu.encode())


@pytest.mark.parametrize("opcode", [0x07, 0x1C, 0x20, 0x3F])
def test_an_unknown_operation_code_is_rejected(opcode: int) -> None:
    """Section 11.17.1 reason 05h, and the session goes on."""
    wire = logged_in()
    wire.feed(bytes([opcode]) + bytes(47))
    assert wire.take_one(Reject)[0].reason == RejectReason.COMMAND_NOT_SUPPORTED
    wire.send(NopOut(immediate=True, initiator_task_tag=5, cmd_sn=1))
    wire.take_one(NopIn)


def test_another_pdu_before_the_login_ends_the_connection() -> None:
    """Section 11.13.5: status 020Bh, invalid during login."""
    wire = Wire()
    (ended,) = wire.feed(frame(NopOut(initiator_task_tag=5)))
    assert ended == ConnectionEnded(Ending.LOGIN_FAILED, "no login request")
    response, _ = wire.take_one(LoginResponse)
    assert (response.status, response.initiator_task_tag) == (LoginStatus.INVALID_DURING_LOGIN, 5)


# Additional header segments


def test_an_extended_cdb_is_joined() -> None:
    """Section 11.2.2.3: the CDB goes on in an AHS, with a length that counts its reserved byte."""
    wire = logged_in()
    ahs = bytes.fromhex("0011 01 00") + bytes(range(16))
    pdu = ScsiCommand(final=True, initiator_task_tag=1, cmd_sn=1, cdb=b"\x7f" + bytes(15))
    wire.send(pdu, ahs=ahs)
    assert wire.connection._session().commands[1].cdb == pdu.cdb + bytes(range(16))


@pytest.mark.parametrize("ahs", ["00000100", "00ff0100", "0001ff00 000001"], ids=str)
def test_a_broken_ahs_is_rejected(ahs: str) -> None:
    """Section 11.2.2.1: lengths that lead out of the header."""
    wire = logged_in()
    raw = bytes.fromhex(ahs)
    raw += bytes(-len(raw) % 4)
    assert wire.send(ScsiCommand(final=True, initiator_task_tag=1, cmd_sn=1), ahs=raw) == []
    assert wire.take_one(Reject)[0].reason == RejectReason.INVALID_PDU_FIELD


def test_every_row_has_its_opcode() -> None:
    """What an initiator may send, and nothing else (section 11.2.1.2)."""
    assert set(ROWS) == {opcode for opcode in Opcode if opcode < Opcode.NOP_IN}
