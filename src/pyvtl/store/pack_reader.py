"""A pack of the object store as a reader sees it: bytes, wherever they come from."""

from collections.abc import Callable

from pyvtl.store.pack_cache import CHUNK, PackCache
from pyvtl.store.stored import StoredPack


class PackReader:
    """A pack that is read through the cache, by one thread."""

    gone = False

    def __init__(
        self,
        cache: PackCache,
        stored: StoredPack,
        go_on: Callable[[int], None] = lambda _pieces: None,
    ) -> None:
        """`go_on` has so many pieces fetched of what is read after this pack."""
        self._cache, self._stored, self._go_on = cache, stored, go_on
        self._last = -1

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the pack; raises UnreachableError and DamageError."""
        pieces, end = [], min(offset + length, self._stored.length)
        while offset < end:
            number, start = divmod(offset, CHUNK)
            size = min(end - offset, CHUNK - start)
            if number == self._last + 1:
                self._go_on(self._cache.fetch_ahead(self._stored, number))
            self._last = number
            pieces.append(self._cache.chunk(self._stored, number, start, size))
            offset += size
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def doubt(self, start: int, end: int) -> None:
        """What was read between these bytes is not what was written."""
        self._cache.doubt(self._stored, start, end)

    def close(self) -> None:
        """Nothing is held between two readings."""
