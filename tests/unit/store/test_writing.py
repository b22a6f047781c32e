"""How records become frames: the grid, OBJECTS, partitions, short writes."""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import DamagedError, EndOfData, Filemark, Position, Record
from pyvtl.store.catalog import Catalog
from pyvtl.store.errors import CatalogError, DamageError
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame, Kind
from pyvtl.store.loading import TapeFolder
from pyvtl.store.recovery import Footer, read_footer
from pyvtl.store.repository import Label, read_label, repository_key, write_label
from pyvtl.wire.layout import Buffer
from tests.disks import RamDisk
from tests.tapes import BEGINNING, FOLDER, KEY, Objects, append, contents, load_tape


def footer(disk: RamDisk) -> Footer:
    """The footer of the only segment of a closed tape."""
    (path,) = disk.names
    found = read_footer(disk, disk.open(path), bytes.fromhex(path.stem.partition("-")[2]))
    assert found is not None
    return found


def block_lengths(disk: RamDisk) -> list[int]:
    return list(footer(disk).index().lengths)


def written(*items: bytes | None, segment_bytes: int = 100 << 20) -> RamDisk:
    disk = RamDisk()
    tape = load_tape(disk, segment_bytes=segment_bytes)
    append(tape, *items)
    tape.close()
    return disk


def test_records_off_the_grid_fill_blocks() -> None:
    assert block_lengths(written(*[b"r" * 10_240] * 13)) == [65_536, 65_536, 2048]


def test_the_grid_starts_afresh_after_a_filemark() -> None:
    disk = written(b"a" * 10, None, b"b" * 70_000, None, b"c" * 65_536)
    assert block_lengths(disk) == [10, 65_536, 4464, 65_536]


def test_the_block_after_a_sync_is_cut_short_to_return_to_the_grid() -> None:
    disk = RamDisk()
    tape = load_tape(disk)
    append(tape, b"a" * 10_000)
    tape.sync()
    append(tape, b"b" * 100_000)
    tape.close()
    assert block_lengths(disk) == [10_000, 55_536, 44_464]


def test_the_same_file_is_cut_the_same_way_wherever_it_stands() -> None:
    data = Random(1).randbytes(200_000)
    alone, after = written(data), written(b"x" * 777, None, data)
    hashes = [header[28:60] for header in footer(alone).headers if header[4] == Kind.DATA]
    assert [h[28:60] for h in footer(after).headers if h[4] == Kind.DATA][1:] == hashes


def test_zeros_take_no_room() -> None:
    index = footer(written(bytes(65_536), b"\0" + b"x" * 65_535)).index()
    assert list(index.kinds) == [Kind.ZERO, Kind.DATA]
    assert index.offsets[1] - index.offsets[0] == 64


def test_objects_are_noted_every_16_mib(tmp_path: Path) -> None:
    tape = load_tape(LocalFiles(), tmp_path, 100 << 20)
    append(tape, *[b"r" * (1 << 20)] * 40)
    tape.close()
    (path,) = tmp_path.iterdir()
    files = LocalFiles()
    fd = files.open(path)
    found = read_footer(files, fd, bytes.fromhex(path.stem.partition("-")[2]))
    files.close(fd)
    assert found is not None
    index = found.index()
    assert [place.objects for place in index.starts] == [0, 16, 32]


def test_many_runs_are_noted_early() -> None:
    items: Objects = [bytes([1]) * (1 + n % 2) for n in range(10_000)]
    disk = written(*items)
    assert len(footer(disk).index().starts) == 3
    tape = load_tape(disk)
    assert contents(tape) == items
    assert tape.locate(0, 7777).byte == sum(len(item or b"") for item in items[:7777])
    assert tape.space_records(tape.end_of_data(0), -9999).position.object_number == 1
    tape.close()


@pytest.fixture
def two_partitions() -> Cartridge:
    folder = TapeFolder(RamDisk(), FOLDER, KEY, bytes(16), "DEMO01L5", 300_000)
    return Cartridge(folder, AttributesFrame(partitions=2, capacity_0=1000, capacity_1=2000))


def test_partitions_are_rows_of_their_own(two_partitions: Cartridge) -> None:
    tape = two_partitions
    for number in range(4):
        for partition in (0, 1):
            tape.start_writing(tape.end_of_data(partition))
            data = bytes([16 * partition + number]) * 50_000
            tape.append([Record([data], len(data)), Filemark()])
    tape.start_writing(Position(0))
    tape.append([Record([b"new"], 3)])
    assert contents(tape, Position(0)) == [b"new"]
    second = [tape.read(tape.locate(1, 2 * number), 1)[0] for number in range(4)]
    assert [r.size for r in second if isinstance(r, Record)] == [50_000] * 4
    assert tape.locate_file(1, 3).object_number == 6
    assert tape.space_filemarks(tape.end_of_data(1), -4).moved == 4
    assert (tape.capacity_bytes, tape.partitions) == (3000, 2)
    tape.close()


class Hesitant(LocalFiles):
    """Writes no more than 1,000 bytes a call."""

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:  # type: ignore[override] # a static method there
        return LocalFiles.pwritev(fd, [b"".join(buffers)[:1000]], offset)


def test_short_writes_are_completed(tmp_path: Path) -> None:
    tape = load_tape(Hesitant(), tmp_path)
    data = Random(2).randbytes(5000)
    append(tape, data, None)
    assert contents(tape) == [data, None]
    tape.close()


def test_many_segments_are_read_with_few_files_open(tmp_path: Path) -> None:
    disk = RamDisk()
    tape = load_tape(disk, segment_bytes=10_000)
    items: Objects = [bytes([n]) * 8000 for n in range(30)]
    append(tape, *items)
    tape.sync()
    assert contents(tape) == items
    assert disk.open_files <= 9
    assert tape.read(tape.end_of_data(0), 1) == [EndOfData()]
    tape.close()
    assert disk.open_files == 0


def test_a_file_that_shrank_is_damage() -> None:
    disk = written(Random(1).randbytes(200_000))
    tape = load_tape(disk)
    tape.read(BEGINNING, 1)
    (inode,) = disk.names.values()
    del inode.cached[5000:]
    with pytest.raises(DamagedError):
        tape.read(BEGINNING, 1)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    key = repository_key(LocalFiles(), tmp_path)
    assert len(key) == 32
    assert repository_key(LocalFiles(), tmp_path) == key


@pytest.mark.parametrize("text", ["{", '{"format": 2}'])
def test_a_file_of_another_format_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "repository.json").write_text(text)
    with pytest.raises(DamageError, match=r"repository\.json"):
        repository_key(LocalFiles(), tmp_path)


def test_a_label_in_another_tape_s_folder_is_refused(tmp_path: Path) -> None:
    write_label(LocalFiles(), tmp_path, Label("DEMO01L5", "00" * 16, 1 << 30, 0))
    with pytest.raises(DamageError, match="label of tape DEMO01L5"):
        read_label(LocalFiles(), tmp_path)


def test_a_catalog_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog")
    catalog._db.execute("PRAGMA user_version=99")
    catalog.close()
    with pytest.raises(CatalogError, match="has version 99"):
        Catalog(tmp_path / "catalog")
