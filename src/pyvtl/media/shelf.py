"""What lies in a data folder: its tapes, who has which, and what of them is where."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from pyvtl.media.adoption import (
    has_tape,
    row_from_segments,
    row_of,
    says_deleted,
    says_worm,
)
from pyvtl.media.at_rest import PackIds
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.claims import Claims, InUseError
from pyvtl.media.medium import DamagedError, MediumError
from pyvtl.media.snapshot import Backlog, backlog_of
from pyvtl.media.storing import advising, storing
from pyvtl.media.upload_state import UploadStates, count_dirty
from pyvtl.media.volume import SHREDDED, Volume, label_of, volume_of
from pyvtl.store.block_index import ENTRIES
from pyvtl.store.catalog import Catalog, TapeRow
from pyvtl.store.dedup import Scope
from pyvtl.store.dirty import DirtyPacks
from pyvtl.store.errors import (
    CatalogError,
    DamageError,
    LockedError,
    ShreddedError,
)
from pyvtl.store.eviction import EVICTED
from pyvtl.store.files import FileLayer, LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.keys import KEY_FILE, Keyring, Secret
from pyvtl.store.loading import SEGMENT_BYTES, SEGMENT_NAME, TapeFolder, segment_names
from pyvtl.store.pack_cache import CacheLimits, PackCache
from pyvtl.store.pack_source import PackSource
from pyvtl.store.references import pack_id_of
from pyvtl.store.repository import (
    TAPES,
    read_label,
    repository_key,
    write_label,
)
from pyvtl.store.sharing import Sharing
from pyvtl.store.stored_table import StoredTable

CATALOG = "catalog.sqlite3"


class Shelf:
    """The parts of a data folder, opened together; `Vault` has what is done with them."""

    def __init__(
        self,
        path: Path,
        files: FileLayer | None = None,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        dedup: Scope = Scope.OFF,
        dedup_entries: int = ENTRIES,
        secret: Secret | None = None,
        encrypt: bool = False,
        source: PackSource | None = None,
        cache: CacheLimits | None = None,
        told: Callable[[str, str], None] = lambda _barcode, _what: None,
    ) -> None:
        """With `encrypt` new tapes are encrypted, which takes a `secret`, as opening them does.

        What the object store `source` has too is deleted here beyond the limits of the `cache`,
        and read from there.  `told` is told of what was mended: the barcode, and a sentence.  A
        secret that is not that of the folder raises MediumError before anything is changed.
        """
        self._told = told
        self._cache: PackCache | None = None
        self._files = files or LocalFiles()
        self._tapes_folder, self._segment_bytes = path / TAPES, segment_bytes
        self._encrypt = encrypt
        self._open: dict[str, Cartridge] = {}
        self._unlabelled: dict[str, TapeRow] = {}
        self._claims = Claims()
        self._dirty = DirtyPacks()
        with storing(), advising(path), ExitStack() as undo:
            self._files.mkdir(self._tapes_folder)
            self._keyring = Keyring(self._files, path, secret)
            self._key = repository_key(self._files, path)
            self._catalog = Catalog(path / CATALOG)
            undo.callback(self._catalog.close)
            self._stored = StoredTable(self._catalog)
            self._sharing = Sharing(
                self._files, path, self._catalog, dedup, dedup_entries, gone=self._forget
            )
            undo.callback(self._sharing.close)
            self._cache = self._sharing.cache = PackCache(
                self._files,
                path,
                self._stored,
                self._sharing.path_of,
                source=source,
                limits=cache,
            )
            undo.callback(self._cache.close)
            self._tapes = {row.barcode: row for row in self._catalog.tapes()}
            self._adopt_all()
            self._forget_strays()
            self.uploads = UploadStates(self._files, self._tapes_folder)
            count_dirty(self._files, self._tapes_folder, self._stored.all(), self._dirty)
            undo.pop_all()

    @property
    def cache(self) -> PackCache:
        """What is here of what the object store has."""
        assert self._cache is not None, "it is there as soon as the folder is open"
        return self._cache

    def needed(self, pack_ids: PackIds) -> PackIds:
        """Those of these packs that a tape here holds or refers to: they must not be lost."""
        with storing():
            return self._sharing.needed(pack_ids)

    def close(self) -> None:
        """Close what is open and let go of the folder's files."""
        with ExitStack() as stack, storing():
            stack.callback(self._catalog.close)
            stack.callback(self._sharing.close)
            stack.callback(self.cache.close)
            for cartridge in self._open.values():
                stack.callback(cartridge.close)

    @contextmanager
    def _claim(
        self, barcode: str, *, visit: bool = False, deleted: bool = False
    ) -> Iterator[TapeRow]:
        """Have a tape that is not in use to oneself; if `deleted`, one that was deleted too."""
        with self._claims.claim(barcode, visit=visit):
            row = self._row(barcode, deleted=deleted)
            if self._held(barcode) is not None:
                raise InUseError(f"tape {barcode} is in use")
            yield row

    def _row(self, barcode: str, *, deleted: bool = False) -> TapeRow:
        row = self._tapes.get(barcode)
        if row is None or (row.deleted and not deleted):
            raise MediumError(f"there is no tape {barcode}")
        if barcode in self._unlabelled:
            raise DamagedError(f"tape {barcode} cannot be used: {row.damage}")
        return row

    def _put(self, row: TapeRow) -> None:
        self._catalog.put_tape(row)
        self._tapes[row.barcode] = row

    def _note_damage(self, row: TapeRow, damage: str | None) -> None:
        if damage != row.damage:
            self._catalog.put_damage(row.barcode, damage)
            self._tapes[row.barcode] = row._replace(damage=damage)

    def _load(self, row: TapeRow) -> Cartridge:
        worm = says_worm(self._files, self._tapes_folder / row.barcode)
        blank = AttributesFrame(capacity_0=row.capacity_bytes, worm=worm)
        known = self._catalog.known(row.barcode)
        follow = partial(self._catalog.follow, row.barcode)
        return Cartridge(self._keyring.unlocked(self._folder(row)), blank, known, follow)

    def _folder(self, row: TapeRow) -> TapeFolder:
        return TapeFolder(
            self._files,
            self._tapes_folder / row.barcode,
            self._key,
            row.tape_id,
            row.barcode,
            self._segment_bytes,
            shared=self._sharing.of(row.barcode),
            dedup=self._sharing.dedup(row.barcode, row.tape_id),
            dirty=self._dirty,
            cache=self.cache,
            told=partial(self._told, row.barcode),
        )

    def _forget(self, pack_ids: Collection[bytes]) -> None:
        """Nobody needs these packs any more, and their segments are gone."""
        self._dirty.forget(pack_ids)
        with suppress(CatalogError):
            if self._cache is None:
                self._stored.forget(pack_ids)  # Its copies go when it looks around.
            else:
                self._cache.forget(pack_ids)

    def _forget_strays(self, barcode: str | None = None) -> None:
        """Forget what the store has, of that tape or of all, and nothing here needs any more.

        It was overwritten while it was sent, or a crash came before it was forgotten.
        """
        if strays := self._stored.strays(barcode):
            self._forget(strays.difference(self._sharing.needed(strays)))

    def _volume(self, row: TapeRow) -> Volume:
        barcode = row.barcode
        dirty_bytes = self._dirty.of(barcode).size_bytes
        return volume_of(row, self._held(barcode), self.uploads.of(barcode), dirty_bytes)

    def _held(self, barcode: str) -> Cartridge | None:
        """The cartridge of a tape that is in use."""
        held = self._open.get(barcode)
        return held if held is not None and not held.closed else None

    def _sweep(self, row: TapeRow) -> None:
        """Delete the segments and the key of a deleted tape, and say so on its label first."""
        folder = self._tapes_folder / row.barcode
        try:
            names = self._files.listdir(folder)
        except FileNotFoundError:
            return  # Somebody took the folder away: nothing of the tape is left to delete.
        if not says_deleted(self._files, folder):
            write_label(self._files, folder, label_of(row))
        for name in {KEY_FILE, EVICTED}.intersection(names):
            self._files.unlink(folder / name)
        segments = [name for name in names if SEGMENT_NAME.fullmatch(name)]
        self._sharing.delete(row.barcode, segments, self._stored.of(row.barcode))

    def _adopt_all(self) -> None:
        """Take up tapes that have a folder and no row: a crash or a lost catalog left them so."""
        there = set(self._files.listdir(self._tapes_folder))
        for row in self._tapes.values():
            if row.deleted:
                self._sweep(row)
        for barcode in sorted(there - self._tapes.keys()):
            self._adopt(barcode)

    def _adopt(self, barcode: str) -> None:
        folder = self._tapes_folder / barcode
        try:
            if not has_tape(self._files, folder):
                return  # A crash came before the label: no tape was promised.
            row = row_of(read_label(self._files, folder))
        except NotADirectoryError:
            return
        except (DamageError, OSError) as error:
            self._list_unlabelled(barcode, error)
            return
        self._put(row)
        if row.deleted:
            self._sweep(row)
        else:
            self._look_into(row)

    def _look_into(self, row: TapeRow) -> None:
        """Load a tape and close it again: then the catalog knows what is on it.

        A tape whose key is not here has to wait.
        """
        try:
            cartridge = self._load(row)
        except ShreddedError:
            self._note_damage(row, SHREDDED)
            return
        except LockedError:
            return
        except (MediumError, DamageError) as error:
            self._note_damage(row, str(error))
            return
        protected = cartridge.attributes.write_protected
        row = row._replace(used_bytes=cartridge.used_bytes, write_protected=protected)
        self._put(row)
        self._note_damage(row, cartridge.damage)
        cartridge.close()

    def _list_unlabelled(self, barcode: str, error: Exception) -> None:
        """List a tape by what its segments tell of it; it cannot be used without its label."""
        known = row_from_segments(self._files, self._tapes_folder / barcode)
        reason = f"{error}; `pyvtl store check --repair` makes the label anew"
        self._tapes[barcode] = self._unlabelled[barcode] = known._replace(damage=reason)

    def _visit(self, row: TapeRow) -> None:
        """Load a tape that nobody uses if its folder has what the catalog does not know of."""
        with storing():
            known = self._catalog.known(row.barcode)
            closed = {pack_id for pack_id, fact in known.items() if fact.pack is not None}
            if closed.issuperset(map(pack_id_of, segment_names(self._folder(row)))):
                return
        with suppress(InUseError), self._claim(row.barcode, visit=True), storing():
            cartridge = self._load(row)
            self._note_damage(row, cartridge.damage)
            cartridge.close()

    def _backlog(self, row: TapeRow) -> Backlog | None:
        if row.barcode in self._unlabelled or (
            not row.deleted and self.uploads.fenced(row.barcode) is not None
        ):
            return None
        if row.deleted and self._claims.taken(row.barcode):
            return None  # Its segments are just being deleted.
        state, dirty = self.uploads.of(row.barcode), self._dirty.of(row.barcode)
        return backlog_of(row, dirty, state, self._held(row.barcode))
