"""What one segment holds, made from its frame headers: where blocks lie, and which objects."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
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
    Run,
    Truncate,
    decode_runs,
)
from pyvtl.wire.layout import Buffer


class Extent(NamedTuple):
    """A stretch of a partition that lies in one segment, from `start` to the next extent.

    `block` and `objects` number the first of its block frames and of its OBJECTS frames.
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
    """Grows as frames are added in their order; the arrays have a row per block frame."""

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
        self.starts: list[Place] = []
        """Where each OBJECTS frame begins."""
        self.extents: list[Extent] = []
        self.commit: Commit | None = None
        self.attributes: AttributesFrame | None = None
        self._objects: list[bytes] = []
        self._parsed: tuple[int, ObjectsFrame] | None = None
        self._partition: int | None = None
        self._first_block = 0

    def add(self, offset: int, header: Buffer, payload: Buffer | None) -> None:
        """Take in the frame whose header stands at `offset`; blocks need no payload."""
        facts = FrameFacts(*FRAME.unpack_from(header))
        self.frames += 1
        self.end = offset + FrameHeader.SIZE + facts.stored_length
        if facts.kind in BLOCK_KINDS:
            self._add_block(offset + FrameHeader.SIZE, facts)
        elif payload is not None:
            self._add_note(facts, bytes(payload))

    def add_all(self, offset: int, headers: Iterable[Buffer], notes: Iterable[bytes]) -> None:
        """Take in a row of frames; `notes` are the payloads of those that are no blocks."""
        waiting = iter(notes)
        for header in headers:
            self.add(offset, header, None if header[4] in BLOCK_KINDS else next(waiting))
            offset = self.end

    def _add_block(self, offset: int, facts: FrameFacts) -> None:
        self.offsets.append(offset)
        self.first_bytes.append(facts.first_byte)
        self.lengths.append(facts.plain_length)
        self.stored_lengths.append(facts.stored_length)
        self.codecs.append(facts.codec)
        self.numbers.append(facts.number)
        self.kinds.append(facts.kind)

    def _add_note(self, facts: FrameFacts, payload: bytes) -> None:
        match facts.kind:
            case Kind.OBJECTS:
                head = ObjectsHead.decode(payload)
                start = Place(head.first_object, head.first_file, facts.first_byte)
                if facts.partition != self._partition:
                    self._begin(facts.partition, start)
                self.starts.append(start)
                self._objects.append(payload)
                self._first_block = len(self.offsets)
            case Kind.TRUNCATE:
                cut = Truncate.decode(payload)
                self._first_block = len(self.offsets)
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

    def objects(self, number: int) -> ObjectsFrame:
        """The OBJECTS frame of that number, parsed."""
        if self._parsed is None or self._parsed[0] != number:
            runs = decode_runs(self._objects[number])
            self._parsed = number, ObjectsFrame(self.starts[number], runs)
        return self._parsed[1]
