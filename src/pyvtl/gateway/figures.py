"""How much room there is, and what it is used for."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pyvtl.cloud.threads import in_thread
from pyvtl.media.vault import Vault
from pyvtl.store.pack_cache import CacheFigures

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


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Of a gateway that uploads to an object store, and keeps copies of what is there."""

    cache: CacheFigures
    cache_dirty_bytes: int
    upload_buffer_allocated_bytes: int
    free_bytes: int

    @property
    def cache_allocated_bytes(self) -> int:
        """The limits of both, or without a limit of the cache what the disk has left for it."""
        if self.cache.limit_bytes is None:
            return self.cache_used_bytes + self.free_bytes
        return self.cache.limit_bytes + self.upload_buffer_allocated_bytes

    @property
    def cache_used_bytes(self) -> int:
        """What lies here, in the store or not."""
        return self.cache.used_bytes + self.cache_dirty_bytes

    @property
    def cache_hit_ratio(self) -> float:
        """By pieces of what is read."""
        read = self.cache.hits + self.cache.misses
        return self.cache.hits / read if read else 1.0

    @property
    def upload_buffer_used_bytes(self) -> int:
        """What waits to be uploaded."""
        return self.cache_dirty_bytes


async def local_figures(tapes: Path) -> StorageFigures:
    """Of a folder of tapes with no store behind it, as it is now."""
    return await in_thread(_local_figures, tapes)


async def store_figures(vault: Vault, tapes: Path, buffer_bytes: int) -> StorageFigures:
    """Of tapes with a store behind them, as they are now; `buffer_bytes` may wait for it."""
    return await in_thread(_store_figures, vault, tapes, buffer_bytes)


def _local_figures(tapes: Path) -> LocalFigures:
    return LocalFigures(sum(_sizes(tapes)), shutil.disk_usage(tapes).free)


def _store_figures(vault: Vault, tapes: Path, buffer_bytes: int) -> StoreFigures:
    free = shutil.disk_usage(tapes).free
    return StoreFigures(vault.cache.figures(), vault.dirty_bytes, buffer_bytes, free)


def _sizes(folder: Path) -> Iterator[int]:
    """The space of each file; one that goes meanwhile takes none."""
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                yield (Path(path) / name).lstat().st_blocks * SECTOR
            except FileNotFoundError:
                continue
