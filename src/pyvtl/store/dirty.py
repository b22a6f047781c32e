"""What lies on this disk and nowhere else, counted: the upload buffer."""

from collections.abc import Collection
from enum import Enum, auto
from threading import Lock
from typing import NamedTuple


class Stage(Enum):
    """How far a segment has come."""

    SPARE = auto()
    OPEN = auto()
    CLOSED = auto()


class DirtyPack(NamedTuple):
    """A pack that no object store has.  `size_bytes` is what its file takes of the disk."""

    barcode: str
    size_bytes: int
    stage: Stage


class DirtyTape(NamedTuple):
    """The sum over the packs of a tape, or over all.

    `spare` counts files that nothing is in yet, `closed` those that can be sent.
    """

    size_bytes: int = 0
    spare: int = 0
    open: int = 0
    closed: int = 0


NONE = DirtyTape()


class DirtyPacks:
    """Running sums, told of every change of a segment's length.  May be used from any thread.

    After a start the vault tells it of every segment that is there and not in the store.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._packs: dict[bytes, DirtyPack] = {}
        self._tapes: dict[str, DirtyTape] = {}
        self._total = NONE

    @property
    def total(self) -> DirtyTape:
        """All tapes together."""
        return self._total

    def of(self, barcode: str) -> DirtyTape:
        """One tape."""
        return self._tapes.get(barcode, NONE)

    def note(self, barcode: str, pack_id: bytes, stage: Stage, size_bytes: int) -> None:
        """A segment of the tape takes so many bytes now."""
        with self._lock:
            self._drop(pack_id)
            pack = self._packs[pack_id] = DirtyPack(barcode, size_bytes, stage)
            self._add(pack, 1)

    def forget(self, pack_ids: Collection[bytes]) -> None:
        """These are in the store now, or gone."""
        with self._lock:
            for pack_id in pack_ids:
                self._drop(pack_id)

    def _drop(self, pack_id: bytes) -> None:
        pack = self._packs.pop(pack_id, None)
        if pack is not None:
            self._add(pack, -1)

    def _add(self, pack: DirtyPack, sign: int) -> None:
        counts = (sign * (pack.stage is stage) for stage in Stage)
        change = DirtyTape(sign * pack.size_bytes, *counts)
        self._total = _sum(self._total, change)
        tape = self._tapes[pack.barcode] = _sum(self.of(pack.barcode), change)
        if tape == NONE:
            del self._tapes[pack.barcode]


def _sum(one: DirtyTape, other: DirtyTape) -> DirtyTape:
    return DirtyTape(*map(sum, zip(one, other, strict=True)))
