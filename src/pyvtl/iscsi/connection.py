"""One iSCSI connection without its socket: bytes in, events out, bytes back.

The server asks where the next bytes go (`get_buffer`), says that they came (`buffer_updated`),
carries out the events, answers them, and sends what `take_outgoing` gives.  Time is an argument.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyvtl.iscsi import discovery, receiving
from pyvtl.iscsi.codes import LoginStatus, Opcode
from pyvtl.iscsi.command import Command, Outcome, TaskManagement
from pyvtl.iscsi.errors import ConnectionBrokenError, LoginError
from pyvtl.iscsi.events import ConnectionEnded, Ending, Event, SessionStarted
from pyvtl.iscsi.framing import Frame, Framer
from pyvtl.iscsi.fullfeature import Delivery, FullFeature
from pyvtl.iscsi.keys import DEFAULTS
from pyvtl.iscsi.login import Established, Login, LoginStep
from pyvtl.iscsi.node import Node, PortalAddress
from pyvtl.iscsi.outgoing import Outgoing
from pyvtl.iscsi.pdu import LoginRequest
from pyvtl.iscsi.session import CommandWindow, Limits, Session
from pyvtl.iscsi.text import Pair
from pyvtl.iscsi.texts import TextExchange
from pyvtl.wire.layout import Buffer

DEFAULT_LIMITS = Limits()


def no_session(initiator_name: str, tsih: int) -> bool:
    """No session can be joined."""
    return False


class Connection:
    """First a login, then a session in full feature phase, then nothing more.

    `tsih` is the handle that a new session gets; `has_session` says whether an initiator's
    session of some handle exists.  `now` is any clock in seconds that never goes back.
    """

    def __init__(
        self,
        node: Node,
        local: PortalAddress,
        *,
        tsih: int,
        now: float = 0.0,
        limits: Limits = DEFAULT_LIMITS,
        has_session: Callable[[str, int], bool] = no_session,
    ) -> None:
        self.ended = False
        self._node, self._local = node, local
        self._limits = limits
        self._login = Login(node, local, tsih=tsih, has_session=has_session)
        self._framer = Framer(DEFAULTS.max_recv_data_segment_length, self._place)
        self._window: CommandWindow[Delivery] | None = None
        self._outgoing = Outgoing(CommandWindow(0, 0), 0)
        self._phase: FullFeature | None = None
        self._events: list[Event] = []
        self._deadline = now + limits.login_seconds
        self._heard = now
        self._pinged: float | None = None

    # Bytes

    def get_buffer(self) -> memoryview:
        """Where the next bytes from the initiator go; never empty."""
        return self._framer.get_buffer()

    def buffer_updated(self, count: int, now: float) -> Sequence[Event]:
        """So many bytes have come into that buffer: what follows from them."""
        self._heard = now
        self._pinged = None
        framer = self._framer
        framer.received(count)
        try:
            while not self.ended and (frame := framer.next()) is not None:
                self._receive(frame)
        except ConnectionBrokenError as error:
            self._end(Ending.BROKEN, str(error))
        return self._take_events()

    def take_outgoing(self) -> list[Buffer]:
        """What is to be sent now, once, in order."""
        return self._outgoing.take()

    @property
    def outgoing_size(self) -> int:
        """Bytes that wait for `take_outgoing`."""
        return self._outgoing.size

    # Time

    def next_timeout(self) -> float | None:
        """When `tick` is to be called next; None when time means nothing any more."""
        if self.ended:
            return None
        if self._phase is None:
            return self._deadline
        if self._pinged is None:
            return self._heard + self._limits.ping_after_seconds
        return self._pinged + self._limits.ping_answer_seconds

    def tick(self, now: float) -> Sequence[Event]:
        """Time has passed: ping a silent initiator, give up one that stays silent."""
        timeout = self.next_timeout()
        if timeout is None or now < timeout:
            return ()
        if self._phase is None:
            self._end(Ending.LOGIN_FAILED, "the login takes too long")
        elif self._pinged is None:
            self._pinged = now
            if not self._phase.session.discovery:
                self._phase.ping()
        else:
            self._end(Ending.SILENT)
        return self._take_events()

    # Answers

    def solicit(self, command: Command, length: int) -> bool:
        """Ask for data; True if `command.data()` is complete (or never will be) already.

        Otherwise a DataReceived event follows.
        """
        return self._session().solicit(command, length)

    def respond(self, command: Command, outcome: Outcome) -> None:
        """End a command; an abandoned one gets no answer."""
        self._session().respond(command, outcome)

    def abandon(self, command: Command) -> None:
        """Task management ended this command: it gets no answer."""
        self._session().abandon(command)

    def abandon_kept(self, request: TaskManagement) -> None:
        """Abandon what the function ends of commands that have not begun or wait for data only."""
        self._session().abandon_kept(request)

    def respond_task_management(self, request: TaskManagement, response: int) -> None:
        """Answer a task management request with a TaskManagementResult."""
        self._session().respond_task_management(request, response)

    def request_logout(self, seconds: int) -> None:
        """Ask the initiator to log out; before its login there is nothing to ask."""
        if self._phase is not None:
            self._phase.request_logout(seconds)

    def _session(self) -> FullFeature:
        assert self._phase is not None, "there are commands only after the login"
        return self._phase

    # Phases

    def _receive(self, frame: Frame) -> None:
        if self._phase is None:
            self._receive_login(frame)
            return
        receiving.receive(self._phase, frame)
        if self._phase.ended:
            self.ended = True

    def _receive_login(self, frame: Frame) -> None:
        if frame.opcode != Opcode.LOGIN_REQUEST:
            request = LoginRequest(initiator_task_tag=int.from_bytes(frame.bhs[16:20], "big"))
            error = LoginError("no login request", LoginStatus.INVALID_DURING_LOGIN)
            self._answer_login(self._login.refuse(request, error))
            return
        request = LoginRequest.decode(frame.bhs)
        if self._window is None:
            self._window = CommandWindow(request.cmd_sn, self._limits.command_depth)
            self._outgoing = Outgoing(self._window, request.exp_stat_sn)
        self._answer_login(self._login.receive(request, frame.data))

    def _answer_login(self, step: LoginStep) -> None:
        self._outgoing.send(step.response, (step.data,), len(step.data))
        if step.error is not None:
            self._end(Ending.LOGIN_FAILED, str(step.error))
        if step.established is not None:
            self._begin_session(step.established)

    def _begin_session(self, established: Established) -> None:
        """What was settled holds from the next PDU on, in both directions (section 6.3)."""
        assert self._window is not None, "a login has begun"
        session = Session(established, self._node.portal_group_tag)
        texts = TextExchange(self._answer_text)
        self._phase = FullFeature(session, self._window, self._outgoing, self._limits, texts)
        self._phase.events = self._events
        self._phase.buffers = self._framer.buffers
        parameters = established.parameters
        self._framer.max_data_length = parameters.max_recv_data_segment_length
        self._framer.header_digest = self._outgoing.header_digest = parameters.header_digest
        self._framer.data_digest = self._outgoing.data_digest = parameters.data_digest
        self._events.append(SessionStarted(session))

    def _answer_text(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """Answer keys; MaxRecvDataSegmentLength may change with them (section 13.12)."""
        phase = self._session()
        login = replace(phase.session.login, parameters=phase.parameters)
        answer = discovery.answer(pairs, login, self._node, self._local)
        phase.parameters = answer.parameters
        return answer.pairs

    def _place(self, bhs: bytes, length: int) -> memoryview | None:
        return None if self._phase is None else receiving.place(self._phase, bhs, length)

    def _end(self, ending: Ending, detail: str = "") -> None:
        self.ended = True
        self._events.append(ConnectionEnded(ending, detail))

    def _take_events(self) -> Sequence[Event]:
        """What has happened, in that order; the session adds to the same list."""
        if not self._events:
            return ()
        events, self._events = self._events, []
        if self._phase is not None:
            self._phase.events = self._events
        return events
