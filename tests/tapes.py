"""Builders for tests of the store: a tape on a disk in memory, written and read in one line."""

from pathlib import Path

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import EndOfData, Filemark, Position, Record
from pyvtl.store.files import FileLayer
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder

KEY = bytes(32)
FOLDER = Path("/tapes/DEMO01L5")
BEGINNING = Position()
Objects = list[bytes | None]
"""The bytes of records; None for a filemark."""


def load_tape(
    files: FileLayer,
    path: Path = FOLDER,
    segment_bytes: int = 300_000,
    data_key: bytes | None = None,
) -> Cartridge:
    folder = TapeFolder(files, path, KEY, bytes(16), path.name, segment_bytes)
    if data_key is not None:
        folder = folder.encrypted(data_key)
    return Cartridge(folder, AttributesFrame(capacity_0=1 << 30))


def as_medium(items: Objects) -> list[Record | Filemark]:
    return [Filemark() if item is None else Record([item], len(item)) for item in items]


def append(cartridge: Cartridge, *items: bytes | None) -> None:
    """Write at the end of data."""
    cartridge.start_writing(cartridge.end_of_data(0))
    cartridge.append(as_medium(list(items)))


def contents(cartridge: Cartridge, at: Position = BEGINNING, limit: int = 1 << 18) -> Objects:
    """All from `at` to the end of data."""
    found: Objects = []
    while True:
        for item in cartridge.read(at, limit):
            match item:
                case Record(data, size):
                    found.append(b"".join(data))
                    at = at.after_record(size)
                case Filemark():
                    found.append(None)
                    at = at.after_filemarks()
                case EndOfData():
                    assert cartridge.end_of_data(0) == at
                    return found
