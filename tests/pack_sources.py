"""An object store in memory, as far as reading packs goes: it can be slow, away, and wrong."""

from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event, Lock

from pyvtl.media.vault import Vault
from pyvtl.store.errors import DamageError
from pyvtl.store.eviction import outline_at
from pyvtl.store.files import FileLayer, LocalFiles, read_file
from pyvtl.store.loading import SEGMENT_NAME
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.references import pack_id_of
from pyvtl.store.stored import StoredPack
from pyvtl.wire.checksum import crc32c
from tests.disks import allocated_by

Spoil = Callable[[bytes], bytes]


class MemorySource:
    """Keeps every promise of `PackSource`, unless it was told otherwise."""

    def __init__(self) -> None:
        self.packs: dict[bytes, bytes] = {}
        self.maps: dict[bytes, bytes] = {}
        self.reachable = True
        self.answering = Event()
        self.answering.set()
        self.spoiled: list[Spoil] = []
        """What is done, once each, to what is fetched next."""
        self.fetched: list[tuple[int, int]] = []
        """From where how many bytes were fetched of packs."""
        self.maps_fetched = 0
        self._lock = Lock()

    def put(self, files: FileLayer, path: Path) -> StoredPack:
        """Put a closed segment into the store, which takes each pack only once."""
        pack_id = pack_id_of(path.name)
        if pack_id not in self.packs:
            outline = outline_at(files, path, pack_id)
            assert outline is not None, f"{path} is closed"
            self.packs[pack_id], self.maps[pack_id] = read_file(files, path), outline
        data, outline = self.packs[pack_id], self.maps[pack_id]
        return StoredPack(pack_id, "0" * 8, len(data), crc32c(data), "maps/x", 0, len(outline))

    def fetch(self, pack: StoredPack, start: int, length: int) -> bytes:
        self._answer(pack)
        with self._lock:
            self.fetched.append((start, length))
            data = self.packs[pack.pack_id][start : start + length]
            return self.spoiled.pop(0)(data) if self.spoiled else data

    def fetch_map(self, pack: StoredPack) -> bytes:
        self._answer(pack)
        with self._lock:
            self.maps_fetched += 1
            data = self.maps[pack.pack_id]
            return self.spoiled.pop(0)(data) if self.spoiled else data

    def _answer(self, pack: StoredPack) -> None:
        self.answering.wait()
        if not self.reachable:
            raise UnreachableError("the object store does not answer")
        if pack.pack_id not in self.packs:
            raise DamageError(f"pack {pack.pack_id.hex()} is not in the object store")


def segments(path: Path, barcode: str) -> list[Path]:
    """The segments of a tape in a data folder."""
    found = (path / "tapes" / barcode).iterdir()
    return sorted(file for file in found if SEGMENT_NAME.fullmatch(file.name))


def push(vault: Vault, path: Path, source: MemorySource, barcode: str) -> None:
    """Put all segments of a tape that nobody writes into the store."""
    rows = [source.put(LocalFiles(), file) for file in segments(path, barcode)]
    vault.put_stored(barcode, rows)


def flip_a_bit(data: bytes, at: int = 5000) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def allocated(path: Path, packs: Collection[str] | None = None) -> int:
    """What the cache of a data folder, and segments (of these packs), take of the disk."""
    found = [
        file for file in path.glob("tapes/*/*.segment") if packs is None or file.stem[9:] in packs
    ]
    return allocated_by([*found, *path.glob("cache/*")])
