"""One pack of the store, read piece by piece, with the next pieces on their way."""

from concurrent.futures import Future

from pyvtl.cloud.objects import MIB
from pyvtl.cloud.reading import StoreSource
from pyvtl.store.stored import StoredPack

PIECE_BYTES = 8 * MIB
AHEAD = 3
"""Pieces under way beside the one that is being read, while reading goes on in a row."""


class PackAhead:
    """Bytes of a pack for one reader: what it reads in a row is fetched before it asks."""

    def __init__(self, source: StoreSource, pack: StoredPack) -> None:
        self._source, self._pack = source, pack
        self._pieces: dict[int, Future[bytes]] = {}
        self._end = 0

    def read(self, start: int, length: int) -> bytes:
        """As much of a span as there is.  Raises UnreachableError, DamageError."""
        stop = min(start + length, self._pack.length)
        if start >= stop:
            return b""
        first, last = start // PIECE_BYTES, (stop - 1) // PIECE_BYTES
        in_a_row = start == self._end
        self._fetch(first, last + AHEAD if in_a_row else last)
        self._end = stop
        data = [self._source.wait(self._pieces[number]) for number in range(first, last + 1)]
        at = first * PIECE_BYTES
        if first == last:
            return data[0][start - at : stop - at]
        return b"".join(data)[start - at : stop - at]

    def _fetch(self, first: int, last: int) -> None:
        """Have these pieces on their way, and let go of those before them."""
        for number in [number for number in self._pieces if not first <= number <= last]:
            self._pieces.pop(number).cancel()
        for number in range(first, last + 1):
            start = number * PIECE_BYTES
            size = min(PIECE_BYTES, self._pack.length - start)
            if size > 0 and not self._holds(number):
                self._pieces[number] = self._source.begin(self._pack, start, size)

    def _holds(self, number: int) -> bool:
        """Whether a piece is here or on its way; one that failed is asked for again."""
        piece = self._pieces.get(number)
        if piece is None or piece.cancelled():
            return False
        return not piece.done() or piece.exception() is None

    def close(self) -> None:
        """Let go of what is on its way."""
        for piece in self._pieces.values():
            piece.cancel()
        self._pieces.clear()
