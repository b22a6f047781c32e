"""How much room there is, and what it is used for."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

SECTOR: Final = 512
"""What stat(2) counts the space of a file in."""


class StorageFigures(Protocol):
    """Bytes of the cache and of the upload buffer, as they are at one moment.

    `cache_hit_ratio` is the part of the bytes read that came from the cache, 0 to 1; 1 when
    nothing was read.
    """

    @property
    def cache_allocated_bytes(self) -> int: ...
    @property
    def cache_used_bytes(self) -> int: ...
    @property
    def cache_dirty_bytes(self) -> int: ...
    @property
    def cache_hit_ratio(self) -> float: ...
    @property
    def upload_buffer_allocated_bytes(self) -> int: ...
    @property
    def upload_buffer_used_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LocalFigures:
    """Of a gateway that keeps all bytes on the local disk and none elsewhere."""

    used_bytes: int
    free_bytes: int
    cache_hit_ratio: float = 1.0

    @property
    def cache_allocated_bytes(self) -> int:
        """What tapes use and what the disk has left for them."""
        return self.used_bytes + self.free_bytes

    @property
    def cache_used_bytes(self) -> int:
        """The space of all segments."""
        return self.used_bytes

    @property
    def cache_dirty_bytes(self) -> int:
        """No byte is anywhere else."""
        return self.used_bytes

    @property
    def upload_buffer_allocated_bytes(self) -> int:
        """The same disk."""
        return self.cache_allocated_bytes

    @property
    def upload_buffer_used_bytes(self) -> int:
        """What would have to be uploaded."""
        return self.used_bytes


async def local_figures(tapes: Path) -> StorageFigures:
    """Of the folder of the tapes, as it is now."""
    return await asyncio.to_thread(_local_figures, tapes)


def _local_figures(tapes: Path) -> LocalFigures:
    return LocalFigures(sum(_sizes(tapes)), shutil.disk_usage(tapes).free)


def _sizes(folder: Path) -> Iterator[int]:
    """The space of each file; one that goes meanwhile takes none."""
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                yield (Path(path) / name).lstat().st_blocks * SECTOR
            except FileNotFoundError:
                continue
