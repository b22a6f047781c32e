"""A disk that fails or is full: what the tape holds then, and what it refuses."""

import errno
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import DamagedError, Filemark, Record, StorageFailedError, StorageFullError
from pyvtl.store.format import Kind
from tests.disks import FailingDisk, RamDisk, SmallDisk
from tests.tapes import BEGINNING, FOLDER, Objects, append, as_medium, contents, load_tape


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def tape(disk: FailingDisk) -> Cartridge:
    """A tape with one record that was synced."""
    cartridge = load_tape(disk)
    append(cartridge, b"safe" * 1000, None)
    cartridge.sync()
    return cartridge


def append_and_sync(tape: Cartridge, *items: bytes | None) -> None:
    append(tape, *items)
    tape.sync()


SAFE = [b"safe" * 1000, None]


@pytest.mark.parametrize("call", ["pwritev", "fdatasync"])
def test_after_an_error_the_tape_ends_at_its_last_sync(
    disk: FailingDisk, tape: Cartridge, call: str
) -> None:
    disk.failing[call] = errno.EIO
    with pytest.raises(StorageFailedError):
        append_and_sync(tape, b"lost")
    assert contents(tape) == SAFE


def test_a_failed_tape_is_not_written_until_it_is_loaded_again(
    disk: FailingDisk, tape: Cartridge
) -> None:
    disk.failing["fdatasync"] = errno.EIO
    append(tape, b"lost")
    with pytest.raises(StorageFailedError):
        tape.sync()
    disk.failing.clear()
    refused: list[Callable[[], object]] = [
        partial(append, tape, b"more"),
        tape.sync,
        partial(tape.truncate, BEGINNING),
        partial(tape.reserve, 1),
    ]
    for call in refused:
        with pytest.raises(StorageFailedError, match="until loaded again"):
            call()
    tape.close()
    again = load_tape(disk)
    append(again, b"more")
    assert contents(again) == [*SAFE, b"more"]


def test_a_sync_that_failed_is_not_tried_again(disk: FailingDisk, tape: Cartridge) -> None:
    disk.failing["fdatasync"] = errno.EIO
    append(tape, b"lost")
    with pytest.raises(StorageFailedError):
        tape.sync()
    syncs = disk.calls.count("fdatasync")
    tape.close()
    assert disk.calls.count("fdatasync") == syncs
    assert disk.open_files == 0


def test_overwriting_that_fails_leaves_what_was_there(disk: FailingDisk, tape: Cartridge) -> None:
    disk.failing["fdatasync"] = errno.EIO
    tape.start_writing(BEGINNING)
    with pytest.raises(StorageFailedError):
        tape.append([Filemark()])
    assert contents(tape) == SAFE


def test_a_full_disk_is_told_before_anything_is_written(disk: FailingDisk, tape: Cartridge) -> None:
    tape.reserve(100_000)
    disk.failing["fallocate"] = errno.ENOSPC
    with pytest.raises(StorageFullError):
        tape.reserve(50 << 20)
    append(tape, b"y" * 100_000)
    disk.failing.clear()
    tape.sync()
    assert contents(tape) == [*SAFE, b"y" * 100_000]


@pytest.mark.parametrize("size", [512, 10_240, 65_536, 100_000])
def test_all_that_was_reserved_fits_on_a_disk_that_is_full_then(size: int) -> None:
    """Through several segments: their footers too have their room from the start."""
    disk = SmallDisk(40 << 20)
    tape = load_tape(disk, segment_bytes=4 << 20)
    reserved: Objects = [bytes([n % 250 + 1]) * size for n in range((9 << 20) // size)]
    tape.start_writing(BEGINNING)
    half = len(reserved) // 2
    for part in (reserved[:half], reserved[half:]):
        tape.reserve(len(part) * size)
        disk.room = sum(len(inode.cached) for inode in disk.names.values())
        for first in range(0, len(part), 100):
            tape.append(as_medium(part[first : first + 100]))
        tape.sync()
        disk.room = 60 << 20
    assert contents(tape) == reserved
    disk.room = 0
    tape.close()
    assert contents(load_tape(disk)) == reserved


def test_what_was_reserved_is_given_back(disk: FailingDisk, tape: Cartridge) -> None:
    tape.reserve(1 << 20)
    assert len(disk.listdir(FOLDER)) == 2
    tape.close()
    assert len(disk.listdir(FOLDER)) == 1


def test_a_sync_is_one_fdatasync(disk: FailingDisk, tape: Cartridge) -> None:
    append(tape, b"z" * 70_000)
    disk.calls.clear()
    tape.sync()
    tape.sync()
    assert disk.calls == ["pwritev", "fdatasync"]


def open_segment(disk: RamDisk) -> bytearray:
    """The bytes of the only segment."""
    (inode,) = disk.names.values()
    return inode.cached


def frame_of(data: bytearray, kind: Kind, number: int = 0) -> int:
    """The offset of a frame of some kind."""
    at = 0
    for _ in range(number + 1):
        at = data.index(b"VTLF" + bytes([kind]), at + 1)
    return at


def test_damage_below_what_was_synced_makes_a_tape_read_only(
    disk: FailingDisk, tape: Cartridge
) -> None:
    append(tape, b"more" * 1000, None)
    tape.sync()
    data = open_segment(disk)
    data[frame_of(data, Kind.DATA) + 70] ^= 1
    before = bytes(data)
    again = load_tape(disk)
    assert again.damage is not None
    assert "is damaged at byte 4200" in again.damage
    for refused in (again.start_writing, again.truncate):
        with pytest.raises(DamagedError, match="read-only"):
            refused(BEGINNING)
    with pytest.raises(DamagedError):
        again.read(BEGINNING, 1)
    again.close()
    assert open_segment(disk) == before


def test_damage_after_the_last_sync_is_a_torn_tail(disk: FailingDisk, tape: Cartridge) -> None:
    append(tape, b"more" * 1000, None)
    tape.sync()
    data = open_segment(disk)
    data[frame_of(data, Kind.DATA, 1) + 70] ^= 1
    again = load_tape(disk)
    assert again.damage is None
    assert contents(again) == SAFE


def test_a_damaged_block_of_a_closed_segment_is_met_when_read(
    disk: FailingDisk, tape: Cartridge
) -> None:
    append(tape, b"more" * 20_000)
    tape.close()
    data = open_segment(disk)
    data[frame_of(data, Kind.DATA, 1) + 70] ^= 1
    again = load_tape(disk)
    assert contents_of_first(again) == SAFE[0]
    with pytest.raises(DamagedError, match="frame 4 at byte"):
        again.read(again.locate(0, 2), 1)


def contents_of_first(tape: Cartridge) -> bytes:
    (record,) = tape.read(BEGINNING, 1)
    return b"".join(getattr(record, "data", ()))


def test_a_missing_segment_is_told(disk: FailingDisk, tape: Cartridge) -> None:
    for _ in range(3):
        append(tape, Random(1).randbytes(200_000))
    tape.close()
    names = sorted(disk.names)
    disk.unlink(names[1])
    again = load_tape(disk)
    assert again.damage is not None
    assert "follows is missing or changed" in again.damage
    assert contents_of_first(again) == SAFE[0]
    with pytest.raises(DamagedError, match=r"is missing|cannot be read"):
        contents(again)


def test_a_header_that_is_none_is_damage_and_not_removed(
    disk: FailingDisk, tape: Cartridge
) -> None:
    tape.close()
    open_segment(disk)[5] ^= 1
    again = load_tape(disk)
    assert again.damage is not None
    assert "has no valid segment header" in again.damage
    assert len(disk.names) == 1


def test_a_header_that_a_crash_tore_begins_nothing() -> None:
    """A disk with sectors of 512 bytes may have kept the first ones only."""
    disk = FailingDisk()
    tape = load_tape(disk)
    append(tape, b"lost")
    data = open_segment(disk)
    data[512:] = bytes(len(data) - 512)
    again = load_tape(disk)
    assert (again.damage, contents(again), len(disk.names)) == (None, [], 0)


def test_what_goes_wrong_in_the_middle_of_a_record_ends_the_writing(
    tape: Cartridge,
) -> None:
    """Whatever it is, nothing may follow half a record."""
    tape.start_writing(tape.end_of_data(0))
    with pytest.raises(StorageFailedError, match="has no len"):
        tape.append([Record([b"x" * 70_000, 7], 140_000)])  # type: ignore[list-item] # a fault of ours
    with pytest.raises(StorageFailedError, match="until loaded again"):
        tape.append([Filemark()])
    assert contents(tape) == SAFE


def test_a_segment_that_cannot_be_begun_leaves_no_file_open(
    disk: FailingDisk, tape: Cartridge
) -> None:
    tape.close()
    again = load_tape(disk)
    again.reserve(1)
    for call in ("pwritev", "fdatasync", "sync_folder"):
        disk.failing = {call: errno.EIO}
        with pytest.raises(StorageFailedError):
            append(again, b"lost")
        again.close()
        assert disk.open_files == 0
        disk.failing = {}
        again = load_tape(disk)
        assert contents(again) == SAFE


def test_a_lost_footer_is_made_again(disk: FailingDisk, tape: Cartridge) -> None:
    append(tape, b"more")
    tape.close()
    data = open_segment(disk)
    whole = bytes(data)
    data[-1] ^= 1
    assert contents(load_tape(disk)) == [*SAFE, b"more"]
    assert open_segment(disk) == whole
