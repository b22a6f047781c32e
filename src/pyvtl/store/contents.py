"""Read the files of a tape without a drive or a catalog, and without changing anything.

A file is what lies between two filemarks.  Nothing is given up for damage but what it hit: the
bytes before it are read, and so are the files after it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pyvtl.store.errors import DamageError, StoreError
from pyvtl.store.format import BEGINNING, Place, Run, RunKind
from pyvtl.store.loading import KnownPack, TapeFolder, load_tape
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.reader import READ_SIZE, TapeReader
from pyvtl.store.segment_files import SegmentFiles
from pyvtl.store.tape_map import Stretch


@dataclass(frozen=True, slots=True)
class TapeFile:
    """A file of a tape; files are numbered from 0.

    `record_sizes` tells how many records there are of each size in bytes.  With `damage`, what
    lies between `start` and `end` is only what comes before the damage.
    """

    number: int
    start: Place
    end: Place
    record_sizes: Mapping[int, int] = field(default_factory=dict)
    damage: str | None = None

    @property
    def records(self) -> int:
        return self.end.objects - self.start.objects

    @property
    def byte_count(self) -> int:
        return self.end.bytes - self.start.bytes


class TapeContents:
    """A tape as it stands in its folder.

    `damage` tells what is wrong with it as a whole, one sentence each.
    """

    def __init__(self, folder: TapeFolder, known: Mapping[bytes, KnownPack] | None = None) -> None:
        self.loaded = loaded = load_tape(folder, known=known, mend=False)
        self.damage = loaded.damage
        self._segments = SegmentFiles(folder, loaded.away)
        self._reader = TapeReader(self._segments)
        self._reader.map = loaded.map
        self._partition = loaded.map.partitions[0]

    def close(self) -> None:
        """Let go of the segments."""
        self._segments.close()

    @property
    def end(self) -> Place:
        """The end of data."""
        return self._partition.end

    def files(self) -> Iterator[TapeFile]:
        """All files in order; of those that damage took away, the damage is all that is told."""
        file = _Gathered(BEGINNING)
        for start, run in self._runs():
            match run:
                case StoreError():
                    file.damage = file.damage or str(run)
                case Run(RunKind.FILEMARKS):
                    yield from file.ended(start)
                    yield from _empty(start, run)
                    file = _Gathered(run.after(start))
                case _:
                    file.add(start, run)
        if file.end != self.end or file.end != file.start:
            yield from file.ended(self.end)

    def read(self, file: TapeFile) -> Iterator[memoryview]:
        """The record bytes of a file.  DamageError comes after all that lies before the damage."""
        for first in range(file.start.bytes, file.end.bytes, READ_SIZE):
            yield from self._views(file, first, min(READ_SIZE, file.end.bytes - first))
        if file.damage is not None:
            raise DamageError(f"file {file.number} at byte {file.byte_count}: {file.damage}")

    def gaps(self) -> Iterator[str]:
        """Where the stream or its objects cannot be found; no block is read.

        Of packs that the object store alone has nothing is told.
        """
        for place, run in self._runs():
            if isinstance(run, DamageError):
                yield f"after object {place.objects}: {run}"
        for number in range(len(self._partition)):
            yield from self._gaps_in(self._partition.stretch(number))

    def _gaps_in(self, stretch: Stretch) -> Iterator[str]:
        try:
            pack_id = self._reader.map.packs[stretch.sequence]
            index = self._segments.get(pack_id, stretch.sequence).index
        except (DamageError, UnreachableError, OSError):
            return  # Its objects are missing too, and that has been told.
        at, end = stretch.extent.start.bytes, stretch.end.bytes
        for block in range(stretch.extent.block, index.bounds(stretch.extent)[0]):
            if index.first_bytes[block] > at:
                break
            at = max(at, index.first_bytes[block] + index.lengths[block])
        if at < end:
            yield f"pack {pack_id.hex()} does not have the bytes from {at} on"

    def _views(self, file: TapeFile, first: int, length: int) -> Iterator[memoryview]:
        """Of a stretch that cannot be read whole: halves, down to the byte that is damaged."""
        try:
            views = self._reader.stream(0, first, length)
        except (DamageError, UnreachableError, OSError) as error:
            if length == 1:
                raise DamageError(self._at(file, first, error)) from error
            half = length // 2
            yield from self._views(file, first, half)
            yield from self._views(file, first + half, length - half)
        else:
            yield from views

    def _at(self, file: TapeFile, byte: int, error: Exception) -> str:
        row = self._partition
        pack_id = self._reader.map.packs[row.stretch(row.at(2, byte)).sequence]
        where = f"file {file.number} at byte {byte - file.start.bytes}"
        return f"{where}: pack {pack_id.hex()}: {error}"

    def _runs(self) -> Iterator[tuple[Place, Run | StoreError]]:
        """All runs of objects; where they cannot be read the damage, and then what follows it."""
        place, row = BEGINNING, self._partition
        while place.objects < row.end.objects:
            try:
                for start, run in self._reader.runs(0, place):
                    yield start, run
                    place = run.after(start)
            except UnreachableError as error:
                yield place, error
                place = row.start(row.at(0, place.objects) + 1)
            except (DamageError, OSError) as error:
                yield place, DamageError(str(error))
                place = row.start(row.at(0, place.objects) + 1)


@dataclass(slots=True)
class _Gathered:
    """A file while its runs are found."""

    start: Place
    end: Place = field(init=False)
    sizes: Counter[int] = field(default_factory=Counter)
    damage: str | None = None

    def __post_init__(self) -> None:
        self.end = self.start

    def add(self, start: Place, run: Run) -> None:
        """Take records in, if none is missing before them."""
        if self.damage is None:
            self.sizes[run.size] += run.objects
            self.end = run.after(start)

    def ended(self, at: Place) -> Iterator[TapeFile]:
        """The file, and those that damage hid between it and the filemark found at `at`."""
        number = self.start.filemarks
        yield TapeFile(number, self.start, self.end, dict(self.sizes), self.damage)
        for lost in range(number + 1, at.filemarks + 1):
            yield TapeFile(lost, at, at, damage=self.damage)


def _empty(start: Place, run: Run) -> Iterator[TapeFile]:
    """The empty files between filemarks in a row."""
    for count in range(1, run.objects):
        place = run.after(start, count)
        yield TapeFile(place.filemarks, place, place)
