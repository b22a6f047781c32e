"""The upload buffer: what waits on the disk to be uploaded, and how its filling slows writers.

Up to the high-water mark nobody is slowed.  Above it lies the reserve: each MiB is accepted a
little later the more of the reserve is used, so that writers come down to the speed of the
uploads, or, while there are none, live on the reserve for hours.  Only when it is spent are they
held.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

log = structlog.get_logger()

MIB: Final = 1 << 20
LONGEST_DELAY: Final = 30.0
"""Seconds that one WRITE is delayed at most: initiators wait longer than that."""
LONGEST_LOOK: Final = 1.0


def high_water(limit_bytes: int) -> int:
    """From here on writers are slowed, and what is not closed yet is uploaded too."""
    return limit_bytes * 3 // 4


def delay(used_bytes: int, limit_bytes: int, size: int) -> float | None:
    """Seconds to wait before `size` bytes are accepted; None to wait until there is room.

    It grows with the cube of what is used of the reserve: a reserve of 8 GiB lasts ten drives that
    write all the time for an hour and a half, and one drive for 17 hours.
    """
    start = high_water(limit_bytes)
    if used_bytes <= start:
        return 0.0
    if used_bytes >= limit_bytes:
        return None
    used = (used_bytes - start) / (limit_bytes - start)
    return min(LONGEST_DELAY, LONGEST_DELAY * used**3 * size / MIB)


class UploadBuffer:
    """A `Valve` for all drives.  Used by one event loop.

    `used` tells the bytes in it; `wake` is called when what fills it should be uploaded now.
    """

    def __init__(
        self,
        limit_bytes: int,
        used: Callable[[], int],
        wake: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
        *,
        headroom_bytes: int = 0,
    ) -> None:
        """`headroom_bytes` is what the disk may yet give for records that were admitted."""
        self.limit_bytes, self._headroom = limit_bytes, headroom_bytes
        self._used, self._wake, self._now = used, wake, now
        self._fell = asyncio.Event()
        self._full = False

    @property
    def used_bytes(self) -> int:
        return self._used()

    @property
    def pressed(self) -> bool:
        """Whether it is filled above the high-water mark."""
        return self._used() + self._headroom > high_water(self.limit_bytes)

    @property
    def full(self) -> bool:
        """Whether somebody is held until there is room."""
        return self._full

    def fell(self) -> None:
        """Something left it: those who wait look again."""
        self._fell.set()
        self._fell = asyncio.Event()

    async def admit(self, size: int) -> None:
        if not self.pressed:
            return
        self._wake()
        began = self._now()
        while (left := self._left(size, self._now() - began)) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._fell.wait(), left)

    def _left(self, size: int, waited: float) -> float:
        """Seconds still to wait, as far as is known now."""
        used = self._used()
        wanted = delay(used + self._headroom, self.limit_bytes, size)
        self._note_full(used, full=wanted is None)
        return LONGEST_LOOK if wanted is None else min(wanted - waited, LONGEST_LOOK)

    def _note_full(self, used_bytes: int, *, full: bool) -> None:
        """Tell once that writers are held, and once that they go on."""
        if full and not self._full:
            log.error("upload_buffer.full", used_bytes=used_bytes, limit_bytes=self.limit_bytes)
        elif self._full and not full:
            log.info("upload_buffer.has_room", used_bytes=used_bytes)
        self._full = full
