"""Network portals: the TCP servers of the target node, several addresses as one."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from pyvtl.iscsi.node import Node, PortalAddress
from pyvtl.iscsi.session import Limits
from pyvtl.scsi.target import Target
from pyvtl.server.carrier import Carrier, Service, address_of
from pyvtl.server.sessions import SessionInfo

log = structlog.get_logger()

DEFAULT_LIMITS = Limits()
BACKLOG = 128


class Server:
    """All portals of a node, and the targets behind them.

    `targets` have the names that `node` tells.  `start` may be called for one portal after
    another; `stop` ends them all.
    """

    def __init__(
        self,
        node: Node,
        targets: Mapping[str, Target],
        *,
        limits: Limits = DEFAULT_LIMITS,
        max_connections: int = 256,
    ) -> None:
        self._service = Service(node, targets, limits, max_connections)
        self._listeners: list[asyncio.Server] = []

    async def start(self, portal: PortalAddress) -> PortalAddress:
        """Listen on one address, IPv4 or IPv6; where it listens (port 0 picks one).

        Raises OSError when the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: Carrier(self._service), portal.host, portal.port, backlog=BACKLOG
        )
        self._listeners.append(listener)
        return address_of(listener.sockets[0].getsockname())

    def sessions(self) -> Sequence[SessionInfo]:
        """Who is logged in."""
        return [initiator.info for initiator in self._service.sessions]

    def end_sessions(self, target: str, reason: str) -> None:
        """Close all connections to a target, and those that may be about to log in to it."""
        for carrier in list(self._service.carriers):
            if carrier.initiator is None or carrier.initiator.info.target == target:
                carrier.leave(reason)

    async def stop(self, grace_seconds: int = 3) -> None:
        """Ask every initiator to log out, wait that long at most, then close (section 11.9.1)."""
        for listener in self._listeners:
            listener.close()
        for carrier in list(self._service.carriers):
            carrier.ask_to_leave(grace_seconds)
        await self._wait_for_all(grace_seconds)
        for carrier in list(self._service.carriers):
            carrier.leave("the server stops")
        await self._service.execution.close()
        await self._wait_for_all(1)
        for carrier in list(self._service.carriers):
            carrier.abort()
        await self._wait_for_all(1)
        self._listeners.clear()

    async def _wait_for_all(self, seconds: float) -> None:
        closing = [carrier.closed for carrier in self._service.carriers]
        if closing:
            await asyncio.wait(closing, timeout=seconds)
