"""The sessions of a server: who is logged in where, and who takes whose place."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pyvtl.iscsi.command import Command
from pyvtl.iscsi.connection import Connection
from pyvtl.iscsi.keys import Parameters
from pyvtl.iscsi.session import Session
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.target import Target

LARGEST_TSIH = 0xFFFF


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One session, as `library status` shows it."""

    initiator: str
    alias: str
    target: str
    address: str
    since: datetime
    tsih: int
    parameters: Parameters


@dataclass(eq=False, slots=True)
class Initiator:
    """One that is logged in to a target.

    `flush` sends what the connection has to send, now or at the end of what is being received;
    `leave` ends session and connection at once, and says why.  `arrivals` are the commands that
    wait for data, of which some has to come every `data_seconds`.
    """

    connection: Connection
    session: Session
    target: Target
    info: SessionInfo
    flush: Callable[[], None]
    leave: Callable[[str], None]
    data_seconds: float
    arrivals: dict[Command, asyncio.Future[None]] = field(default_factory=dict)
    nexus: Nexus = field(init=False)

    def __post_init__(self) -> None:
        self.nexus = Nexus(self.session.initiator_port, self.session.target_port)


class Sessions:
    """Normal sessions, by handle and by I_T nexus."""

    def __init__(self) -> None:
        self._by_tsih: dict[int, Initiator] = {}
        self._by_nexus: dict[Nexus, Initiator] = {}
        self._last_tsih = 0

    def __iter__(self) -> Iterator[Initiator]:
        return iter(list(self._by_tsih.values()))

    def __len__(self) -> int:
        return len(self._by_tsih)

    def new_tsih(self) -> int:
        """A handle that no session has, never 0 (RFC 7143 section 4.4.3.1)."""
        while True:
            self._last_tsih = self._last_tsih % LARGEST_TSIH + 1
            if self._last_tsih not in self._by_tsih:
                return self._last_tsih

    def has(self, initiator_name: str, tsih: int) -> bool:
        """Whether this initiator has a session of this handle."""
        initiator = self._by_tsih.get(tsih)
        return initiator is not None and initiator.info.initiator == initiator_name

    def add(self, initiator: Initiator) -> None:
        """Enter a session; one of the same nexus leaves (session reinstatement, 6.3.5)."""
        former = self._by_nexus.get(initiator.nexus)
        if former is not None:
            former.leave("reinstated")
        self._by_nexus[initiator.nexus] = initiator
        self._by_tsih[initiator.info.tsih] = initiator

    def remove(self, initiator: Initiator) -> None:
        """Strike a session out."""
        del self._by_tsih[initiator.info.tsih]
        del self._by_nexus[initiator.nexus]
