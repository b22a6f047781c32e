"""Where each stretch of a tape lies: the extents of its partitions, in six numbers each."""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from pyvtl.store.format import BEGINNING, NO_CHAIN, NO_PACK, AttributesFrame, Commit, Place
from pyvtl.store.index import Extent


@dataclass(frozen=True, slots=True)
class Pack:
    """A closed segment, as its footer or the catalog knows it: all that loading a tape takes."""

    pack_id: bytes
    sequence: int
    generation: int
    length: int
    """Of the whole file."""
    chain: bytes
    predecessor: bytes = NO_PACK
    predecessor_length: int = 0
    predecessor_chain: bytes = NO_CHAIN
    commit: Commit | None = None
    attributes: AttributesFrame | None = None
    extents: tuple[Extent, ...] = ()
    references: frozenset[bytes] = field(default=frozenset(), compare=False)
    """The other packs that it refers to; the catalog has them in a table of their own."""


class Stretch(NamedTuple):
    """An extent as the map knows it: from where to where, in which segment of the tape."""

    sequence: int
    extent: Extent
    end: Place


class PartitionMap:
    """The extents of one partition, in order, and its end of data."""

    COLUMNS = 6  # objects, filemarks, bytes, sequence, block, first OBJECTS frame

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.end = BEGINNING
        self._columns = [array("Q") for _ in range(self.COLUMNS)]

    def __len__(self) -> int:
        return len(self._columns[0])

    def cut(self, place: Place) -> None:
        """End the partition at `place`; extents from there on are forgotten."""
        kept = bisect_left(self._columns[0], place.objects)
        for column in self._columns:
            del column[kept:]
        self.end = place

    def add(self, sequence: int, extent: Extent) -> None:
        """Let the partition go on in another extent, from its start on."""
        self.cut(extent.start)
        row = (*extent.start, sequence, extent.block, extent.objects)
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def stretch(self, number: int) -> Stretch:
        """The extent of that number."""
        objects, filemarks, size, sequence, block, first = (c[number] for c in self._columns)
        extent = Extent(self.partition, Place(objects, filemarks, size), block, first)
        return Stretch(sequence, extent, self.start(number + 1))

    def start(self, number: int) -> Place:
        """Where the extent of that number begins; past the last one, the end of data."""
        if number >= len(self):
            return self.end
        return Place(*(column[number] for column in self._columns[:3]))

    def at(self, axis: int, value: int) -> int:
        """The last extent that begins at or before `value` objects, filemarks or bytes."""
        return max(0, bisect_right(self._columns[axis], value) - 1)

    def copy(self) -> "PartitionMap":
        twin = PartitionMap(self.partition)
        twin.end, twin._columns = self.end, [column[:] for column in self._columns]
        return twin


class TapeMap:
    """The partitions of a tape and the packs they lie in."""

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = [PartitionMap(number) for number in range(partitions)]
        self.packs: dict[int, bytes] = {}
        """Pack ids by sequence number."""

    def add(self, pack: Pack) -> None:
        """Follow what a pack did to the tape: packs come in the order they were written."""
        self.packs[pack.sequence] = pack.pack_id
        for extent in pack.extents:
            self.partitions[extent.partition].add(pack.sequence, extent)
        if pack.commit is not None:
            for row, end in zip(self.partitions, pack.commit.places(), strict=True):
                row.cut(end)

    def ends(self) -> list[Place]:
        """The end of data of each partition."""
        return [row.end for row in self.partitions]

    def copy(self) -> "TapeMap":
        twin = TapeMap(0)
        twin.partitions = [row.copy() for row in self.partitions]
        twin.packs = self.packs.copy()
        return twin
