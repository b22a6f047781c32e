"""A tape of the store as a folder of segments, for those who only read."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Protocol

from pyvtl.cloud.ahead import PackAhead
from pyvtl.cloud.documents import Manifest, PackEntry
from pyvtl.cloud.entries import stored_pack
from pyvtl.cloud.reading import StoreSource
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.format import SegmentHeader
from pyvtl.store.keys import KEY_FILE
from pyvtl.store.references import file_name
from pyvtl.store.stored import StoredPack

OTHERS = "others"
"""Folder beside that of the tape, for the packs that it refers to."""


class _OpenFile(Protocol):
    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def close(self) -> None: ...


class _SmallFile:
    """Bytes at hand."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        """There is nothing to let go of."""


class _PackFile:
    """A pack: header and footer from its map, what lies between from itself."""

    def __init__(self, source: StoreSource, pack: StoredPack) -> None:
        self._source, self._pack, self.size = source, pack, pack.length
        self._footer_at = pack.length - (pack.map_length - SegmentHeader.SIZE)
        self._outline: bytes | None = None
        self._frames = PackAhead(source, pack)

    def read(self, offset: int, length: int) -> bytes:
        if offset >= self._footer_at:
            at = offset - self._footer_at + SegmentHeader.SIZE
            return self._map()[at : at + length]
        if offset + length <= SegmentHeader.SIZE:
            return self._map()[offset : offset + length]
        return self._frames.read(offset, length)

    def _map(self) -> bytes:
        if self._outline is None:
            self._outline = self._source.fetch_map(self._pack)
        return self._outline

    def close(self) -> None:
        self._frames.close()


class StoreFiles(ReadOnlyFiles):
    """The file layer of one tape in the store.  Raises UnreachableError besides what files do."""

    def __init__(
        self, source: StoreSource, folder: Path, manifest: Manifest, key: bytes | None = None
    ) -> None:
        """`folder` is where the tape seems to lie; `key` is its `key.json`, if it is encrypted."""
        self._source = source
        self._packs = _paths(folder, manifest)
        self._small = {} if key is None else {folder / KEY_FILE: key}
        self._folders = {folder, folder.parent / OTHERS}
        self._open: dict[int, _OpenFile] = {}
        self._numbers = count(1)

    def listdir(self, path: Path) -> list[str]:
        names = [*self._packs, *self._small, *self._folders]
        return sorted({name.name for name in names if name.parent == path})

    def open(self, path: Path, *, create: bool = False) -> int:
        fd = next(self._numbers)
        if path in self._small and not create:
            self._open[fd] = _SmallFile(self._small[path])
        elif path in self._packs and not create:
            self._open[fd] = _PackFile(self._source, self._packs[path])
        else:
            raise FileNotFoundError(f"there is no {path.name} in the store")
        return fd

    def close(self, fd: int) -> None:
        self._open.pop(fd).close()

    def size(self, fd: int) -> int:
        return self._open[fd].size

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        return self._open[fd].read(offset, length)


def _paths(folder: Path, manifest: Manifest) -> Mapping[Path, StoredPack]:
    own = {_path(folder, entry): stored_pack(entry) for entry in manifest.packs}
    others = folder.parent / OTHERS
    return own | {_path(others, entry): stored_pack(entry) for entry in manifest.others}


def _path(folder: Path, entry: PackEntry) -> Path:
    return folder / file_name(entry.sequence, bytes.fromhex(entry.pack_id))
