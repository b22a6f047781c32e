"""Memory that received data goes to, used again once nobody holds a view of it."""

from collections import deque
from sys import getrefcount
from typing import Final

LEAST_BYTES: Final = 32 << 10
"""Smaller buffers are as quickly made anew."""
KEPT_BYTES: Final = 4 << 20
"""What one connection keeps for use again, about as much as its drive has not yet stored."""

_kept: Final = deque([bytearray()])
FREE: Final = getrefcount(_kept[0])
"""The references to a buffer that is kept and in nobody's use; every view counts as one more."""


class Buffers:
    """Gives buffers of any length; what was in them before is still there.

    New memory has to be cleared, and if there is much of it the kernel has to find it page by
    page: together that costs as much as the copy from the socket.
    """

    def __init__(self) -> None:
        self._kept: deque[bytearray] = deque()
        self._bytes = 0

    def take(self, size: int) -> memoryview:
        """A buffer of exactly `size` bytes that is in no other use."""
        kept = self._kept
        # They come free in the order in which they were taken: to look at the oldest is enough.
        if kept and getrefcount(kept[0]) == FREE:
            if len(kept[0]) == size:
                kept.rotate(-1)
                return memoryview(kept[-1])
            self._bytes -= len(kept.popleft())
        buffer = bytearray(size)
        if LEAST_BYTES <= size <= KEPT_BYTES - self._bytes:
            kept.append(buffer)
            self._bytes += size
        return memoryview(buffer)
