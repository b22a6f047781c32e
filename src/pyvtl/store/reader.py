"""Read a tape back: which objects lie where, and the bytes of its records, each frame checked."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pyvtl.store.compression import Decompressor
from pyvtl.store.errors import DamageError
from pyvtl.store.format import (
    BLOCK_SIZE,
    CRC,
    HASH_SIZE,
    Codec,
    FrameHeader,
    Kind,
    Place,
    Reference,
    Run,
    keyed_hash,
)
from pyvtl.store.index import ObjectsFrame, SegmentIndex
from pyvtl.store.outline import HASH
from pyvtl.store.segment_files import OpenSegment, Proof, SegmentFiles
from pyvtl.store.tape_map import Stretch, TapeMap
from pyvtl.wire.checksum import crc32c

READ_SIZE = 1 << 20
"""The most that one system call reads: memory for more is found anew each time, page by page."""
BLOCKS_READ = READ_SIZE // BLOCK_SIZE
ZEROS = memoryview(bytes(BLOCK_SIZE))


class Blocks(NamedTuple):
    """Blocks to read: rows of a segment, and the stream bytes that they begin with here.

    `hashes` is what theirs have to be, when a REF says so.
    """

    segment: OpenSegment
    rows: range
    starts: Sequence[int]
    hashes: bytes = b""


def objects_between(frame: ObjectsFrame, low: int, high: int) -> Iterator[tuple[Place, Run]]:
    """The runs of an OBJECTS frame, cut to the objects from `low` up to `high`."""
    first = bisect_right(frame.places, low, key=lambda place: place.objects) - 1
    for number in range(max(0, first), len(frame.runs)):
        run, start = frame.runs[number], frame.places[number]
        skipped = max(0, low - start.objects)
        kept = min(run.objects, high - start.objects) - skipped
        if kept <= 0:
            return
        yield run.after(start, skipped), Run(run.kind, kept, run.size)


class TapeReader:
    """Finds and reads what a tape map says; all that is read has been flushed before."""

    def __init__(self, segments: SegmentFiles) -> None:
        self._segments = segments
        self._decompressor = Decompressor()
        self.map = TapeMap()
        self.writing: tuple[bytes, OpenSegment] | None = None
        """The segment being written, if any, and its pack id."""

    def _pack(
        self, pack_id: bytes, sequence: int | None = None, following: bytes | None = None
    ) -> OpenSegment:
        if self.writing is not None and self.writing[0] == pack_id:
            return self.writing[1]
        return self._segments.get(pack_id, sequence, following)

    def _segment(self, sequence: int) -> OpenSegment:
        packs = self.map.packs
        return self._pack(packs[sequence], sequence, packs.get(sequence + 1))

    def runs(self, partition: int, place: Place) -> Iterator[tuple[Place, Run]]:
        """The runs of objects from `place` on, with the places they begin at."""
        row = self.map.partitions[partition]
        number = row.at(0, place.objects)
        while place.objects < row.end.objects:
            stretch = row.stretch(number)
            for start, run in self._runs_in(stretch, place.objects):
                if start.objects != place.objects:
                    break
                yield start, run
                place = run.after(start)
            if place.objects != stretch.end.objects:
                raise DamageError(f"what object {place.objects} is cannot be read")
            number += 1

    def _runs_in(self, stretch: Stretch, low: int) -> Iterator[tuple[Place, Run]]:
        index = self._segment(stretch.sequence).index
        first, last = stretch.extent.objects, index.bounds(stretch.extent)[1]
        found = bisect_right(index.starts, low, first, last, key=lambda place: place.objects)
        for number in range(max(first, found - 1), last):
            yield from objects_between(index.objects(number), low, stretch.end.objects)

    def runs_backwards(self, partition: int, place: Place) -> Iterator[tuple[Place, Run]]:
        """The runs of objects before `place`, the last one first."""
        row = self.map.partitions[partition]
        number = row.at(0, place.objects - 1)
        while place.objects > 0:
            stretch = row.stretch(number)
            for start, run in self._runs_before(stretch, place.objects):
                if run.after(start).objects != place.objects:
                    break
                yield start, run
                place = start
            if place.objects != stretch.extent.start.objects:
                raise DamageError(f"what object {place.objects - 1} is cannot be read")
            number -= 1

    def _runs_before(self, stretch: Stretch, high: int) -> Iterator[tuple[Place, Run]]:
        index, low = self._segment(stretch.sequence).index, stretch.extent.start.objects
        first, last = stretch.extent.objects, index.bounds(stretch.extent)[1]
        found = bisect_left(index.starts, high, first, last, key=lambda place: place.objects)
        for number in range(found - 1, first - 1, -1):
            yield from reversed(list(objects_between(index.objects(number), low, high)))

    def find_object(self, partition: int, number: int) -> Place:
        """The place before that object, or the end of data."""
        end = self.map.partitions[partition].end
        if number >= end.objects:
            return end
        row = self.map.partitions[partition]
        for start, run in self._runs_in(row.stretch(row.at(0, number)), number):
            if start.objects == number:
                return start
            assert run
        raise DamageError(f"where object {number} lies cannot be read")

    def find_file(self, partition: int, number: int) -> Place:
        """The place after that many filemarks, or the end of data."""
        row = self.map.partitions[partition]
        if number > row.end.filemarks:
            return row.end
        if number <= 0:
            return Place()
        low = bisect_left(range(len(row)), number, key=lambda n: row.start(n).filemarks)
        place = row.start(max(0, low - 1))
        for start, run in self._runs_from_file(partition, place, number):
            if run.after(start).filemarks >= number:
                return run.after(start, number - start.filemarks)
        raise DamageError(f"where file {number} begins cannot be read")

    def _runs_from_file(
        self, partition: int, place: Place, number: int
    ) -> Iterator[tuple[Place, Run]]:
        """Runs from `place` on, but from the OBJECTS frame that has the filemark before a file."""
        row = self.map.partitions[partition]
        stretch = row.stretch(row.at(0, place.objects))
        index = self._segment(stretch.sequence).index
        first, last = stretch.extent.objects, index.bounds(stretch.extent)[1]
        found = bisect_left(index.starts, number, first, last, key=lambda at: at.filemarks)
        start = index.starts[max(first, found - 1)] if first < last else place
        return self.runs(partition, max(place, start))

    def stream(self, partition: int, first: int, length: int) -> list[memoryview]:
        """`length` record bytes from `first` on, as views of what was read, each frame checked."""
        row, stop = self.map.partitions[partition], first + length
        number = row.at(2, first)
        views: list[memoryview] = []
        while first < stop:
            if number >= len(row):
                raise DamageError(f"byte {first} of the tape lies nowhere")
            stretch = row.stretch(number)
            upto = min(stop, stretch.end.bytes)
            if upto > first:
                self._read_stretch(stretch, first, upto, views)
                first = upto
            number += 1
        return views

    def _read_stretch(
        self, stretch: Stretch, first: int, upto: int, views: list[memoryview]
    ) -> None:
        segment = self._segment(stretch.sequence)
        index = segment.index
        low, high = stretch.extent.block, index.bounds(stretch.extent)[0]
        block = bisect_right(index.first_bytes, first, low, high) - 1
        last = bisect_left(index.first_bytes, upto, low, high)
        if block < low:
            raise DamageError(f"byte {first} of the tape is missing in {stretch.sequence:08d}")
        for rows in _portions(index, block, last):
            if index.kinds[rows[0]] == Kind.REF:
                first = self._read_reference(index, rows[0], first, upto, views)
            else:
                starts = index.first_bytes[rows.start : rows.stop]
                first = self._read_blocks(Blocks(segment, rows, starts), first, upto, views)
        if first < upto:
            raise DamageError(f"byte {first} of the tape is missing in {stretch.sequence:08d}")

    def _read_reference(
        self, index: SegmentIndex, row: int, first: int, upto: int, views: list[memoryview]
    ) -> int:
        """Read what a REF stands for, as `_read_blocks`."""
        payload, start = index.references[row], index.first_bytes[row]
        reference = Reference.decode(payload)
        target = self._pack(reference.pack)
        rows = target.index.rows_of(reference)
        if rows is None:
            raise DamageError(f"pack {reference.pack.hex()} does not have the blocks referred to")
        stop = min(reference.count, -(-(upto - start) // BLOCK_SIZE))
        for low in range((first - start) // BLOCK_SIZE, stop, BLOCKS_READ):
            part = rows[low : min(low + BLOCKS_READ, stop)]
            starts = range(start + low * BLOCK_SIZE, start + stop * BLOCK_SIZE, BLOCK_SIZE)
            hashes = payload[Reference.SIZE + low * HASH_SIZE :]
            first = self._read_blocks(Blocks(target, part, starts, hashes), first, upto, views)
        return first

    def _read_blocks(self, blocks: Blocks, first: int, upto: int, views: list[memoryview]) -> int:
        """Read and check blocks; gives the byte after what was added to `views`.

        What is damaged here is read from the object store, and what comes damaged from there is
        fetched again, once.
        """
        kept = len(views)
        try:
            return self._read_once(blocks, first, upto, views)
        except (DamageError, OSError) as damage:
            again = self._segments.elsewhere(blocks.segment, *_span(blocks))
            if again is None:
                raise
            del views[kept:]
            done = self._read_once(blocks._replace(segment=again), first, upto, views)
            self._segments.take_instead(again, damage)
            return done

    def _read_once(self, blocks: Blocks, first: int, upto: int, views: list[memoryview]) -> int:
        segment, rows, starts, hashes = blocks
        index, seed, proof = segment.index, segment.seed, segment.proof
        base, end = _span(blocks)
        region = memoryview(segment.file.read(base, end - base))
        for number, (block, start) in enumerate(zip(rows, starts, strict=False)):
            at = index.offsets[block] - base
            length = index.lengths[block]
            stored = region[at : at + index.stored_lengths[block]]
            crc = crc32c(stored, crc32c(region[at - 64 : at - 4], seed))
            if CRC.pack(crc) != region[at - 4 : at]:
                raise DamageError(
                    f"frame {index.numbers[block]} at byte {base + at - 64} is damaged"
                )
            if hashes and region[at - 36 : at - 4] != hashes[number * 32 : number * 32 + 32]:
                raise DamageError(f"frame {index.numbers[block]} is not the block referred to")
            if stored and (index.codecs[block] or segment.cipher is not None):
                stored = self._decode(segment, block, region[at - 64 : at - 4], stored)
            plain = stored or ZEROS[:length]
            if proof is not None:
                _prove(proof, index.numbers[block], region[at - 64 : at], plain)
            stop = min(start + length, upto)
            if not start <= first < stop:
                break
            views.append(plain[first - start : stop - start])
            first = stop
        return first

    def _decode(
        self, segment: OpenSegment, block: int, head: memoryview, stored: memoryview
    ) -> memoryview:
        """The plain block of a frame that is encrypted, compressed, or both."""
        index, cipher = segment.index, segment.cipher
        number, codec = index.numbers[block], index.codecs[block]
        if codec > Codec.ZSTD_AES_256_GCM:
            raise DamageError(f"codec {codec} means nothing in this version")
        if bool(codec & Codec.AES_256_GCM) != (cipher is not None):
            state = "not encrypted" if cipher else "encrypted"
            raise DamageError(f"frame {number} is {state}, and the tape is otherwise")
        if cipher is not None:
            stored = memoryview(cipher.open(head, number, stored))
        if codec & Codec.ZSTD:
            return self._decompressor.unpack(stored, index.lengths[block])
        return stored


def _span(blocks: Blocks) -> tuple[int, int]:
    """From which byte of the segment to which the frames of the blocks stand."""
    index, rows = blocks.segment.index, blocks.rows
    last = rows[-1]
    return index.offsets[rows[0]] - FrameHeader.SIZE, index.offsets[last] + index.stored_lengths[
        last
    ]


def _prove(proof: Proof, number: int, header: memoryview, plain: memoryview) -> None:
    """Hold a frame that comes from elsewhere against what the outline of its pack says."""
    expected = proof.headers[number]
    if header != expected or keyed_hash(proof.key, plain) != expected[HASH]:
        raise DamageError(f"frame {number} is not what was written")


def _portions(index: SegmentIndex, row: int, last: int) -> Iterator[range]:
    """Rows that are read together: blocks that follow each other, or a REF by itself."""
    while row < last:
        stop = min(row + BLOCKS_READ, last)
        if not index.blocks_only(range(row, stop)):
            found = index.kinds.index(Kind.REF, row)
            stop = found if found > row else row + 1
        yield range(row, stop)
        row = stop
