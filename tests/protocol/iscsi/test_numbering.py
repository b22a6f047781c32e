"""CmdSN, ExpCmdSN, MaxCmdSN and task tags (RFC 7143 section 4.2.2)."""

import pytest

from pyvtl.iscsi.codes import Opcode, RejectReason
from pyvtl.iscsi.command import Outcome
from pyvtl.iscsi.events import CommandReceived, Event, TaskManagementReceived
from pyvtl.iscsi.pdu import (
    InitiatorPdu,
    LogoutRequest,
    NopOut,
    Reject,
    ScsiCommand,
    ScsiResponse,
    TaskManagementRequest,
    TextRequest,
)
from pyvtl.iscsi.session import CommandWindow, Limits
from tests.iscsi_wire import logged_in, opcodes


def command(cmd_sn: int, tag: int | None = None, *, immediate: bool = False) -> ScsiCommand:
    return ScsiCommand(
        final=True,
        immediate=immediate,
        cmd_sn=cmd_sn,
        initiator_task_tag=cmd_sn if tag is None else tag,
    )


def tags(events: list[Event]) -> list[int]:
    return [event.command.tag for event in events if isinstance(event, CommandReceived)]


def test_commands_are_delivered_in_order_of_cmd_sn() -> None:
    """Section 4.2.2.1: a gap holds up what is behind it."""
    wire = logged_in()
    assert tags(wire.send(command(3))) == []
    assert tags(wire.send(command(2))) == []
    assert tags(wire.send(command(1))) == [1, 2, 3]


def test_a_number_below_or_above_the_window_is_ignored() -> None:
    """Section 4.2.2.1: silently, whatever it is."""
    wire = logged_in(limits=Limits(command_depth=4))
    assert tags(wire.send(command(1))) == [1]
    for number in (0, 1, 5, 1000):
        assert wire.send(command(number, tag=99)) == []
    assert wire.take() == []


def test_a_number_that_waits_already_is_ignored() -> None:
    """Section 4.2.2.1: a duplicate of a command that waits for its turn."""
    wire = logged_in()
    wire.send(command(2))
    wire.send(command(2, tag=99))
    assert tags(wire.send(command(1))) == [1, 2]


def test_immediate_commands_overtake_and_take_no_number() -> None:
    """Section 4.2.2.1: an immediate command carries CmdSN but does not advance it."""
    wire = logged_in()
    wire.send(command(2))
    assert tags(wire.send(command(1, tag=50, immediate=True))) == [50]
    assert tags(wire.send(command(1))) == [1, 2]


def test_the_window_opens_as_commands_end() -> None:
    """Section 4.2.2.1: MaxCmdSN is what we can take, and never moves back."""
    wire = logged_in(limits=Limits(command_depth=2))
    first = wire.command(command(1))
    wire.command(command(2))
    assert wire.send(command(3)) == []
    wire.connection.respond(first, Outcome())
    response, _ = wire.take_one(ScsiResponse)
    assert (response.exp_cmd_sn, response.max_cmd_sn) == (3, 3)
    assert tags(wire.send(command(3))) == [3]


def test_too_many_immediate_commands_are_rejected() -> None:
    """Section 11.17.1 reason 06h: no window bounds them."""
    wire = logged_in(limits=Limits(immediate_commands=1))
    wire.command(command(1, tag=50, immediate=True))
    assert wire.send(command(1, tag=51, immediate=True)) == []
    assert wire.take_one(Reject)[0].reason == RejectReason.TOO_MANY_IMMEDIATE_COMMANDS


@pytest.mark.parametrize(
    "pdu",
    [
        NopOut(immediate=True, initiator_task_tag=60, cmd_sn=1),
        TextRequest(immediate=True, final=True, initiator_task_tag=60, cmd_sn=1),
        LogoutRequest(immediate=True, initiator_task_tag=60, cmd_sn=1),
        TaskManagementRequest(immediate=True, function=5, initiator_task_tag=60, cmd_sn=1),
    ],
    ids=lambda pdu: type(pdu).__name__,
)
def test_immediate_commands_keep_no_other_immediate_request_out(pdu: InitiatorPdu) -> None:
    """Section 4.2.2.1: one of each, task management or not, is taken at any time."""
    wire = logged_in(limits=Limits(immediate_commands=1))
    wire.command(command(1, tag=50, immediate=True))
    events = wire.send(pdu)
    assert Opcode.REJECT not in opcodes(wire.take())
    if isinstance(pdu, TaskManagementRequest):
        assert isinstance(events[0], TaskManagementReceived)


def test_a_task_tag_in_use_is_rejected() -> None:
    """Section 11.17.1 reason 07h; the number is used up, and the first task goes on."""
    wire = logged_in()
    first = wire.command(command(1, tag=7))
    assert wire.send(command(2, tag=7)) == []
    assert wire.take_one(Reject)[0].reason == RejectReason.TASK_IN_PROGRESS
    wire.connection.respond(first, Outcome())
    assert wire.take_one(ScsiResponse)[0].initiator_task_tag == 7
    wire.command(command(3, tag=7))


def test_numbers_go_round() -> None:
    """Section 4.2.2: serial number arithmetic of 32 bits."""
    window = CommandWindow[str](0xFFFF_FFFF, 4)
    assert window.max_cmd_sn == 2
    assert window.admits(0xFFFF_FFFF)
    assert window.admits(2)
    assert not window.admits(3)
    assert list(window.put(0, "second")) == []
    assert list(window.put(0xFFFF_FFFF, "first")) == ["first", "second"]
    assert window.exp_cmd_sn == 1


def test_stat_sn_counts_what_brings_status() -> None:
    """Section 4.2.2.2: each response has the next number."""
    wire = logged_in()
    numbers = []
    for cmd_sn in (1, 2, 3):
        wire.connection.respond(wire.command(command(cmd_sn)), Outcome())
        numbers.append(wire.take_one(ScsiResponse)[0].stat_sn)
    assert numbers == [1, 2, 3]
