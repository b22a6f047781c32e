"""Cut the record bytes of a partition into blocks, and note which objects they are.

Blocks stand on a grid of 64 KiB that starts afresh after each filemark.  A block that a sync
ends early is made up for by the next one, which is cut short to return to the grid.
"""

from collections.abc import Sequence

from pyvtl.store.format import BLOCK_SIZE, Kind, Place, Run, RunKind, Truncate, encode_runs
from pyvtl.store.segment import SegmentWriter
from pyvtl.wire.layout import Buffer

OBJECTS_BYTES = 16 << 20
"""Record bytes after which the objects so far are noted in the segment."""
OBJECTS_RUNS = 4096
"""Runs after which they are."""


class Stream:
    """Writes one partition into one segment, from `place` on."""

    def __init__(self, segment: SegmentWriter, partition: int, place: Place, grid: int) -> None:
        self.segment, self.partition = segment, partition
        self.place = place
        """The end of data."""
        self._grid = grid
        self._room = BLOCK_SIZE - (place.bytes - grid) % BLOCK_SIZE
        self._cut_to = place.bytes
        self._partial = memoryview(b"")
        self._filled = 0
        self._runs: list[Run] = []
        self._runs_at = place
        self._run_kind, self._run_objects, self._run_size = RunKind.RECORDS, 0, 0

    @property
    def grid(self) -> int:
        """The stream byte that the grid starts at."""
        return self._grid

    def truncate(self) -> None:
        """Say that the partition ends here, whatever followed before."""
        self.segment.add_note(
            Kind.TRUNCATE,
            self.partition,
            self.place.bytes,
            Truncate(**self.place._asdict()).encode(),
        )

    def add_record(self, data: Sequence[Buffer], size: int) -> None:
        """Append a record; whole blocks on the grid are taken as they are, the rest is copied."""
        for piece in data:
            if len(piece) == self._room and not self._filled:
                self._add_block(piece)
            elif len(piece):
                self._cut(memoryview(piece))
        if size != self._run_size or self._run_kind is not RunKind.RECORDS:
            self._begin_run(RunKind.RECORDS, size)
        self._run_objects += 1
        objects, filemarks, byte = self.place
        self.place = Place(objects + 1, filemarks, byte + size)
        if byte + size - self._runs_at.bytes >= OBJECTS_BYTES:
            self.note_objects()

    def add_filemarks(self, count: int) -> None:
        """Append filemarks; the grid starts afresh after them."""
        self._end_block()
        self.segment.end_file()
        if self._run_kind is not RunKind.FILEMARKS:
            self._begin_run(RunKind.FILEMARKS, 0)
        self._run_objects += count
        self.place = Place(
            self.place.objects + count, self.place.filemarks + count, self.place.bytes
        )
        self._grid, self._room = self.place.bytes, BLOCK_SIZE

    def finish(self) -> None:
        """Put all there is into frames: the block begun and the objects not yet noted."""
        self._end_block()
        self.segment.finish()
        self.note_objects()

    def note_objects(self) -> None:
        """Write the OBJECTS frame of what was appended since the last one."""
        self._end_run()
        if self._runs:
            payload = encode_runs(self._runs_at, self._runs)
            self.segment.add_note(Kind.OBJECTS, self.partition, self._runs_at.bytes, payload)
            self._runs = []
            self._runs_at = self.place

    def _begin_run(self, kind: RunKind, size: int) -> None:
        self._end_run()
        self._run_kind, self._run_size = kind, size
        if len(self._runs) >= OBJECTS_RUNS:
            self.note_objects()

    def _end_run(self) -> None:
        if self._run_objects:
            self._runs.append(Run(self._run_kind, self._run_objects, self._run_size))
            self._run_objects = 0

    def _add_block(self, block: Buffer) -> None:
        size = len(block)
        self.segment.add_block(self.partition, self._cut_to, block)
        self._cut_to += size
        self._room = self._room - size or BLOCK_SIZE

    def _cut(self, data: memoryview) -> None:
        while size := len(data):
            take = min(self._room - self._filled, size)
            if take == self._room:
                self._add_block(data[:take])
            else:
                self._copy(data[:take])
            data = data[take:]

    def _copy(self, data: memoryview) -> None:
        """Gather a block that comes in pieces."""
        if not self._filled:
            # A view: assigning to a slice of the bytearray itself would copy twice.
            self._partial = memoryview(bytearray(self._room))
        end = self._filled + len(data)
        self._partial[self._filled : end] = data
        self._filled = end
        if end == self._room:
            self._filled = 0
            self._add_block(self._partial)

    def _end_block(self) -> None:
        if self._filled:
            block = self._partial[: self._filled]
            self._filled = 0
            self._add_block(block)
