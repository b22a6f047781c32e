"""The portals of the gateway as one thing: opened at the start, and shut and opened on demand."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from pyvtl.gateway.errors import GatewayError
from pyvtl.iscsi.node import PortalAddress
from pyvtl.scsi.target import Target
from pyvtl.server.portal import Server
from pyvtl.server.sessions import SessionInfo


class Portals:
    """Serves a library to initiators while it is open."""

    def __init__(
        self,
        addresses: Sequence[PortalAddress],
        make_server: Callable[[Mapping[str, Target]], Server],
        targets: Mapping[str, Target],
    ) -> None:
        """`addresses` are those of the settings; after the first opening their ports are real."""
        self.addresses = addresses
        self._make_server = make_server
        self._targets = targets
        self._server: Server | None = None
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Take logins on all addresses, or none of them: GatewayError."""
        async with self._changing:
            if self._server is not None:
                return
            server = self._make_server(self._targets)
            try:
                self.addresses = [await _listen(server, portal) for portal in self.addresses]
            except GatewayError:
                await server.stop(0)
                raise
            self._server = server

    async def shut(self) -> None:
        """Ask all initiators to log out, then close."""
        async with self._changing:
            server, self._server = self._server, None
            if server is not None:
                await server.stop()

    def sessions(self) -> Sequence[SessionInfo]:
        """Who is logged in."""
        return self._server.sessions() if self._server is not None else ()

    def sessions_of(self, target: str) -> int:
        """How many are logged in to a target."""
        return sum(session.target == target for session in self.sessions())

    def end_sessions(self, target: str, reason: str) -> None:
        """Close all connections to a target."""
        if self._server is not None:
            self._server.end_sessions(target, reason)


async def _listen(server: Server, portal: PortalAddress) -> PortalAddress:
    try:
        return await server.start(portal)
    except OSError as error:
        raise GatewayError(f"cannot listen on {portal}: {error.strerror}") from None
