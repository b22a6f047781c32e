"""Write a tape: segments one after another, each sealed before the next one counts."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from pyvtl.store.compression import Compressor
from pyvtl.store.dirty import Stage
from pyvtl.store.errors import NoSpaceError, WriteFailedError
from pyvtl.store.format import (
    BEGINNING,
    NO_CHAIN,
    NO_PACK,
    AttributesFrame,
    Kind,
    Place,
    SegmentHeader,
    seed_of,
)
from pyvtl.store.index import Extent
from pyvtl.store.loading import Loaded, TapeFolder
from pyvtl.store.reader import TapeReader
from pyvtl.store.recovery import pack_of
from pyvtl.store.segment import Allocation, SegmentWriter, segment_name
from pyvtl.store.segment_files import OpenFile, OpenSegment, SegmentFiles
from pyvtl.store.stream import Stream
from pyvtl.store.tape_map import Pack, TapeMap
from pyvtl.wire.layout import Buffer

OVERHEAD = 1 << 20
"""Room for what a segment holds beside record bytes, or leaves empty at its end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What became durable: for the catalog, which follows."""

    pack: Pack
    """The pack as far as it goes: `length` is what is synced when it is still open."""
    sealed: bool


class TapeWriter:
    """The writing end of a loaded tape.  OSError means that `fail` must be called."""

    def __init__(
        self,
        folder: TapeFolder,
        loaded: Loaded,
        attributes: AttributesFrame,
        follow: Callable[[Progress], None] = lambda _progress: None,
    ) -> None:
        self.map, self.attributes = loaded.map, attributes
        self.failure: str | None = None
        self.compressor = Compressor()
        self._folder, self._files, self._follow = folder, folder.files, follow
        self._segments = SegmentFiles(folder)
        self.reader = TapeReader(self._segments)
        self.reader.map = self.map
        self._last = loaded.last
        self._generation = self._last.generation if self._last else 0
        self._sequence = self._last.sequence + 1 if self._last else 0
        self._durable: TapeMap = self.map.copy()
        self._segment: SegmentWriter | None = None
        self._spare: tuple[bytes, Allocation] | None = None
        self._stream: Stream | None = None
        self._start: tuple[int, Place] = 0, self.map.partitions[0].end
        self._replaced: dict[int, bytes] = {}
        self._obsolete: dict[int, bytes] = {}
        self._dirty = False
        self._reserved = 0

    def start(self, partition: int, place: Place) -> None:
        """Let the next `begin` write there.

        What that has to look up may be in the object store: it is looked up now, while nothing is
        taken yet and UnreachableError changes nothing.
        """
        self._refuse_after_failure()
        if self._stream is None and place == self.map.partitions[partition].end:
            self._grid_at(partition, place)
        self._start = partition, place

    def begin(self) -> None:
        """Make ready to write where `start` said, or go on after what was written last."""
        self._refuse_after_failure()
        partition, place = self._start
        stream = self._stream
        if stream is None or (stream.partition, stream.place) != (partition, place):
            self._turn_to(partition, place)
        self._dirty = True

    def write_record(self, data: Sequence[Buffer], size: int) -> None:
        """Append a record after `begin`; its buffers may not change until `flush`."""
        stream = self._stream
        assert stream is not None
        if not stream.segment.has_room(size):
            stream = self._roll(stream)
        self._reserved -= size
        stream.add_record(data, size)

    def write_filemarks(self, count: int) -> None:
        """Append filemarks after `begin`."""
        assert self._stream is not None
        self._stream.add_filemarks(count)

    def flush(self) -> None:
        """Hand the whole blocks to the file and let the buffers go."""
        if self._stream is not None:
            self._stream.segment.flush()
            self._note_end(self._stream)
        self._remove_obsolete(1)

    def settle(self) -> None:
        """Put all that was written into frames, so that the reader finds it."""
        if self._stream is not None and self._segment is not None:
            self._stream.finish()
            self._segment.flush()
            self._segment.index()

    def sync(self) -> None:
        """Make all that was written durable, with one fdatasync."""
        self._refuse_after_failure()
        if self._dirty and self._segment is not None:
            self._finish(self._segment)
            self._segment.sync()
            self._became_durable(self._pack_written(self._segment), False)

    def seal(self) -> None:
        """Make all durable and close the segment; what is written next goes into another one.

        What was reserved and not used stays so: it moves into the next file.
        """
        self._refuse_after_failure()
        start = self._start
        if self._segment is not None:
            self._seal(self._segment)
            self._segment = self._stream = None
            self._start = start
            if self._reserved > 0:
                with suppress(OSError):  # If the room is gone for good, writing will find out.
                    self._reserve(self._reserved)
        self._remove_obsolete(len(self._obsolete))

    def truncate(self, partition: int, place: Place) -> None:
        """Make `place` the end of data, durably."""
        self.start(partition, place)
        if place != self.map.partitions[partition].end:
            self.begin()
        self.sync()

    def set_attributes(self, attributes: AttributesFrame) -> None:
        """Change the attributes, durably."""
        self._refuse_after_failure()
        self.attributes, self._dirty = attributes, True
        if self._segment is None:
            self._segment = self._new_segment()
        else:
            self._add_attributes(self._segment)
        self.sync()

    def reserve(self, byte_count: int) -> None:
        """Take disk space for so many record bytes more, or raise NoSpaceError."""
        self._refuse_after_failure()
        needed = byte_count + byte_count // 512 + OVERHEAD
        try:
            self._reserve(needed)
        except OSError as error:
            raise NoSpaceError(f"no room for {byte_count} bytes more: {error}") from error
        self._reserved = needed

    def fail(self, reason: str) -> None:
        """Give up writing: the tape ends at its last sync."""
        self.failure = reason
        segment, self._segment, self._stream = self._segment, None, None
        self.map = self.reader.map = self._durable
        self._dirty = False
        if segment is not None:
            self._abandon(segment)

    def close(self) -> None:
        """Sync, seal, and let go of all files."""
        try:
            if self._segment is not None:
                self._seal(self._segment)
                self._segment = self._stream = None
            self._remove_obsolete(len(self._obsolete))
        finally:
            self._release()

    def _release(self) -> None:
        if self._spare is not None:
            pack_id, allocation = self._spare
            self._spare = None
            self._files.close(allocation.fd)
            self._files.unlink(allocation.path)
            self._folder.dirty.forget([pack_id])
        self._segments.close()

    def _refuse_after_failure(self) -> None:
        if self.failure is not None:
            raise WriteFailedError(f"the tape takes no data until loaded again: {self.failure}")

    def _turn_to(self, partition: int, place: Place) -> None:
        """Begin a stream at `place`, dropping what follows it."""
        self.settle()
        row = self.map.partitions[partition]
        cut = place != row.end
        if cut and place == BEGINNING and self._is_only_content(partition):
            self._begin_generation()
        if self._segment is None:
            self._segment = self._new_segment()
        grid = place.bytes if cut else self._grid_at(partition, place)
        self._stream = Stream(self._segment, partition, place, grid)
        index = self._segment.index()
        if cut and row is self.map.partitions[partition]:
            self._stream.truncate()
        extent = Extent(partition, place, len(index.offsets), len(index.starts))
        self.map.partitions[partition].add(self._segment.header.sequence, extent)

    def _is_only_content(self, partition: int) -> bool:
        ends = self.map.ends()
        return all(end == BEGINNING for number, end in enumerate(ends) if number != partition)

    def _grid_at(self, partition: int, place: Place) -> int:
        return self.reader.find_file(partition, place.filemarks).bytes

    def _begin_generation(self) -> None:
        """Start the tape anew; the old segments stay until the new generation is durable."""
        if self._segment is not None:
            self._seal(self._segment)
        self._segment = self._stream = None
        self._replaced |= self.map.packs
        self._last = None
        self._generation += 1
        self.map = TapeMap(len(self.map.partitions))
        self.reader.map = self.map

    def _roll(self, stream: Stream) -> Stream:
        """Seal the segment that is full and go on in a new one."""
        self._seal(stream.segment)
        self._segment = self._new_segment()
        self._stream = Stream(self._segment, stream.partition, stream.place, stream.grid)
        self._dirty = True
        extent = Extent(stream.partition, stream.place, 0, 0)
        self.map.partitions[stream.partition].add(self._segment.header.sequence, extent)
        return self._stream

    def _allocate(self) -> tuple[bytes, Allocation]:
        pack_id = secrets.token_bytes(16)
        header = SegmentHeader(pack_id=pack_id, tape_id=bytes(16), sequence=self._next_sequence())
        path = self._folder.path / segment_name(header)
        taken = partial(self._note_size, pack_id, Stage.SPARE)
        return pack_id, Allocation(self._files, path, self._folder.segment_bytes, taken)

    def _note_size(self, pack_id: bytes, stage: Stage, size_bytes: int) -> None:
        self._folder.dirty.note(self._folder.barcode, pack_id, stage, size_bytes)

    def _next_sequence(self) -> int:
        return self._sequence + (self._segment is not None)

    def _new_segment(self) -> SegmentWriter:
        self._segment = None
        pack_id, allocation = self._spare or self._allocate()
        self._spare = None
        allocation.taken = partial(self._note_size, pack_id, Stage.OPEN)
        allocation.taken(allocation.allocated)
        last = self._last
        header = SegmentHeader(
            pack_id=pack_id,
            tape_id=self._folder.tape_id,
            generation=self._generation,
            sequence=self._sequence,
            predecessor=last.pack_id if last else NO_PACK,
            predecessor_length=last.length if last else 0,
            predecessor_chain=last.chain if last else NO_CHAIN,
            created_at=int(time.time()),
            barcode=self._folder.barcode.encode("ascii").ljust(32),
        )
        try:
            cipher = self._folder.cipher(pack_id)
            segment = SegmentWriter(
                allocation,
                header,
                self._folder.key,
                self.compressor,
                self._folder.dedup,
                cipher=cipher,
            )
            self._add_attributes(segment)
        except OSError:
            self._files.close(allocation.fd)
            raise
        self.map.packs[header.sequence] = pack_id
        file = OpenFile(self._files, segment.fd)
        opened = OpenSegment(file, seed_of(pack_id), segment.index(), cipher, pack_id)
        self.reader.writing = pack_id, opened
        return segment

    def _add_attributes(self, segment: SegmentWriter) -> None:
        segment.add_note(Kind.ATTRIBUTES, 0, 0, self.attributes.encode())
        segment.flush()

    def _reserve(self, needed: int) -> None:
        room = 0
        if self._segment is not None:
            room = max(0, self._segment.limit - self._segment.end)
            self._segment.reserve(min(needed, room + OVERHEAD))
        if needed > room:
            if self._spare is None:
                self._spare = self._allocate()
            _, allocation = self._spare
            reach = needed - room + OVERHEAD
            allocation.limit = max(allocation.limit, reach)
            allocation.reach(reach)

    def _note_end(self, stream: Stream) -> None:
        self.map.partitions[stream.partition].end = stream.place
        self._start = stream.partition, stream.place

    def _finish(self, segment: SegmentWriter) -> None:
        """End what was begun and say so in a COMMIT."""
        if self._stream is not None:
            self._stream.finish()
            self._note_end(self._stream)
        segment.commit(self.map.ends())

    def _seal(self, segment: SegmentWriter) -> None:
        if self._dirty:
            self._finish(segment)
        length, chain = segment.seal()
        pack = replace(self._pack_written(segment), length=length, chain=chain)
        self._files.close(segment.fd)
        self.reader.writing = None
        self._last = pack
        self._sequence += 1
        self._note_size(pack.pack_id, Stage.CLOSED, length)
        self._became_durable(pack, True)
        if self._folder.dedup is not None:
            self._folder.dedup.publish(pack.pack_id, segment.rows)

    def _pack_written(self, segment: SegmentWriter) -> Pack:
        return pack_of(segment.header, segment.index(), segment.end, NO_CHAIN)

    def _became_durable(self, pack: Pack, sealed: bool) -> None:
        self._dirty = False
        self._durable = self.map.copy()
        self._obsolete |= self._replaced
        self._replaced = {}
        self._follow(Progress(pack, sealed))

    def _remove_obsolete(self, count: int) -> None:
        """Delete segments that a durable generation replaced.

        Deleting takes milliseconds a file, so writing goes on between two of them.
        """
        for _ in range(min(count, len(self._obsolete))):
            sequence, pack_id = self._obsolete.popitem()
            self._segments.forget(pack_id)
            self._folder.references.remove(sequence, pack_id)

    def _abandon(self, segment: SegmentWriter) -> None:
        """Cut a failed segment to what is known to be on the disk; loading closes it later."""
        with suppress(OSError):
            self._files.ftruncate(segment.fd, segment.synced_to)
            self._note_size(segment.header.pack_id, Stage.OPEN, segment.synced_to)
        self._files.close(segment.fd)
        self.reader.writing = None
