"""The dedup index: where a block may stand, by the first bytes of its hash.  A hint, no truth.

What is missing is stored once more, and what is wrong is found out by looking into the pack.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

import lmdb

from pyvtl.store.files import FileLayer, write_file
from pyvtl.store.runs import ROW_BITS, Hint

KEY_SIZE: Final = 8
ENTRIES: Final = 100_000_000
ENTRY_BYTES: Final = 128
"""More than an entry takes in the file, with what changes at a time."""
SMALLEST_FILE: Final = 256 << 20
CLEAN: Final = "clean"
NUMBER: Final = Struct(">I")
HINT: Final = Struct(">Q")


class BlockIndex(Protocol):
    """May be used from any thread.  Fails by knowing nothing."""

    def find(self, key: bytes) -> Hint | None:
        """Where the block with that key may stand."""
        ...

    def pack(self, number: int) -> bytes | None:
        """The id of a pack that `find` named."""
        ...

    def publish(self, pack_id: bytes, rows: Mapping[bytes, int]) -> None:
        """Add the blocks of a pack: rows by keys.  A block that is known stays where it is."""
        ...

    def forget(self, number: int) -> None:
        """The pack is gone, or not what was said of it."""
        ...


class MemoryIndex:
    """An index that lives as long as the process."""

    def __init__(self) -> None:
        self._packs: list[bytes | None] = []
        self._hints: dict[bytes, Hint] = {}

    def find(self, key: bytes) -> Hint | None:
        return self._hints.get(key)

    def pack(self, number: int) -> bytes | None:
        return self._packs[number]

    def publish(self, pack_id: bytes, rows: Mapping[bytes, int]) -> None:
        number = len(self._packs) << ROW_BITS
        self._packs.append(pack_id)
        self._hints = {key: number | row for key, row in rows.items()} | self._hints

    def forget(self, number: int) -> None:
        self._packs[number] = None
        kept = {key: hint for key, hint in self._hints.items() if hint >> ROW_BITS != number}
        self._hints = kept


class LmdbIndex:
    """An index in a folder of its own, at most `entries` large: the oldest packs fall out.

    Nothing is ever synced but at the end, and then a mark says so.  Without the mark the folder
    is emptied when it is opened: `complete` is False, and nothing is found until `completed` was
    called.  `label` is what the mark must say besides.
    """

    def __init__(self, files: FileLayer, path: Path, label: str, entries: int = ENTRIES) -> None:
        self.complete = _take_mark(files, path, label)
        if not self.complete:
            shutil.rmtree(path, ignore_errors=True)
        path.mkdir(exist_ok=True)
        self._files, self._path, self._label, self._entries = files, path, label, entries
        size = max(SMALLEST_FILE, entries * ENTRY_BYTES)
        self._env = lmdb.open(
            str(path), map_size=size, max_dbs=3, sync=False, metasync=False, readahead=False
        )
        self._hints = self._env.open_db(b"hints")
        self._packs = self._env.open_db(b"packs")
        self._keys = self._env.open_db(b"keys")
        self._broken = False

    def completed(self) -> None:
        """All packs there are were published."""
        self.complete = True

    def close(self) -> None:
        """Sync, and leave the mark if all went well."""
        with suppress(lmdb.Error):
            self._env.sync(True)
            if self.complete and not self._broken:
                write_file(self._files, self._path / CLEAN, self._label.encode())
        self._env.close()

    def __len__(self) -> int:
        with self._env.begin() as reading:
            return int(reading.stat(self._hints)["entries"])

    def find(self, key: bytes) -> Hint | None:
        if not self.complete:
            return None
        with suppress(lmdb.Error), self._env.begin(self._hints) as reading:
            found = reading.get(key)
            return None if found is None else int.from_bytes(found, "big")
        return None

    def pack(self, number: int) -> bytes | None:
        with suppress(lmdb.Error), self._env.begin(self._packs) as reading:
            found: bytes | None = reading.get(NUMBER.pack(number))
            return found
        return None

    def publish(self, pack_id: bytes, rows: Mapping[bytes, int]) -> None:
        try:
            with self._env.begin(write=True) as writing:
                self._add(writing, pack_id, rows)
        except lmdb.Error:
            self._broken = True

    def forget(self, number: int) -> None:
        with suppress(lmdb.Error), self._env.begin(write=True) as writing:
            self._remove(writing, NUMBER.pack(number))

    def _add(self, writing: lmdb.Transaction, pack_id: bytes, rows: Mapping[bytes, int]) -> None:
        number = self._next_number(writing)
        keys = sorted(rows)
        hints = [(key, HINT.pack(number << ROW_BITS | rows[key])) for key in keys]
        writing.cursor(self._hints).putmulti(hints, overwrite=False)
        writing.put(NUMBER.pack(number), pack_id, db=self._packs, append=True)
        writing.put(NUMBER.pack(number), b"".join(keys), db=self._keys, append=True)
        while writing.stat(self._hints)["entries"] > self._entries:
            oldest = writing.cursor(self._packs)
            oldest.first()
            self._remove(writing, bytes(oldest.key()))

    def _next_number(self, writing: lmdb.Transaction) -> int:
        packs = writing.cursor(self._packs)
        return NUMBER.unpack(packs.key())[0] + 1 if packs.last() else 0

    def _remove(self, writing: lmdb.Transaction, number: bytes) -> None:
        keys = writing.pop(number, db=self._keys) or b""
        writing.delete(number, db=self._packs)
        for at in range(0, len(keys), KEY_SIZE):
            key = keys[at : at + KEY_SIZE]
            if (writing.get(key, db=self._hints) or b"")[:4] == number:
                writing.delete(key, db=self._hints)


def _take_mark(files: FileLayer, path: Path, label: str) -> bool:
    """Whether the folder was left clean; the mark is gone for good when this returns."""
    mark = path / CLEAN
    if not mark.exists():
        return False
    clean = mark.read_text() == label
    mark.unlink()
    files.sync_folder(path)
    return clean
