"""Motions over a tape: SPACE by records, by filemarks, by filemarks in a row."""

from collections.abc import Iterator

from pyvtl.media.medium import BeginningOfPartition, EndOfData, Filemark, Motion, Position
from pyvtl.store.format import Place, Run, RunKind
from pyvtl.store.reader import TapeReader


def position(partition: int, place: Place) -> Position:
    """A place of the store as the medium's position."""
    return Position(partition, *place)


def place_of(at: Position) -> Place:
    """And back."""
    return Place(at.object_number, at.file_number, at.byte)


def _reversed(runs: Iterator[tuple[Place, Run]]) -> Iterator[tuple[Place, Run]]:
    """Runs as met going backwards: the place is the one after the run."""
    for start, run in runs:
        yield run.after(start), run


def _back(run: Run, end: Place, objects: int) -> Place:
    """The place before the last so many objects of a run that ends at `end`."""
    marks = objects if run.kind is RunKind.FILEMARKS else 0
    return Place(end.objects - objects, end.filemarks - marks, end.bytes - objects * run.size)


class Spacing:
    """One motion from a position in one direction."""

    def __init__(self, reader: TapeReader, at: Position, count: int) -> None:
        self._partition, self._count = at.partition, abs(count)
        self._place, self._forwards = place_of(at), count > 0
        self._end = EndOfData() if self._forwards else BeginningOfPartition()
        self._runs = (
            reader.runs(at.partition, self._place)
            if self._forwards
            else _reversed(reader.runs_backwards(at.partition, self._place))
        )

    def _pass(self, run: Run, objects: int) -> None:
        step = run.after if self._forwards else None
        self._place = step(self._place, objects) if step else _back(run, self._place, objects)

    def _ended(
        self, moved: int, by: Filemark | EndOfData | BeginningOfPartition | None = None
    ) -> Motion:
        return Motion(position(self._partition, self._place), moved, by)

    def records(self) -> Motion:
        """Pass records until all are passed, or a filemark was, or an end is met."""
        moved = 0
        while moved < self._count:
            _, run = next(self._runs, (None, None))
            if run is None:
                return self._ended(moved, self._end)
            if run.kind is RunKind.FILEMARKS:
                self._pass(run, 1)
                return self._ended(moved, Filemark())
            passed = min(run.objects, self._count - moved)
            self._pass(run, passed)
            moved += passed
        return self._ended(moved)

    def filemarks(self) -> Motion:
        """Pass filemarks, whatever lies between."""
        moved = 0
        while moved < self._count:
            _, run = next(self._runs, (None, None))
            if run is None:
                return self._ended(moved, self._end)
            is_marks = run.kind is RunKind.FILEMARKS
            passed = min(run.objects, self._count - moved) if is_marks else run.objects
            self._pass(run, passed)
            moved += passed if is_marks else 0
        return self._ended(moved)

    def sequential_filemarks(self) -> Motion:
        """Pass to so many filemarks in a row."""
        in_a_row = 0
        while in_a_row < self._count:
            _, run = next(self._runs, (None, None))
            if run is None:
                return self._ended(0, self._end)
            is_marks = run.kind is RunKind.FILEMARKS
            passed = min(run.objects, self._count - in_a_row) if is_marks else run.objects
            self._pass(run, passed)
            in_a_row = in_a_row + passed if is_marks else 0
        return self._ended(self._count)
