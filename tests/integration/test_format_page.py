"""docs/format.md says what stands on disk: a reader written from it alone reads tapes back."""

import re
import secrets
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import Filemark, Position, Record
from pyvtl.media.vault import Vault
from pyvtl.store import format as on_disk
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.keys import Secret
from pyvtl.store.loading import TapeFolder
from pyvtl.wire.layout import Structure
from tests.standalone_reader import (
    BadTapeError,
    frames_of,
    read_segment,
    read_tape,
    unwrapped,
)

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
KEY = bytes(range(32))


def load(path: Path, key: bytes = KEY) -> Cartridge:
    folder = TapeFolder(LocalFiles(), path, key, bytes(16), "DEMO01L5", segment_bytes=1 << 20)
    return Cartridge(folder, AttributesFrame(capacity_0=1 << 30))


def write(medium: Cartridge, *objects: bytes | None) -> None:
    medium.append(
        [Filemark() if item is None else Record([item], len(item)) for item in objects],
    )


def test_a_tape_is_read_back_by_a_reader_written_from_the_page(tmp_path: Path) -> None:
    random = Random(1)
    files = [[random.randbytes(10_240) for _ in range(60)], [bytes(300_000), b"x" * 65_536] * 40]
    medium = load(tmp_path)
    for records in files:
        medium.start_writing(medium.end_of_data(0))
        write(medium, *records, None)
        medium.sync()
    medium.close()
    assert read_tape(tmp_path, KEY) == [[*files[0], None, *files[1], None], [], [], []]
    assert len(list(tmp_path.iterdir())) > 1


def test_so_is_one_of_which_each_kind_of_block_is_compressed_or_not(tmp_path: Path) -> None:
    medium = load(tmp_path)
    records = [b"text " * 20_000, Random(1).randbytes(100_000), bytes(200_000), b"x"]
    write(medium, *records)
    medium.close()
    (path,) = tmp_path.iterdir()
    segment = read_segment(path)
    assert segment is not None
    blocks = [frame for frame in frames_of(segment, KEY) if frame.kind in (1, 2)]
    assert {(frame.kind, frame.codec) for frame in blocks} == {(1, 0), (1, 1), (2, 0)}
    assert read_tape(tmp_path, KEY)[0] == records


def test_so_is_an_encrypted_one_with_its_master_key(tmp_path: Path) -> None:
    records = [b"text " * 20_000, Random(1).randbytes(100_000), bytes(200_000), b"x"]
    master_key = bytes(range(32))
    vault = Vault(tmp_path, segment_bytes=1 << 20, secret=Secret(key=master_key), encrypt=True)
    vault.create("DEMO01L5", 1 << 30)
    write(vault.open("DEMO01L5"), *records)
    vault.close()
    folder = tmp_path / "tapes" / "DEMO01L5"
    assert read_tape(folder, bytes(32), unwrapped(folder, master_key))[0] == records


def test_so_is_one_that_was_overwritten_and_left_open(tmp_path: Path) -> None:
    medium = load(tmp_path)
    write(medium, b"old" * 1000, None, b"old")
    medium.sync()
    medium.start_writing(Position())
    write(medium, b"a" * 70_000, b"b" * 70_000, None, b"c")
    medium.sync()
    medium.start_writing(Position(0, 1, 0, 70_000))
    write(medium, None, b"d" * 10)
    medium.sync()
    assert read_tape(tmp_path, KEY)[0] == [b"a" * 70_000, None, b"d" * 10]
    medium.close()
    assert read_tape(tmp_path, KEY)[0] == [b"a" * 70_000, None, b"d" * 10]


def test_the_reader_refuses_what_does_not_hold(tmp_path: Path) -> None:
    medium = load(tmp_path)
    write(medium, b"a" * 70_000)
    medium.close()
    with pytest.raises(BadTapeError, match="hash of frame 0"):
        read_tape(tmp_path, bytes(32))


def test_the_example_is_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "token_bytes", lambda count: b"\x11" * count)
    medium = load(tmp_path, bytes(32))
    write(medium, b"hello", None)
    medium.close()
    (command,) = re.findall(r"xxd -s 4200 -l 69 (\S+)\n", PAGE)
    dump = re.findall(r"^0000\w{4}: ((?:\w{2,4} )+)", PAGE, re.MULTILINE)
    assert (tmp_path / command).read_bytes()[4200:4269] == bytes.fromhex("".join(dump))


def tables() -> list[tuple[str, int, list[tuple[int, int, str]]]]:
    """Structure, size and rows (offset, size, field) of every table on the page."""
    found = []
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        heading = re.match(r".*\(`(\w+)`, (\d+) bytes\)", section)
        if heading:
            rows = re.findall(r"^\| (\d+) \| (\d+) \| [\w ]+ \| (\w+) \|", section, re.MULTILINE)
            fields = [(int(offset), int(size), name) for offset, size, name in rows]
            found.append((heading[1], int(heading[2]), fields))
    return found


@pytest.mark.parametrize(("name", "size", "fields"), tables())
def test_a_table_is_the_structure(name: str, size: int, fields: list[tuple[int, int, str]]) -> None:
    structure: type[Structure] = getattr(on_disk, name)
    declared = [
        (slot.position.byte, (slot.position.width + 7) // 8, slot.name) for slot in structure.SLOTS
    ]
    assert (structure.SIZE, sorted(declared)) == (size, sorted(fields))


def test_every_structure_has_its_table() -> None:
    declared = {
        name
        for name, value in vars(on_disk).items()
        if isinstance(value, type) and issubclass(value, Structure) and value is not Structure
    }
    assert {name for name, _, _ in tables()} == declared
