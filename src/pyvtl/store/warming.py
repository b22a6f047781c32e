"""Bring a tape here before it is read, a few pieces at a time."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from pyvtl.store.pack_cache import AHEAD, CHUNK, PackCache, pieces_of
from pyvtl.store.stored import StoredPack

STEP: Final = 2 * AHEAD
"""Pieces that one step fetches."""


class Piece(NamedTuple):
    """A piece of a pack, and how many bytes it has."""

    stored: StoredPack
    number: int
    size: int


class Warmed(NamedTuple):
    """How far it is.  `following` is where to go on, None at the end.

    `left_bytes` is what the cache has no room for.
    """

    following: int | None
    done_bytes: int
    total_bytes: int
    left_bytes: int


def warm(cache: PackCache, barcode: str, first: int = 0) -> Warmed:
    """Have the next pieces of a tape here, from the one numbered `first` on.

    As much as fits is brought here, from the beginning on.  UnreachableError, DamageError.
    """
    every = list(_pieces(cache, barcode))
    fitting = _fitting(every, cache.room_for(barcode))
    after = min(first + STEP, len(fitting))
    begun = [
        flight
        for piece in fitting[first:after]
        if not cache.has_segment(piece.stored.pack_id)
        for flight in cache.fetch(piece.stored, [piece.number])
    ]
    for flight in begun:
        flight.result()
    total = sum(piece.size for piece in fitting)
    return Warmed(
        following=after if after < len(fitting) else None,
        done_bytes=sum(piece.size for piece in fitting[:after]),
        total_bytes=total,
        left_bytes=sum(piece.size for piece in every) - total,
    )


def _pieces(cache: PackCache, barcode: str) -> Iterator[Piece]:
    for stored in cache.rows.needed(barcode):
        for number in range(pieces_of(stored)):
            yield Piece(stored, number, min(CHUNK, stored.length - number * CHUNK))


def _fitting(pieces: list[Piece], room: int | None) -> list[Piece]:
    """The first of these pieces that have room together."""
    if room is None:
        return pieces
    fitting = []
    for piece in pieces:
        room -= piece.size
        if room < 0:
            break
        fitting.append(piece)
    return fitting
