"""The medium that is kept on disk: a tape of the store, as a drive wants it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pyvtl.media.medium import (
    AppendOnlyError,
    Attributes,
    DamagedError,
    EndOfData,
    Filemark,
    Motion,
    Position,
    Record,
    StorageFailedError,
    StorageFullError,
    UnavailableError,
)
from pyvtl.media.spacing import Spacing, place_of, position
from pyvtl.store.dirty import Stage
from pyvtl.store.errors import DamageError, NoSpaceError, StoreError, WriteFailedError
from pyvtl.store.format import AttributesFrame, RunKind
from pyvtl.store.loading import KnownPack, TapeFolder, load_tape
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.writer import Progress, TapeWriter

MAX_OBJECTS = 4096
"""Objects that one `read` gives at most."""


def cut_records(views: list[memoryview], sizes: Sequence[int]) -> list[Record]:
    """Records of the given sizes out of a row of views, without copying."""
    records = []
    following = iter(views)
    view = memoryview(b"")
    for size in sizes:
        if not view:
            view = next(following)
        if len(view) == size:
            records.append(Record((view,), size))
            view = view[size:]
            continue
        data, missing = [], size
        while missing:
            view = view or next(following)
            data.append(view[:missing])
            missing, view = missing - len(data[-1]), view[missing:]
        records.append(Record(data, size))
    return records


class Cartridge:
    """Keeps every promise of `Medium` over a folder of segments.

    Loading it recovers what a crash left: the tape ends at its last COMMIT.  `damage` says what
    is wrong with it, if anything is; then it can be read as far as it goes, and not written.
    """

    def __init__(
        self,
        folder: TapeFolder,
        blank: AttributesFrame,
        known: Mapping[bytes, KnownPack] | None = None,
        follow: Callable[[Progress], None] = lambda _progress: None,
    ) -> None:
        with _reading():
            loaded = load_tape(folder, blank.partitions, known)
        attributes = (loaded.last and loaded.last.attributes) or blank
        self.barcode = folder.barcode
        self.damage = "; ".join(loaded.damage) or None
        self._writer = TapeWriter(folder, loaded, attributes, follow)
        self.closed = False
        self.read_only = False
        """Whether it shows itself write-protected for as long as it is loaded."""
        self.appends = 0
        """Counts calls: while it stays the same, nothing is written."""
        closed = {pack_id for pack_id, fact in (known or {}).items() if fact.pack is not None}
        for pack in loaded.packs:
            if pack.pack_id not in closed:
                folder.dirty.note(folder.barcode, pack.pack_id, Stage.CLOSED, pack.length)
                follow(Progress(pack, not loaded.damage))

    @property
    def capacity_bytes(self) -> int:
        frame = self._writer.attributes
        return frame.capacity_0 + frame.capacity_1 + frame.capacity_2 + frame.capacity_3

    @property
    def used_bytes(self) -> int:
        """Record bytes on the tape, over all partitions."""
        return sum(end.bytes for end in self._writer.map.ends())

    @property
    def attributes(self) -> Attributes:
        frame = self._writer.attributes
        protected = frame.write_protected or self.read_only
        return Attributes(write_protected=protected, worm=frame.worm)

    @property
    def partitions(self) -> int:
        return len(self._writer.map.partitions)

    def end_of_data(self, partition: int) -> Position:
        return position(partition, self._writer.map.partitions[partition].end)

    def read(self, at: Position, byte_limit: int) -> Sequence[Record | Filemark | EndOfData]:
        with self._settled():
            plan, ended = self._plan(at, byte_limit)
            sizes = [size for size in plan if size]
            views = self._writer.reader.stream(at.partition, at.byte, sum(sizes))
        records = iter(cut_records(views, sizes))
        found = [next(records) if size else Filemark() for size in plan]
        return [*found, EndOfData()] if ended else found

    def _plan(self, at: Position, byte_limit: int) -> tuple[list[int], bool]:
        """The sizes of the objects to read, 0 for a filemark, and whether the tape ends there."""
        sizes: list[int] = []
        for _, run in self._writer.reader.runs(at.partition, place_of(at)):
            wanted = min(run.objects, MAX_OBJECTS - len(sizes))
            if run.kind is RunKind.RECORDS:
                wanted = min(wanted, max(1, -(-byte_limit // run.size)))
                byte_limit -= wanted * run.size
            sizes += [run.size] * wanted
            if byte_limit <= 0 or wanted < run.objects or len(sizes) >= MAX_OBJECTS:
                return sizes, False
        return sizes, True

    def locate(self, partition: int, object_number: int) -> Position:
        with self._settled():
            return position(partition, self._writer.reader.find_object(partition, object_number))

    def locate_file(self, partition: int, file_number: int) -> Position:
        with self._settled():
            return position(partition, self._writer.reader.find_file(partition, file_number))

    def space_records(self, at: Position, count: int) -> Motion:
        with self._settled():
            return Spacing(self._writer.reader, at, count).records()

    def space_filemarks(self, at: Position, count: int) -> Motion:
        with self._settled():
            return Spacing(self._writer.reader, at, count).filemarks()

    def space_sequential_filemarks(self, at: Position, count: int) -> Motion:
        with self._settled():
            return Spacing(self._writer.reader, at, count).sequential_filemarks()

    def start_writing(self, at: Position) -> None:
        self._refuse_read_only()
        self._refuse_overwriting(at)
        with self._writing():
            self._writer.start(at.partition, place_of(at))

    def reserve(self, byte_count: int) -> None:
        with self._writing():
            self._writer.reserve(byte_count)

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        self._refuse_read_only()
        if not objects:
            return
        self.appends += 1
        with self._writing():
            writer = self._writer
            writer.begin()
            writer.compressor.wanted = compress
            for item in objects:
                match item:
                    case Record(data, size):
                        writer.write_record(data, size)
                    case Filemark(count):
                        writer.write_filemarks(count)
            writer.flush()

    def truncate(self, at: Position) -> None:
        self._refuse_read_only()
        self._refuse_overwriting(at)
        with self._writing():
            self._writer.truncate(at.partition, place_of(at))

    def sync(self) -> None:
        with self._writing():
            self._writer.sync()

    def seal(self) -> None:
        with self._writing():
            self._writer.seal()

    def set_attributes(self, attributes: Attributes) -> None:
        self._refuse_read_only()
        frame = replace(self._writer.attributes, write_protected=attributes.write_protected)
        with self._writing():
            self._writer.set_attributes(frame)

    def close(self) -> None:
        if self.closed:
            return
        try:
            with self._writing():
                self._writer.close()
        finally:
            self.closed = True  # Last: who finds it closed may load the tape.

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise DamagedError(f"tape {self.barcode} is read-only")
        if self.damage is not None:
            raise DamagedError(f"tape {self.barcode} is read-only: {self.damage}")

    def _refuse_overwriting(self, at: Position) -> None:
        if self._writer.attributes.worm and at != self.end_of_data(at.partition):
            raise AppendOnlyError(f"tape {self.barcode} is WORM: it can only be appended to")

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Read with all that was written in place."""
        with self._writing():
            self._writer.settle()
        with _reading():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn the store's errors into the medium's; any other ends the writing."""
        try:
            yield
        except DamageError as error:
            raise DamagedError(str(error)) from error
        except UnreachableError as error:
            raise UnavailableError(str(error)) from error
        except NoSpaceError as error:
            raise StorageFullError(str(error)) from error
        except WriteFailedError as error:
            raise StorageFailedError(str(error)) from error
        except Exception as error:  # a disk that fails, or a fault in the middle of a record
            self._writer.fail(str(error))
            raise StorageFailedError(f"tape {self.barcode}: {error}") from error


@contextmanager
def _reading() -> Iterator[None]:
    """Turn what reading may meet into DamagedError, or what may come to an end by itself."""
    try:
        yield
    except UnreachableError as error:
        raise UnavailableError(str(error)) from error
    except (StoreError, OSError) as error:
        raise DamagedError(str(error)) from error
