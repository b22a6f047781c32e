"""Whether the store answers: told once when it stops, and once when it does again."""

import time
from datetime import UTC, datetime

import structlog

from pyvtl.cloud.patience import Patience

log = structlog.get_logger()

USUAL = Patience(first_seconds=0.5, longest_seconds=30)


class Reach:
    """`reason` says why it is lost, `since` when that began, or when it was last there again.

    Nothing is to be asked of it before `ask_again_at`, in seconds of the monotonic clock.
    """

    def __init__(self, waits: Patience = USUAL) -> None:
        """`waits` are those between attempts to reach it again."""
        self._waits = waits
        self.reason: str | None = None
        self.since = datetime.now(UTC)
        self.ask_again_at = 0.0
        self._attempts = 0

    @property
    def lost(self) -> bool:
        return self.reason is not None

    def fail(self, error: Exception) -> None:
        """It did not answer, or refuses everything."""
        if self.reason is None:
            self.since = datetime.now(UTC)
            log.error("store.unreachable", reason=_text(error))
        self.reason = _text(error)
        self._attempts += 1
        self.ask_again_at = time.monotonic() + self._waits.wait_before(self._attempts)

    def answer(self) -> None:
        """It did what it was asked."""
        if self.reason is not None:
            now = datetime.now(UTC)
            seconds = round((now - self.since).total_seconds(), 1)
            log.info("store.reachable", after_seconds=seconds, reason=self.reason)
            self.reason, self.since = None, now
            self._attempts, self.ask_again_at = 0, 0.0


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
