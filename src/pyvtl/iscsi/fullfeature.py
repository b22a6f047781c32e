"""A session in full feature phase: its tasks, and the PDUs that it sends (RFC 7143 section 11).

`receiving.py` says what each PDU of the initiator does to it.
"""

from collections import Counter
from collections.abc import Callable
from itertools import cycle

from pyvtl.iscsi.buffers import Buffers
from pyvtl.iscsi.codes import RESERVED_TAG, AsyncEvent, RejectReason, TaskManagementFunction
from pyvtl.iscsi.command import Command, DataFailure, Outcome, TaskManagement
from pyvtl.iscsi.events import DataReceived, Event
from pyvtl.iscsi.framing import Frame
from pyvtl.iscsi.outgoing import Outgoing
from pyvtl.iscsi.pdu import (
    AsynchronousMessage,
    InitiatorPdu,
    NopIn,
    ReadyToTransfer,
    Reject,
    ScsiCommand,
    TaskManagementResponse,
)
from pyvtl.iscsi.responding import send_outcome
from pyvtl.iscsi.session import CommandWindow, Limits, Session, serial_distance
from pyvtl.iscsi.texts import TextExchange

Delivery = Callable[[], None]
"""What a numbered PDU does when its turn comes."""

PING_TAG = 0xFFFF_FFFE
"""The target transfer tag of our own pings; R2Ts use the numbers below it."""

OF_THE_TARGET = frozenset(
    {TaskManagementFunction.TARGET_WARM_RESET, TaskManagementFunction.TARGET_COLD_RESET}
)
"""Functions that end the tasks of all units."""


class FullFeature:
    """A session on its one connection.

    `events` collects what the server is to hear of, `outgoing` what the initiator is to get.
    `unanswered` counts immediate commands and requests, which no window bounds, by kind: there is
    always room for one that ends another (section 4.2.2.1).
    """

    def __init__(
        self,
        session: Session,
        window: CommandWindow[Delivery],
        outgoing: Outgoing,
        limits: Limits,
        texts: TextExchange,
    ) -> None:
        self.session = session
        self.discovery = session.discovery
        self.parameters = session.login.parameters
        self.window = window
        self.outgoing = outgoing
        self.limits = limits
        self.texts = texts
        self.buffers = Buffers()
        self.commands: dict[int, Command] = {}
        self.events: list[Event] = []
        self.unanswered = Counter[type]()
        self.ended = False
        self._tags = cycle(range(1, PING_TAG))

    # The data of a command

    def solicit(self, command: Command, length: int) -> bool:
        """Ask for the first `length` bytes; True if nothing has to be waited for."""
        transfer = command.transfer
        if transfer is None or command.failure:
            return True
        transfer.want(length)
        if transfer.complete:
            return True
        self._send_r2ts(command)
        return False

    def go_on(self, command: Command) -> None:
        """After a Data-Out: ask for more, say that all is there, or answer at last."""
        transfer = command.transfer
        assert transfer is not None, "Data-Out belongs to a command that has data-out"
        self._send_r2ts(command)
        if transfer.complete:
            self.events.append(DataReceived(command))
        elif not transfer.expecting and command.abandoned:
            self._forget(command)
        elif not transfer.expecting and command.outcome is not None:
            self._answer(command, command.outcome)

    def fail(self, command: Command, why: DataFailure, *, final: bool) -> None:
        """The data of a command is lost; `final` tells whether its burst ended with that."""
        transfer = command.transfer
        command.failure = why
        if transfer is None:
            return
        waiting = transfer.wanted is not None
        transfer.fail(final=final)
        if waiting:
            self.events.append(DataReceived(command))
        self.go_on(command)

    def _send_r2ts(self, command: Command) -> None:
        assert command.transfer is not None
        for r2t in command.transfer.solicit(self._tags):
            header = ReadyToTransfer(
                lun=command.pdu.lun,
                initiator_task_tag=command.tag,
                target_transfer_tag=r2t.target_transfer_tag,
                r2t_sn=r2t.r2t_sn,
                buffer_offset=r2t.buffer_offset,
                desired_data_transfer_length=r2t.length,
            )
            self.outgoing.send(header, advance=False)

    # The end of a command

    def respond(self, command: Command, outcome: Outcome) -> None:
        """Answer a command, though not before its announced data has come (section 11.4.2)."""
        if command.abandoned:
            return
        if command.transfer is not None and command.transfer.expecting:
            command.outcome = outcome
            return
        self._answer(command, outcome)

    def abandon(self, command: Command) -> None:
        """No answer will go out, and data that is still on its way is thrown away."""
        if command.abandoned or self.commands.get(command.tag) is not command:
            return
        command.abandoned = True
        self.finish(command.pdu)
        if command.transfer is not None:
            command.transfer.fail(final=False)
        if command.transfer is None or not command.transfer.expecting:
            self._forget(command)

    def abandon_kept(self, request: TaskManagement) -> None:
        """Of the tasks that a function ends, abandon those that the server has not got.

        They have yet to have their turn, or are over but for data that was announced (4.2.3.3).
        """
        pdu, named = request.pdu, request.command
        for command in list(self.commands.values()) if named is None else [named]:
            if (pdu.function in OF_THE_TARGET or command.lun == pdu.lun) and (
                command.outcome is not None or self._waits_before(command.pdu, pdu.cmd_sn)
            ):
                self.abandon(command)

    def _waits_before(self, pdu: ScsiCommand, cmd_sn: int) -> bool:
        """Whether a command waits for its turn, which comes before that of a later PDU."""
        waits = not pdu.immediate and self.window.holds(pdu.cmd_sn)
        return waits and serial_distance(cmd_sn, pdu.cmd_sn) > 0

    def finish(self, pdu: InitiatorPdu) -> None:
        """A command or request has had its answer: one more may come."""
        if pdu.immediate:
            self.unanswered[type(pdu)] -= 1
        else:
            self.window.end()

    def _answer(self, command: Command, outcome: Outcome) -> None:
        self._forget(command)
        self.finish(command.pdu)
        send_outcome(self.outgoing, command, outcome, self.parameters)

    def _forget(self, command: Command) -> None:
        tag = command.pdu.initiator_task_tag
        if self.commands.get(tag) is command:
            del self.commands[tag]

    # Other PDUs of the target

    def respond_task_management(self, request: TaskManagement, response: int) -> None:
        """Answer a task management request with a TaskManagementResult."""
        self.finish(request.pdu)
        tag = request.pdu.initiator_task_tag
        self.outgoing.send(TaskManagementResponse(response=response, initiator_task_tag=tag))

    def reject(self, frame: Frame, reason: RejectReason) -> None:
        """Send a Reject with the header of the PDU at fault (section 11.17)."""
        self.outgoing.send(Reject(reason=reason), (frame.bhs,), len(frame.bhs))

    def ping(self) -> None:
        """Ask the initiator for a sign of life (section 11.19)."""
        header = NopIn(initiator_task_tag=RESERVED_TAG, target_transfer_tag=PING_TAG)
        self.outgoing.send(header, advance=False)

    def request_logout(self, seconds: int) -> None:
        """Ask the initiator to log out within so many seconds (section 11.9.1)."""
        event = AsyncEvent.LOGOUT_REQUESTED
        self.outgoing.send(AsynchronousMessage(event=event, parameter_3=seconds))
