"""Every implementation of `Medium` keeps the promises that its Protocol states."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import (
    Attributes,
    BeginningOfPartition,
    EndOfData,
    Filemark,
    Medium,
    Motion,
    Position,
    Record,
)
from pyvtl.media.memory import MemoryMedium
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder
from tests.evicted_medium import EvictedMedium
from tests.pack_sources import MemorySource

BEGINNING = Position()
Objects = Sequence[Record | Filemark]


@pytest.fixture(params=["memory", "cartridge", "encrypted", "evicted"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Medium]]:
    """Opens the same medium again and again."""
    media: list[Medium] = []
    source = MemorySource()
    if request.param == "memory":
        memory = MemoryMedium("DEMO01L5", 1 << 30)
        yield lambda: memory
        return

    def load() -> Medium:
        if request.param == "evicted":
            media.append(cast("Medium", EvictedMedium(tmp_path, "DEMO01L5", source)))
            return media[-1]
        folder = TapeFolder(LocalFiles(), tmp_path, bytes(32), bytes(16), "DEMO01L5", 1 << 20)
        if request.param == "encrypted":
            folder = folder.encrypted(bytes(32))
        media.append(Cartridge(folder, AttributesFrame(capacity_0=1 << 30)))
        return media[-1]

    yield load
    for medium in media:
        medium.close()


@pytest.fixture
def medium(opened: Callable[[], Medium]) -> Medium:
    return opened()


def record(*pieces: bytes) -> Record:
    return Record(pieces, sum(map(len, pieces)))


def written(medium: Medium, *objects: Record | Filemark, at: Position = BEGINNING) -> Medium:
    medium.start_writing(at)
    medium.append(objects)
    return medium


def contents(medium: Medium, at: Position = BEGINNING, limit: int = 1 << 20) -> list[bytes | None]:
    """All that is recorded from `at` on: the bytes of records, None for a filemark."""
    found: list[bytes | None] = []
    while True:
        for item in medium.read(at, limit):
            match item:
                case Record(data, size):
                    found.append(b"".join(data))
                    assert len(found[-1] or b"") == size
                    at = at.after_record(size)
                case Filemark(count):
                    assert count == 1
                    found.append(None)
                    at = at.after_filemarks()
                case EndOfData():
                    assert medium.end_of_data(at.partition) == at
                    return found


THREE_FILES = (
    record(b"a" * 10),
    record(b"b" * 20),
    Filemark(),
    record(b"c" * 70_000),
    Filemark(2),
    record(b"d"),
)
THREE_FILES_READ = [b"a" * 10, b"b" * 20, None, b"c" * 70_000, None, None, b"d"]
THREE_FILES_END = Position(0, 7, 3, 70_031)


def test_a_blank_medium_is_at_its_end_from_the_beginning(medium: Medium) -> None:
    assert medium.read(BEGINNING, 100) == [EndOfData()]
    assert medium.end_of_data(0) == BEGINNING
    assert (medium.barcode, medium.capacity_bytes, medium.partitions) == ("DEMO01L5", 1 << 30, 1)
    assert medium.attributes == Attributes(write_protected=False)


def test_what_append_took_is_read_at_once(medium: Medium) -> None:
    written(medium, *THREE_FILES)
    assert medium.end_of_data(0) == THREE_FILES_END
    assert contents(medium) == THREE_FILES_READ


def test_a_record_in_pieces_is_one_record(medium: Medium) -> None:
    pieces = [bytes([n]) * 30_000 for n in range(5)]
    assert contents(written(medium, record(*pieces))) == [b"".join(pieces)]


def test_buffers_belong_to_the_caller_again_when_append_has_returned(medium: Medium) -> None:
    buffer = bytearray(b"x" * 70_000)
    written(medium, Record([memoryview(buffer)], len(buffer)))
    buffer[:] = b"y" * len(buffer)
    assert contents(medium) == [b"x" * 70_000]


def test_a_read_stops_once_the_limit_is_passed(medium: Medium) -> None:
    written(medium, *[record(bytes([n]) * 100) for n in range(10)])
    assert [item.size for item in medium.read(BEGINNING, 250) if isinstance(item, Record)] == [
        100,
        100,
        100,
    ]
    assert len(medium.read(BEGINNING, 0)) == 1


def test_writing_drops_what_followed(medium: Medium) -> None:
    written(medium, *THREE_FILES)
    written(medium, record(b"new"), at=medium.locate(0, 2))
    assert contents(medium) == [b"a" * 10, b"b" * 20, b"new"]


def test_starting_to_write_changes_nothing_yet(medium: Medium) -> None:
    written(medium, *THREE_FILES)
    medium.start_writing(BEGINNING)
    medium.append([])
    medium.sync()
    assert contents(medium) == THREE_FILES_READ


def test_writing_in_the_middle_of_a_block_keeps_what_lies_before(medium: Medium) -> None:
    written(medium, *[record(bytes([n]) * 10_240) for n in range(20)])
    written(medium, record(b"new" * 50_000), at=medium.locate(0, 9))
    assert contents(medium) == [bytes([n]) * 10_240 for n in range(9)] + [b"new" * 50_000]


def test_overwriting_from_the_beginning_leaves_nothing_of_before(
    opened: Callable[[], Medium],
) -> None:
    medium = written(opened(), *THREE_FILES)
    medium.sync()
    written(medium, record(b"new")).close()
    assert contents(opened()) == [b"new"]


def test_truncating_is_durable(opened: Callable[[], Medium]) -> None:
    medium = written(opened(), *THREE_FILES)
    medium.truncate(Position(0, 1, 0, 10))
    medium.close()
    assert contents(opened()) == [b"a" * 10]
    medium = opened()
    medium.truncate(BEGINNING)
    assert contents(medium) == []


def test_a_medium_is_appended_to_after_it_was_closed(opened: Callable[[], Medium]) -> None:
    medium = opened()
    for n in range(4):
        written(medium, record(bytes([n]) * 100_000), at=medium.end_of_data(0)).close()
        medium.close()
        medium = opened()
    assert contents(medium) == [bytes([n]) * 100_000 for n in range(4)]


def test_records_of_zeros_are_read_as_written(medium: Medium) -> None:
    assert contents(written(medium, record(bytes(200_000)))) == [bytes(200_000)]


def test_attributes_last(opened: Callable[[], Medium]) -> None:
    medium = opened()
    medium.set_attributes(Attributes(write_protected=True))
    medium.close()
    assert opened().attributes == Attributes(write_protected=True)


@pytest.mark.parametrize("number", range(9))
def test_an_object_is_located_by_its_number(medium: Medium, number: int) -> None:
    written(medium, *THREE_FILES)
    found = medium.locate(0, number)
    assert found.object_number == min(number, 7)
    assert contents(medium, found) == THREE_FILES_READ[number:]


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (0, BEGINNING),
        (1, Position(0, 3, 1, 30)),
        (2, Position(0, 5, 2, 70_030)),
        (3, Position(0, 6, 3, 70_030)),
        (4, THREE_FILES_END),
    ],
)
def test_a_file_is_located_by_its_number(medium: Medium, file: int, found: Position) -> None:
    assert written(medium, *THREE_FILES).locate_file(0, file) == found


AFTER_A = Position(0, 1, 0, 10)
BEFORE_MARK_1 = Position(0, 2, 0, 30)
AFTER_MARK_1 = Position(0, 3, 1, 30)
AFTER_C = Position(0, 4, 1, 70_030)
AFTER_MARK_2 = Position(0, 5, 2, 70_030)
AFTER_MARK_3 = Position(0, 6, 3, 70_030)
END = THREE_FILES_END


@pytest.mark.parametrize(
    ("at", "count", "motion"),
    [
        (BEGINNING, 0, Motion(BEGINNING, 0)),
        (BEGINNING, 1, Motion(AFTER_A, 1)),
        (BEGINNING, 2, Motion(BEFORE_MARK_1, 2)),
        (BEGINNING, 3, Motion(AFTER_MARK_1, 2, Filemark())),
        (AFTER_MARK_3, 5, Motion(END, 1, EndOfData())),
        (END, -1, Motion(AFTER_MARK_3, 1)),
        (END, -2, Motion(AFTER_MARK_2, 1, Filemark())),
        (BEFORE_MARK_1, -2, Motion(BEGINNING, 2)),
        (AFTER_A, -9, Motion(BEGINNING, 1, BeginningOfPartition())),
    ],
)
def test_records_are_passed(medium: Medium, at: Position, count: int, motion: Motion) -> None:
    """SSC-5 SPACE, code 000b."""
    assert written(medium, *THREE_FILES).space_records(at, count) == motion


@pytest.mark.parametrize(
    ("at", "count", "motion"),
    [
        (BEGINNING, 0, Motion(BEGINNING, 0)),
        (BEGINNING, 1, Motion(AFTER_MARK_1, 1)),
        (BEGINNING, 2, Motion(AFTER_MARK_2, 2)),
        (AFTER_A, 4, Motion(END, 3, EndOfData())),
        (END, -1, Motion(AFTER_MARK_2, 1)),
        (END, -3, Motion(BEFORE_MARK_1, 3)),
        (END, -4, Motion(BEGINNING, 3, BeginningOfPartition())),
    ],
)
def test_filemarks_are_passed(medium: Medium, at: Position, count: int, motion: Motion) -> None:
    """SSC-5 SPACE, code 001b."""
    assert written(medium, *THREE_FILES).space_filemarks(at, count) == motion


@pytest.mark.parametrize(
    ("at", "count", "motion"),
    [
        (BEGINNING, 1, Motion(AFTER_MARK_1, 1)),
        (BEGINNING, 2, Motion(AFTER_MARK_3, 2)),
        (BEGINNING, 3, Motion(END, 0, EndOfData())),
        (END, -2, Motion(AFTER_C, 2)),
        (END, -3, Motion(BEGINNING, 0, BeginningOfPartition())),
    ],
)
def test_filemarks_in_a_row_are_found(
    medium: Medium, at: Position, count: int, motion: Motion
) -> None:
    """SSC-5 SPACE, code 010b."""
    assert written(medium, *THREE_FILES).space_sequential_filemarks(at, count) == motion


def test_writing_goes_on_after_sealing_where_it_was(opened: Callable[[], Medium]) -> None:
    medium = opened()
    medium.seal()
    written(medium, record(b"a" * 100), Filemark(), record(b"b" * 70_000))
    medium.seal()
    medium.append([record(b"c" * 10), Filemark()])
    medium.seal()
    medium.seal()
    medium.append([record(b"d")])
    expected = [b"a" * 100, None, b"b" * 70_000, b"c" * 10, None, b"d"]
    assert contents(medium) == expected
    medium.close()
    assert contents(opened()) == expected


def test_sealing_does_not_change_where_writing_is_to_start(medium: Medium) -> None:
    written(medium, *THREE_FILES)
    medium.start_writing(medium.locate(0, 1))
    medium.seal()
    assert contents(medium) == THREE_FILES_READ
    medium.append([record(b"new")])
    assert contents(medium) == [b"a" * 10, b"new"]


def test_closing_twice_is_closing_once(medium: Medium) -> None:
    written(medium, record(b"x"))
    medium.close()
    medium.close()
