"""What the tapes of a data folder share: packs that refer to each other, and the dedup index."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import lmdb

from pyvtl.store.block_index import ENTRIES, LmdbIndex
from pyvtl.store.cache_names import CACHE
from pyvtl.store.catalog import Catalog
from pyvtl.store.dedup import Dedup, Scope, footer_at, publish_all
from pyvtl.store.errors import CatalogError
from pyvtl.store.files import FileLayer
from pyvtl.store.format import SegmentHeader, decode_header
from pyvtl.store.loading import SEGMENT_NAME
from pyvtl.store.outline import Outline, outlines_in
from pyvtl.store.pack_cache import PackCache
from pyvtl.store.recovery import Footer, index_of, read_footer, scan
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.references import SharedPacks, SharedTape, folders_in, pack_id_of
from pyvtl.store.repository import TAPES

INDEX = "index"


class Sharing:
    """One per data folder.  `files`, and folders of tapes under `path`/tapes.

    With a new catalog it first finds all references again: until then nothing may be deleted.
    An index that was not left clean is made anew in the background, with no dedup meanwhile.
    """

    def __init__(
        self,
        files: FileLayer,
        path: Path,
        catalog: Catalog,
        scope: Scope = Scope.OFF,
        entries: int = ENTRIES,
        *,
        gone: Callable[[Collection[bytes]], None] = lambda _pack_ids: None,
    ) -> None:
        """`gone` is told of every pack whose segment was deleted."""
        self._files, self._scope = files, scope
        self._path, self._tapes = path, path / TAPES
        self._table = CatalogReferences(catalog)
        self._packs = SharedPacks(files, self._tapes, self._table, gone)
        self.cache: PackCache | None = None
        """What the object store has, once it is known."""
        if not self._table.complete:
            self._find_references()
        for place in self._table.drop_unneeded():
            self._packs.unlink(*place)
        self._closing = Event()
        self._index = None if scope is Scope.OFF else _open(files, path / INDEX, scope, entries)
        self._builder: Thread | None = None
        if self._index is not None and not self._index.complete:
            self._builder = Thread(target=self._build, name="dedup index", daemon=True)
            self._builder.start()

    def path_of(self, pack_id: bytes) -> Path | None:
        """Where the segment of a pack lies, or would lie if it was here."""
        return self._packs.path_of(pack_id)

    def of(self, barcode: str) -> SharedTape:
        """What a tape has to know of the others."""
        return self._packs.of(barcode)

    def dedup(self, barcode: str, tape_id: bytes) -> Dedup | None:
        """What finds blocks for a tape, if that is wanted and possible."""
        if self._index is None:
            return None
        shared, here = self.of(barcode), self._footer_here
        return Dedup(self._files, self._index, shared, tape_id, self._scope, footer_here=here)

    def _footer_here(self, pack_id: bytes) -> Footer | None:
        with suppress(CatalogError):
            return None if self.cache is None else self.cache.footer_here(pack_id)
        return None

    def delete(self, barcode: str, names: Collection[str], away: Collection[bytes] = ()) -> None:
        """Delete these segments of a tape, or keep those that others refer to until none does.

        `away` are packs of it that only the object store has: they are forgotten likewise.
        """
        shared = self.of(barcode)
        kept = shared.settle([*map(pack_id_of, names), *away])
        for name in sorted(names, reverse=True):  # What refers to others of them goes first.
            if pack_id_of(name) not in kept:
                shared.remove(int(name.partition("-")[0]), pack_id_of(name))
        for pack_id in set(away).difference(kept, map(pack_id_of, names)):
            shared.remove(0, pack_id)

    def needed(self, pack_ids: Collection[bytes]) -> set[bytes]:
        """Those of these packs that a tape holds or refers to, by the catalog or by their files."""
        if not self._table.complete:
            return set(pack_ids)
        here = {
            pack_id_of(name)
            for folder in folders_in(self._files, self._tapes)
            for name in _segments(self._files, folder)
        }
        return {each for each in pack_ids if each in here or self._table.is_needed(each)}

    @property
    def indexing(self) -> bool:
        """Whether the index is being made anew."""
        return self._builder is not None and self._builder.is_alive()

    def close(self) -> None:
        """Stop what runs in the background and leave the index clean."""
        self._closing.set()
        if self._builder is not None:
            self._builder.join()
        if self._index is not None:
            self._index.close()

    def _build(self) -> None:
        assert self._index is not None
        with suppress(OSError):
            packs = _closed_packs(self._files, self._path)
            publish_all(self._index, self._scope, packs, self._closing.is_set)
            if not self._closing.is_set():
                self._index.completed()

    def _find_references(self) -> None:
        """Put into the catalog what all segments say; with one that cannot be read, not yet."""
        with suppress(OSError):
            self._table.completed(list(self._references()))

    def _references(self) -> Iterator[tuple[bytes, bytes, str]]:
        for folder in folders_in(self._files, self._tapes):
            for name in _segments(self._files, folder):
                holder = pack_id_of(name)
                for pack_id in _referred_to(self._files, folder / name, holder):
                    yield holder, pack_id, folder.name


def rebuild_index(files: FileLayer, path: Path, scope: Scope, entries: int = ENTRIES) -> int:
    """Make the dedup index of a data folder anew; gives how many packs it knows."""
    (path / INDEX / "clean").unlink(missing_ok=True)
    index = LmdbIndex(files, path / INDEX, scope.value, entries)
    try:
        found = publish_all(index, scope, _closed_packs(files, path))
        index.completed()
    finally:
        index.close()
    return found


def _open(files: FileLayer, path: Path, scope: Scope, entries: int) -> LmdbIndex | None:
    """The index, or None when there cannot be one: it is a help, and tapes do without."""
    try:
        return LmdbIndex(files, path, scope.value, entries)
    except (lmdb.Error, OSError):
        return None


def _closed_packs(files: FileLayer, path: Path) -> Iterator[Outline]:
    """What the closed segments of a data folder hold, and packs of which the outline is here."""
    for folder in folders_in(files, path / TAPES):
        for name in sorted(_segments(files, folder)):
            with suppress(OSError):
                if (outline := _outline_of(files, folder / name)) is not None:
                    yield outline
    yield from outlines_in(files, path / CACHE)


def _outline_of(files: FileLayer, path: Path) -> Outline | None:
    """What a segment holds, if it is closed, and whole as far as its footer says."""
    fd = files.open(path)
    try:
        header = decode_header(files.pread(fd, SegmentHeader.SIZE, 0))
        footer = None if header is None else read_footer(files, fd, header.pack_id)
    finally:
        files.close(fd)
    return None if header is None or footer is None else Outline(header, footer)


def _segments(files: FileLayer, folder: Path) -> list[str]:
    try:
        return [name for name in files.listdir(folder) if SEGMENT_NAME.fullmatch(name)]
    except NotADirectoryError:
        return []


def _referred_to(files: FileLayer, path: Path, pack_id: bytes) -> Collection[bytes]:
    """The other packs that a segment refers to, however damaged it is."""
    footer = footer_at(files, path, pack_id)
    if footer is not None:
        return footer.index().packs() - {pack_id}
    fd = files.open(path)
    try:
        return index_of(scan(files, fd, pack_id).frames).packs() - {pack_id}
    finally:
        files.close(fd)
