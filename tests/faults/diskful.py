"""How much a data folder takes of the disk, sampled while others are busy with it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.disks import allocated_by

SAMPLE_SECONDS = 0.02


def allocated(folder: Path) -> int:
    """Bytes that segments, and what was read back, take of the disk."""
    return allocated_by([*folder.glob("tapes/*/*.segment"), *folder.glob("cache/*")])


@dataclass(slots=True)
class Usage:
    """The most that was seen at a time, and how often it was looked."""

    peak_bytes: int = 0
    samples: int = 0


@contextmanager
def sampled(folder: Path) -> Iterator[Usage]:
    """Look again and again for as long as the block lasts."""
    usage, ended = Usage(), threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            usage.peak_bytes = max(usage.peak_bytes, allocated(folder))
            usage.samples += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield usage
    finally:
        ended.set()
        thread.join()
