"""Unit attention conditions, kept for each I_T nexus (SAM-5 Unit attention conditions)."""

from collections import deque

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.nexus import Nexus

NEXUSES_KEPT = 1024
"""How many nexuses are remembered, so that made-up initiator names cannot fill the memory."""


class UnitAttentions:
    """What each nexus has yet to be told, in the order in which it happened.

    A nexus without a session is remembered too, for its initiator may log in again; beyond
    `NEXUSES_KEPT`, those whose session ended longest ago are forgotten.
    """

    def __init__(self) -> None:
        self._pending: dict[Nexus, deque[Asc]] = {}
        self._in_session: set[Nexus] = set()

    def __contains__(self, nexus: Nexus) -> bool:
        return nexus in self._pending

    def begin_session(self, nexus: Nexus) -> None:
        """Keep conditions for `nexus` as long as its session lasts."""
        self._pending.setdefault(nexus, deque())
        self._in_session.add(nexus)
        self._forget()

    def end_session(self, nexus: Nexus) -> None:
        """Remember `nexus`, as the one seen last, until it must give way to newer ones."""
        self._in_session.discard(nexus)
        if nexus in self._pending:
            self._pending[nexus] = self._pending.pop(nexus)
        self._forget()

    def post(self, nexus: Nexus, condition: Asc) -> None:
        """Tell one nexus; a condition that it has yet to be told of is not repeated."""
        pending = self._pending.setdefault(nexus, deque())
        if condition not in pending:
            pending.append(condition)

    def post_all(self, condition: Asc, *, but: Nexus | None = None) -> None:
        """Tell every known nexus, except the one that caused the condition."""
        for nexus in self._pending:
            if nexus != but:
                self.post(nexus, condition)

    def replace_all(self, condition: Asc) -> None:
        """A reset: forget what is pending everywhere, and tell every nexus of the reset."""
        for pending in self._pending.values():
            pending.clear()
            pending.append(condition)

    def take(self, nexus: Nexus) -> Asc | None:
        """The oldest condition for `nexus`, which is thereby reported and cleared."""
        pending = self._pending.get(nexus)
        return pending.popleft() if pending else None

    def _forget(self) -> None:
        surplus = len(self._pending) - NEXUSES_KEPT
        if surplus > 0:
            idle = [nexus for nexus in self._pending if nexus not in self._in_session]
            for nexus in idle[:surplus]:
                del self._pending[nexus]
