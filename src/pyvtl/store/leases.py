"""Segments that are open for reading, and may be deleted whenever nobody is just reading them."""

from threading import Lock
from typing import Final

from pyvtl.store.cache_space import CacheSpace
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer

SEGMENT: Final = -2
"""The part of a pack that its segment is: all of it."""


class EvictedError(DamageError):
    """A segment was deleted because it was clean, while somebody had it open."""


class FileLease:
    """A segment that is read by a descriptor for as long as it is here."""

    def __init__(self, leases: "Leases", pack_id: bytes, fd: int) -> None:
        self.key, self.fd, self.gone = (pack_id, SEGMENT), fd, False
        self._leases = leases

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the segment; EvictedError when it was deleted meanwhile."""
        space = self._leases.space
        if not space.hold(self.key):
            raise EvictedError(f"the segment of pack {self.key[0].hex()} is being deleted")
        try:
            if self.gone:
                raise EvictedError(f"the segment of pack {self.key[0].hex()} was deleted")
            return self._leases.files.pread(self.fd, length, offset)
        finally:
            space.release(self.key)

    def close(self) -> None:
        """Let go of the descriptor."""
        self._leases.end(self)


class Leases:
    """All that are given out in a data folder.  May be used from any thread."""

    def __init__(self, files: FileLayer, space: CacheSpace) -> None:
        self.files, self.space = files, space
        self._lock = Lock()
        self._given: dict[bytes, set[FileLease]] = {}

    def begin(self, pack_id: bytes, fd: int) -> FileLease:
        """Let a segment be read by this descriptor, which is closed at the end."""
        lease = FileLease(self, pack_id, fd)
        with self._lock:
            self._given.setdefault(pack_id, set()).add(lease)
        return lease

    def end(self, lease: FileLease) -> None:
        """Close the descriptor of a lease, once."""
        pack_id = lease.key[0]
        with self._lock:
            if lease.gone:
                return
            lease.gone = True
            self._given[pack_id].remove(lease)
            if not self._given[pack_id]:
                del self._given[pack_id]
        self.files.close(lease.fd)

    def end_all(self, pack_id: bytes) -> None:
        """End all leases of a segment that nobody is just reading."""
        with self._lock:
            leases = list(self._given.get(pack_id, ()))
        for lease in leases:
            self.end(lease)
