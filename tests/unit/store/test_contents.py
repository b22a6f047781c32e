"""The files of a tape are read without changing a byte, and damage takes only what it hit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.store.contents import TapeContents, TapeFile
from pyvtl.store.errors import DamageError
from pyvtl.store.files import LocalFiles, ReadOnlyFiles
from pyvtl.store.format import Place, SegmentHeader, decode_header, encode_header
from pyvtl.store.loading import TapeFolder
from tests.tapes import KEY, append, load_tape

BLOCK = 65536
BACKUP = [Random(number).randbytes(BLOCK) for number in range(8)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a tape on which nothing stands yet."""
    (tmp_path / "DEMO01L5").mkdir()
    return tmp_path / "DEMO01L5"


@pytest.fixture
def tape(folder: Path) -> Iterator[Cartridge]:
    """A tape in use, with three files of eight blocks in segments of 300,000 bytes."""
    tape = load_tape(LocalFiles(), folder)
    append(tape, *BACKUP, None, *BACKUP[::-1], None, *BACKUP, None)
    tape.sync()
    yield tape
    tape.close()


def contents(folder: Path) -> TapeContents:
    return TapeContents(TapeFolder(ReadOnlyFiles(), folder, KEY, b"", folder.name))


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files of a folder: when they changed, what they hold."""
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def read(folder: Path, number: int) -> tuple[bytes, str | None]:
    """The bytes of a file that can be read, and what ended them early."""
    found = bytearray()
    tape = contents(folder)
    (file,) = (file for file in tape.files() if file.number == number)
    try:
        for view in tape.read(file):
            found += view
    except DamageError as error:
        return bytes(found), str(error)
    finally:
        tape.close()
    return bytes(found), None


def files(folder: Path) -> list[TapeFile]:
    tape = contents(folder)
    try:
        return list(tape.files())
    finally:
        tape.close()


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.segment"))


def test_files_lie_between_filemarks(tape: Cartridge, folder: Path) -> None:
    size = len(BACKUP) * BLOCK
    assert files(folder) == [
        TapeFile(0, Place(), Place(8, 0, size), {BLOCK: 8}),
        TapeFile(1, Place(9, 1, size), Place(17, 1, 2 * size), {BLOCK: 8}),
        TapeFile(2, Place(18, 2, 2 * size), Place(26, 2, 3 * size), {BLOCK: 8}),
    ]
    assert [read(folder, number) for number in range(3)] == [
        (b"".join(BACKUP), None),
        (b"".join(BACKUP[::-1]), None),
        (b"".join(BACKUP), None),
    ]


def test_reading_a_tape_in_use_changes_nothing_in_its_folder(tape: Cartridge, folder: Path) -> None:
    append(tape, b"never committed")
    before = snapshot(folder)
    assert len(before) > 5
    assert read(folder, 2) == (b"".join(BACKUP), None)
    assert snapshot(folder) == before


def test_a_tape_that_a_crash_left_open_reads_as_it_will_when_loaded(
    tape: Cartridge, folder: Path, tmp_path: Path
) -> None:
    append(tape, b"never committed")
    crashed = tmp_path / "CRASHED1"
    crashed.mkdir()
    for path in folder.iterdir():
        (crashed / path.name).write_bytes(path.read_bytes())
    found = files(crashed)
    load_tape(LocalFiles(), crashed).close()
    assert files(crashed) == found == files(folder)


def test_a_blank_tape_has_no_files(folder: Path) -> None:
    assert files(folder) == []


def test_filemarks_in_a_row_have_empty_files_between_them(tape: Cartridge, folder: Path) -> None:
    end = tape.end_of_data(0)
    append(tape, None, None, b"last", b"words!", b"last")
    tape.sync()
    at = Place(end.object_number, end.file_number, end.byte)
    last = Place(at.objects + 2, 5, at.bytes)
    assert files(folder)[3:] == [
        TapeFile(3, at, at),
        TapeFile(4, at._replace(objects=at.objects + 1, filemarks=4), Place(28, 4, at.bytes)),
        TapeFile(5, last, Place(last.objects + 3, 5, at.bytes + 14), {4: 2, 6: 1}),
    ]


def test_damage_in_a_block_takes_that_block_and_what_follows_it_in_the_file(
    tape: Cartridge, folder: Path
) -> None:
    tape.close()
    first = segments(folder)[0]
    stored = first.read_bytes()
    at = stored.index(BACKUP[2])
    first.write_bytes(stored[: at + 7] + bytes([stored[at + 7] ^ 1]) + stored[at + 8 :])
    found, damage = read(folder, 0)
    assert found == b"".join(BACKUP[:2])
    pack = first.stem.partition("-")[2]
    assert damage is not None
    assert damage.startswith(f"file 0 at byte {2 * BLOCK}: pack {pack}: frame ")
    assert read(folder, 1) == (b"".join(BACKUP[::-1]), None)


def test_a_missing_segment_takes_the_files_that_lay_in_it(tape: Cartridge, folder: Path) -> None:
    tape.close()
    size, gone = 8 * BLOCK, segments(folder)[1]
    gone.unlink()
    first, *lost, last = files(folder)
    assert first.damage is not None
    assert (first.number, first.end.bytes < size) == (0, True)
    assert [file.number for file in lost] == [1]
    assert last == TapeFile(2, Place(18, 2, 2 * size), Place(26, 2, 3 * size), {BLOCK: 8})
    found, damage = read(folder, 0)
    assert found == b"".join(BACKUP)[: first.end.bytes]
    assert damage == f"file 0 at byte {len(found)}: {first.damage}"
    assert read(folder, 2) == (b"".join(BACKUP), None)


def test_a_missing_segment_is_told_of_the_tape_as_a_whole(tape: Cartridge, folder: Path) -> None:
    tape.close()
    segments(folder)[1].unlink()
    following = segments(folder)[1].stem.partition("-")[2]
    opened = contents(folder)
    assert opened.damage == [f"what pack {following} follows is missing or changed"]
    opened.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda files, path: files.open(path / "new", create=True),
        lambda files, path: files.mkdir(path / "new"),
        lambda files, path: files.unlink(path),
        lambda files, path: files.rename(path, path),
        lambda files, _: files.ftruncate(0, 0),
        lambda files, _: files.pwritev(0, [b""], 0),
    ],
)
def test_read_only_files_refuse_every_change(change: object, tmp_path: Path) -> None:
    assert callable(change)
    with pytest.raises(OSError, match="Read-only file system"):
        change(ReadOnlyFiles(), tmp_path)


def test_a_segment_of_a_newer_version_is_not_read(tape: Cartridge, folder: Path) -> None:
    tape.close()
    (newer, *_) = segments(folder)
    stored = newer.read_bytes()
    header = decode_header(stored)
    assert header is not None
    newer.write_bytes(encode_header(replace(header, version=2)) + stored[SegmentHeader.SIZE :])
    opened = contents(folder)
    told = f"{newer.name} has format version 2, this program knows 1"
    assert opened.damage[0] == told
    opened.close()
