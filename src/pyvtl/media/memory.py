"""A medium that is a plain list: the reference that every other implementation is held to."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from pyvtl.media.medium import (
    AppendOnlyError,
    Attributes,
    BeginningOfPartition,
    EndOfData,
    Filemark,
    Motion,
    Position,
    Record,
)


class Row:
    """The logical objects of one partition and, one longer, the positions between them."""

    def __init__(self, partition: int) -> None:
        self.objects: list[Record | Filemark] = []
        self.positions = [Position(partition)]

    def cut(self, object_number: int) -> None:
        """Make the place before that object the end of data."""
        del self.objects[object_number:]
        del self.positions[object_number + 1 :]

    def add(self, item: Record | Filemark) -> None:
        end = self.positions[-1]
        self.objects.append(item)
        self.positions.append(
            end.after_record(item.size) if isinstance(item, Record) else end.after_filemarks()
        )

    def copy(self) -> "Row":
        row = Row(0)
        row.objects, row.positions = self.objects.copy(), self.positions.copy()
        return row


class MemoryMedium:
    """Keeps every promise of `Medium`; `crash` shows what a power loss would leave of it."""

    def __init__(
        self,
        barcode: str = "MEM001L5",
        capacity_bytes: int = 1 << 40,
        partitions: int = 1,
        *,
        worm: bool = False,
    ) -> None:
        self.barcode = barcode
        self.capacity_bytes = capacity_bytes
        self.partitions = partitions
        self.attributes = Attributes(worm=worm)
        self._rows = [Row(number) for number in range(partitions)]
        self._durable = [row.copy() for row in self._rows]
        self._writing_at = Position()
        self._cut_pending = False

    def end_of_data(self, partition: int) -> Position:
        return self._rows[partition].positions[-1]

    def read(self, at: Position, byte_limit: int) -> Sequence[Record | Filemark | EndOfData]:
        found: list[Record | Filemark | EndOfData] = []
        passed = 0
        for item in self._rows[at.partition].objects[at.object_number :]:
            found.append(item)
            passed += item.size if isinstance(item, Record) else 0
            if passed >= byte_limit:
                return found
        return [*found, EndOfData()]

    def locate(self, partition: int, object_number: int) -> Position:
        positions = self._rows[partition].positions
        return positions[min(object_number, len(positions) - 1)]

    def locate_file(self, partition: int, file_number: int) -> Position:
        positions = self._rows[partition].positions
        return next((p for p in positions if p.file_number == file_number), positions[-1])

    def space_records(self, at: Position, count: int) -> Motion:
        row, step = self._rows[at.partition], 1 if count > 0 else -1
        number = at.object_number
        for moved in range(abs(count)):
            item = self._passed(row, number, step)
            number += step if isinstance(item, Record | Filemark) else 0
            if not isinstance(item, Record):
                return Motion(row.positions[number], moved, item)
        return Motion(row.positions[number], abs(count))

    def space_filemarks(self, at: Position, count: int) -> Motion:
        return self._space(at, count, lambda in_all, _in_a_row: in_all)

    def space_sequential_filemarks(self, at: Position, count: int) -> Motion:
        motion = self._space(at, count, lambda _in_all, in_a_row: in_a_row)
        return (
            motion if motion.stopped_by is None else Motion(motion.position, 0, motion.stopped_by)
        )

    def _space(self, at: Position, count: int, tally: Callable[[int, int], int]) -> Motion:
        """Move until `tally` of the filemarks passed (in all, in a row) is the count asked for."""
        row, step = self._rows[at.partition], 1 if count > 0 else -1
        number, in_all, in_a_row = at.object_number, 0, 0
        while tally(in_all, in_a_row) < abs(count):
            item = self._passed(row, number, step)
            if isinstance(item, EndOfData | BeginningOfPartition):
                return Motion(row.positions[number], in_all, item)
            number += step
            in_all += isinstance(item, Filemark)
            in_a_row = in_a_row + 1 if isinstance(item, Filemark) else 0
        return Motion(row.positions[number], abs(count))

    @staticmethod
    def _passed(
        row: Row, number: int, step: int
    ) -> Record | Filemark | EndOfData | BeginningOfPartition:
        """What is met when leaving the place before object `number` in the direction `step`."""
        if step > 0:
            return row.objects[number] if number < len(row.objects) else EndOfData()
        return row.objects[number - 1] if number > 0 else BeginningOfPartition()

    def start_writing(self, at: Position) -> None:
        self._refuse_overwriting(at)
        self._writing_at, self._cut_pending = at, True

    def reserve(self, byte_count: int) -> None:
        """Memory is taken as the records come."""

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        row = self._rows[self._writing_at.partition]
        if objects and self._cut_pending:
            row.cut(self._writing_at.object_number)
            self._cut_pending = False
        for item in objects:
            match item:
                case Record():
                    row.add(Record([b"".join(item.data)], item.size))
                case Filemark(count):
                    for _ in range(count):
                        row.add(Filemark())

    def truncate(self, at: Position) -> None:
        self._refuse_overwriting(at)
        self._rows[at.partition].cut(at.object_number)
        self.start_writing(at)
        self.sync()

    def sync(self) -> None:
        self._durable = [row.copy() for row in self._rows]

    def seal(self) -> None:
        self.sync()

    def set_attributes(self, attributes: Attributes) -> None:
        self.attributes = replace(attributes, worm=self.attributes.worm)

    def _refuse_overwriting(self, at: Position) -> None:
        if self.attributes.worm and at != self.end_of_data(at.partition):
            raise AppendOnlyError(f"tape {self.barcode} is WORM: it can only be appended to")

    def close(self) -> None:
        self.sync()

    def crash(self) -> None:
        """Lose what was not synced, as a power loss would, and stand as if opened again."""
        self._rows = [row.copy() for row in self._durable]
        self._cut_pending = False
