"""What one segment holds, made from its frame headers: where blocks lie, and which objects."""

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import NamedTuple

from pyvtl.store.errors import DamageError
from pyvtl.store.format import (
    BLOCK_KINDS,
    FRAME,
    AttributesFrame,
    Commit,
    FrameFacts,
    FrameHeader,
    Kind,
    ObjectsHead,
    Place,
    Reference,
    Run,
    Truncate,
    decode_runs,
)
from pyvtl.wire.layout import Buffer

BLOCK_HEADERS = struct.Struct(">4xBB2xIIIQ36x")
"""What is kept of the header of a block: see FRAME."""
FRAME_SIZE = FrameHeader.SIZE
LENGTH_MASK = 0xFF_FFFF


def _partition_of_block(header: Buffer) -> int | None:
    """The partition that a frame is a block of; None when it is no block."""
    return header[16] if header[4] in BLOCK_KINDS else None


def _next_payload(offset: int, stored_length: int) -> int:
    return offset + stored_length + FRAME_SIZE


class Extent(NamedTuple):
    """A stretch of a partition that lies in one segment, from `start` to the next extent.

    `block` and `objects` number the first of its rows of blocks and of its OBJECTS frames.
    """

    partition: int
    start: Place
    block: int
    objects: int


@dataclass(frozen=True, slots=True)
class ObjectsFrame:
    """The runs of an OBJECTS frame and the places at which they begin."""

    start: Place
    runs: list[Run]
    places: list[Place] = field(init=False)

    def __post_init__(self) -> None:
        places = list(accumulate(self.runs, lambda at, run: run.after(at), initial=self.start))
        object.__setattr__(self, "places", places)

    @property
    def end(self) -> Place:
        return self.places[-1]


class SegmentIndex:
    """Grows as frames are added in their order.

    The arrays have a row for each block frame, and one for all the blocks that a REF stands for.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.end = 0
        self.offsets = array("Q")
        """Where the payload begins."""
        self.first_bytes = array("Q")
        self.lengths = array("I")
        """Of the plain block."""
        self.stored_lengths = array("I")
        """Of the payload."""
        self.codecs = array("B")
        self.numbers = array("I")
        self.kinds = array("B")
        self.references: dict[int, bytes] = {}
        """The payloads of REF frames by their rows."""
        self.starts: list[Place] = []
        """Where each OBJECTS frame begins."""
        self.extents: list[Extent] = []
        self.commit: Commit | None = None
        self.attributes: AttributesFrame | None = None
        self._objects: list[bytes] = []
        self._parsed: tuple[int, ObjectsFrame] | None = None
        self._partition: int | None = None
        self._rows_of: int | None = None
        self._first_block = 0

    def add(self, offset: int, header: Buffer, payload: Buffer | None) -> None:
        """Take in the frame whose header stands at `offset`; blocks need no payload."""
        facts = FrameFacts(*FRAME.unpack_from(header))
        self.frames += 1
        self.end = offset + FrameHeader.SIZE + facts.stored_length
        if facts.kind in BLOCK_KINDS:
            self._add_block(offset + FrameHeader.SIZE, facts)
        elif payload is not None:
            self._add_note(offset + FrameHeader.SIZE, facts, bytes(payload))

    def add_all(self, offset: int, headers: Iterable[Buffer], notes: Iterable[bytes]) -> None:
        """Take in a row of frames; `notes` are the payloads of those that are no blocks."""
        waiting = iter(notes)
        for partition, row in groupby(headers, _partition_of_block):
            if partition is not None:
                self._add_blocks(offset, partition, row)
            else:
                for header in row:
                    self.add(offset, header, next(waiting))
                    offset = self.end
            offset = self.end

    def _add_blocks(self, offset: int, partition: int, headers: Iterable[Buffer]) -> None:
        """Take in a row of blocks of one partition: column by column, as there are many."""
        if partition != self._rows_of:
            self._rows_of, self._first_block = partition, len(self.offsets)
        facts = zip(*BLOCK_HEADERS.iter_unpack(b"".join(headers)), strict=True)
        kinds, codecs, numbers, stored_lengths, partitions_and_lengths, first_bytes = facts
        payloads = list(accumulate(stored_lengths, _next_payload, initial=offset + FRAME_SIZE))
        self.end = payloads.pop() - FRAME_SIZE
        self.frames += len(kinds)
        self.offsets.extend(payloads)
        self.first_bytes.extend(first_bytes)
        self.lengths.extend([both & LENGTH_MASK for both in partitions_and_lengths])
        self.stored_lengths.extend(stored_lengths)
        self.codecs.extend(codecs)
        self.numbers.extend(numbers)
        self.kinds.extend(kinds)

    def _add_block(self, offset: int, facts: FrameFacts) -> None:
        if facts.partition != self._rows_of:
            self._rows_of, self._first_block = facts.partition, len(self.offsets)
        self.offsets.append(offset)
        self.first_bytes.append(facts.first_byte)
        self.lengths.append(facts.plain_length)
        self.stored_lengths.append(facts.stored_length)
        self.codecs.append(facts.codec)
        self.numbers.append(facts.number)
        self.kinds.append(facts.kind)

    def _add_reference(self, offset: int, facts: FrameFacts, payload: bytes) -> None:
        reference = Reference.decode(payload)
        if not reference.fits(payload):
            raise DamageError(f"what the REF frame {facts.number} says cannot be")
        self.references[len(self.offsets)] = payload
        self._add_block(offset, facts)
        self.lengths[-1] = reference.plain_bytes

    def _add_note(self, offset: int, facts: FrameFacts, payload: bytes) -> None:
        match facts.kind:
            case Kind.REF:
                self._add_reference(offset, facts, payload)
            case Kind.OBJECTS:
                head = ObjectsHead.decode(payload)
                start = Place(head.first_object, head.first_file, facts.first_byte)
                if facts.partition != self._rows_of:
                    self._rows_of, self._first_block = facts.partition, len(self.offsets)
                if facts.partition != self._partition:
                    self._begin(facts.partition, start)
                self.starts.append(start)
                self._objects.append(payload)
            case Kind.TRUNCATE:
                cut = Truncate.decode(payload)
                self._rows_of, self._first_block = facts.partition, len(self.offsets)
                self._begin(facts.partition, Place(cut.objects, cut.filemarks, cut.bytes))
            case Kind.ATTRIBUTES:
                self.attributes = AttributesFrame.decode(payload)
            case Kind.COMMIT:
                self.commit = Commit.decode(payload)
            case _:
                raise DamageError(f"a frame of kind {facts.kind} means nothing in this version")

    def _begin(self, partition: int, start: Place) -> None:
        self.extents.append(Extent(partition, start, self._first_block, len(self.starts)))
        self._partition = partition

    def bounds(self, extent: Extent) -> tuple[int, int]:
        """The first block and the first OBJECTS frame that no longer belong to `extent`."""
        following = bisect_right(self.extents, (extent.block, extent.objects), key=lambda e: e[2:])
        if following == len(self.extents):
            return len(self.offsets), len(self.starts)
        return self.extents[following].block, self.extents[following].objects

    def rows_of(self, reference: Reference) -> range | None:
        """The rows of the blocks that a REF of any pack means here; None if they are no such."""
        row = bisect_left(self.numbers, reference.first_frame)
        rows = range(row, row + reference.count)
        if row == len(self.numbers) or self.numbers[row] != reference.first_frame:
            return None
        return rows if self.blocks_only(rows) else None

    def blocks_only(self, rows: range) -> bool:
        """Whether all these rows are there, and none of them is a REF."""
        kinds = self.kinds[rows.start : rows.stop]
        return len(kinds) == len(rows) and Kind.REF not in kinds

    def packs(self) -> frozenset[bytes]:
        """The ids of all packs that its REF frames refer to."""
        return frozenset(payload[:16] for payload in self.references.values())

    def objects(self, number: int) -> ObjectsFrame:
        """The OBJECTS frame of that number, parsed."""
        if self._parsed is None or self._parsed[0] != number:
            runs = decode_runs(self._objects[number])
            self._parsed = number, ObjectsFrame(self.starts[number], runs)
        return self._parsed[1]
