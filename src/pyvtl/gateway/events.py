"""What happens to tapes, as it happens: log lines, and a stream for whoever follows.

An event has the form of AWS Storage Gateway's own log events.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

import structlog

from pyvtl.gateway.states import Status

log = structlog.get_logger()

KEPT: Final = 1000
"""So many events are remembered for whoever asks later, and wait for a follower that is slow."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a tape; `timestamp` counts milliseconds since 1970, as text."""

    severity: str
    source: str
    type: str
    gateway: str
    timestamp: str
    newStatus: str | None = None  # noqa: N815 - AWS's own name
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As it is told: without what it does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}


Followed = asyncio.Queue[Event | None]


class Events:
    """Takes events, and gives them to whoever follows.  On the event loop."""

    def __init__(self, gateway_id: str, clock: Callable[[], float] = time.time) -> None:
        self._gateway = f"sgw-{gateway_id.upper()}"
        self._clock = clock
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._followers: set[Followed] = set()

    @property
    def recent(self) -> tuple[Event, ...]:
        """The last events, the oldest first."""
        return tuple(self._kept)

    def status_changed(self, barcode: str, status: Status) -> None:
        """A tape has another status, durably."""
        log.info("tape.status_changed", barcode=barcode, status=status.value)
        self._tell("INFO", barcode, "TapeStatusTransition", new_status=status.value)

    def work_failed(self, barcode: str, status: Status, reason: str) -> None:
        """What a tape needs to leave its status cannot be done now; it is tried again."""
        log.warning("tape.work_failed", barcode=barcode, status=status.value, reason=reason)
        self._tell("ERROR", barcode, "TapeWorkFailed", reason=reason)

    def tapes_not_created(self, prefix: str, reason: str) -> None:
        """Automatic tape creation was due and could not be."""
        log.warning("policy.tapes_not_created", prefix=prefix, reason=reason)
        self._tell("ERROR", prefix, "TapesNotCreated", reason=reason)

    @contextmanager
    def following(self) -> Iterator[Followed]:
        """A queue of events from now on; one that is not emptied in time loses the oldest.

        None in it says that there will be no more.
        """
        queue: Followed = asyncio.Queue(KEPT)
        self._followers.add(queue)
        try:
            yield queue
        finally:
            self._followers.discard(queue)

    def end(self) -> None:
        """Nobody is to wait for more."""
        self._put(None)

    def _tell(
        self,
        severity: str,
        source: str,
        kind: str,
        *,
        new_status: str | None = None,
        reason: str | None = None,
    ) -> None:
        timestamp = str(int(self._clock() * 1000))
        event = Event(severity, source, kind, self._gateway, timestamp, new_status, reason)
        self._kept.append(event)
        self._put(event)

    def _put(self, event: Event | None) -> None:
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)
