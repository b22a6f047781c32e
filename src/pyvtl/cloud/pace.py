"""When a tape gets its next recovery point: a decision without a clock of its own."""

from dataclasses import dataclass

from pyvtl.cloud.patience import Patience
from pyvtl.cloud.pushing import PACKS_PER_POINT
from pyvtl.cloud.reach import USUAL
from pyvtl.media.snapshot import Backlog

SHORTEST_LOOK, LONGEST_LOOK = 0.01, 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds.

    A tape in a drive is idle after `idle` without a write.  One that is written gets a recovery
    point after `recovery_point`, or as soon as 64 packs wait.  `collection` lies
    between two collections of what nobody needs, at least.
    """

    idle: float = 30.0
    recovery_point: float = 60.0
    collection: float = 600.0
    waits: Patience = USUAL
    """Between attempts, while the store does not answer or a tape is refused."""

    @property
    def look(self) -> float:
        """How often to look whether anything is due."""
        return min(max(min(self.idle, self.recovery_point) / 4, SHORTEST_LOOK), LONGEST_LOOK)


@dataclass(slots=True)
class Watch:
    """A tape of which the store lacks something: since when, and how it went so far.

    `quiet_since` is when it was last seen to be written.  Nothing is tried before `not_before`.
    """

    since: float
    quiet_since: float
    appends: int
    not_before: float = 0.0
    attempts: int = 0
    trouble: str | None = None

    def see(self, tape: Backlog, now: float) -> None:
        """Note whether it was written since the last look."""
        if tape.appends != self.appends:
            self.appends, self.quiet_since = tape.appends, now


def is_due(tape: Backlog, watch: Watch, pace: Pace, now: float, *, hurry: bool = False) -> bool:
    """Whether to bring the tape into the store now; in a `hurry` as soon as there is anything."""
    if now < watch.not_before:
        return False
    if hurry and (tape.closed or tape.open_packs):
        return True
    if not tape.in_use or tape.closed >= PACKS_PER_POINT:
        return True
    return now - watch.quiet_since >= pace.idle or now - watch.since >= pace.recovery_point
