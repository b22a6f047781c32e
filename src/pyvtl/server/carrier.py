"""One TCP connection of a portal: carries bytes, events and answers, and decides nothing.

The data that an initiator sends is received where it is to stay; what is to be sent is written
once for all that happened in one go.  Reading never stops: pings stand behind the data.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from pyvtl.iscsi.connection import Connection
from pyvtl.iscsi.events import (
    CommandReceived,
    ConnectionEnded,
    DataReceived,
    Ending,
    Event,
    SessionStarted,
    TaskManagementReceived,
)
from pyvtl.iscsi.node import Node, PortalAddress
from pyvtl.iscsi.session import Limits, Session
from pyvtl.scsi.target import Target
from pyvtl.server.execution import Execution, data_arrived
from pyvtl.server.management import manage
from pyvtl.server.sessions import Initiator, SessionInfo, Sessions
from pyvtl.wire.layout import Buffer

log = structlog.get_logger()

WRITE_BUFFER_BYTES = 64 << 10
"""What the transport may hold back before answers wait here."""

LAST_WORDS_SECONDS = 5
"""How long a peer may take for what is left to send, before it is cut off."""

QUIET = frozenset({Ending.LOGGED_OUT})
"""Endings that are as they should be."""


@dataclass(eq=False, slots=True)
class Service:
    """What all connections of a server share; `targets` have the names that `node` has."""

    node: Node
    targets: Mapping[str, Target]
    limits: Limits
    max_connections: int
    sessions: Sessions = field(default_factory=Sessions)
    execution: Execution = field(default_factory=Execution)
    carriers: "set[Carrier]" = field(default_factory=set)


class Carrier(asyncio.BufferedProtocol):
    """One connection, from accept to close; `closed` is done when nothing is left of it."""

    connection: Connection
    _transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.initiator: Initiator | None = None
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._receiving = False
        self._paused = False
        self._leaving = False

    # asyncio calls these

    def connection_made(self, transport: Any) -> None:
        """Begin a login, unless there are too many connections already."""
        self._transport = transport
        self.peer = address_of(transport.get_extra_info("peername"))
        service = self._service
        local = address_of(transport.get_extra_info("sockname"))
        self.connection = Connection(
            service.node,
            local,
            tsih=service.sessions.new_tsih(),
            now=self._loop.time(),
            limits=service.limits,
            has_session=service.sessions.has,
        )
        service.carriers.add(self)
        if len(service.carriers) > service.max_connections:
            log.warning("connection.refused", peer=str(self.peer), limit=service.max_connections)
            self._close()
            return
        self._set_timer()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go; asyncio's hint does not know what is coming."""
        return self.connection.get_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come: carry out what they complete, then answer in one piece."""
        if self._leaving:
            return
        self._receiving = True
        try:
            events = self.connection.buffer_updated(nbytes, self._loop.time())
            if events:
                self._carry_out(events)
        except Exception:
            log.exception("connection.failed", peer=str(self.peer))
            self._close()
        finally:
            self._receiving = False
        self.flush()

    def pause_writing(self) -> None:
        """The initiator takes less than it asked for: let answers wait here."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on sending."""
        self._paused = False
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left but to end what the connection carried."""
        self._end_session("connection lost")
        if self._timer is not None:
            self._timer.cancel()
        self._leaving = True
        self._service.carriers.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    # The server calls these

    def flush(self) -> None:
        """Send what there is to send, unless bytes are being carried out or the peer is slow."""
        if self._receiving:
            return
        if not self._paused or self._leaving:
            outgoing = self.connection.take_outgoing()
            # Python 3.12 fails where others drop what is written to a closed transport.
            if outgoing and not self._transport.is_closing():
                self._write(outgoing)
        elif self.connection.outgoing_size > self._service.limits.outgoing_bytes:
            self._end(ConnectionEnded(Ending.SLOW))
            self._transport.abort()

    def _write(self, outgoing: Sequence[Buffer]) -> None:
        transport = self._transport
        transport.writelines(outgoing)
        # Python 3.12 up to 3.12.8 and 3.13 up to 3.13.1 never pause a protocol after writelines
        # (CVE-2024-12254); setting the limits lets the transport look again.
        if transport.get_write_buffer_size() > WRITE_BUFFER_BYTES:
            transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)

    def ask_to_leave(self, seconds: int) -> None:
        """Ask the initiator to log out; one that is not logged in has nothing to finish."""
        if self.initiator is None:
            self._close()
        else:
            self.connection.request_logout(seconds)
            self.flush()

    def leave(self, reason: str) -> None:
        """End session and connection now."""
        self._end_session(reason)
        self._close()

    def abort(self) -> None:
        """Close without sending what is left."""
        self._transport.abort()

    # Events

    def _carry_out(self, events: Sequence[Event]) -> None:
        service, initiator = self._service, self.initiator
        for event in events:
            if self._leaving:  # the event before ended the session
                return
            match event:
                # First what comes for every block: cases are tried one after another.
                case CommandReceived(command):
                    if initiator is not None:
                        service.execution.execute(initiator, command)
                case SessionStarted(session):
                    self._begin_session(session)
                    initiator = self.initiator
                case ConnectionEnded():
                    self._end(event)
                case _ if initiator is None:
                    pass
                case DataReceived(command):
                    data_arrived(initiator, command)
                case TaskManagementReceived(request):
                    manage(service.execution, service.sessions, initiator, request)

    def _begin_session(self, session: Session) -> None:
        """Enter the session, which may end another; a discovery session is not entered."""
        self._set_timer()
        login = session.login
        log.info(
            "session.started",
            initiator=login.initiator_name,
            target=login.target_name,
            peer=str(self.peer),
        )
        if login.target_name is None:
            return
        target = self._service.targets[login.target_name]
        info = SessionInfo(
            initiator=login.initiator_name,
            alias=login.initiator_alias,
            target=login.target_name,
            address=str(self.peer),
            since=datetime.now(UTC),
            tsih=login.tsih,
            parameters=login.parameters,
        )
        seconds = self._service.limits.data_seconds
        initiator = Initiator(
            self.connection, session, target, info, self.flush, self.leave, seconds
        )
        self._service.sessions.add(initiator)
        self.initiator = initiator
        for unit in target.units.values():
            unit.establish(initiator.nexus)

    def _end_session(self, reason: str) -> None:
        initiator, self.initiator = self.initiator, None
        if initiator is None:
            return
        info = initiator.info
        log.info("session.ended", initiator=info.initiator, target=info.target, reason=reason)
        self._service.sessions.remove(initiator)
        self._service.execution.lose(initiator)

    def _end(self, event: ConnectionEnded) -> None:
        if event.ending not in QUIET:
            log.warning(
                "connection.ended",
                peer=str(self.peer),
                reason=event.ending.value,
                detail=event.detail,
            )
        self.leave(event.ending.value)

    def _close(self) -> None:
        """Send what is left, then close.  What still comes in is thrown away."""
        if self._leaving:
            return
        self._leaving = True
        self._receiving = False
        self.flush()
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LAST_WORDS_SECONDS, self._transport.abort)

    # Time

    def _set_timer(self) -> None:
        """Wake up when time next matters; bytes that come meanwhile only move that further off."""
        if self._timer is not None:
            self._timer.cancel()
        timeout = self.connection.next_timeout()
        if timeout is not None and not self._leaving:
            self._timer = self._loop.call_at(timeout, self._tick)

    def _tick(self) -> None:
        self._carry_out(self.connection.tick(self._loop.time()))
        self.flush()
        self._set_timer()


def address_of(name: Sequence[Any]) -> PortalAddress:
    """The address that a socket is bound or connected to, IPv4 or IPv6."""
    return PortalAddress(name[0], name[1])
