"""All cartridges of a data folder: make, open, list and delete them, and keep where they lie."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

from pyvtl.media.adoption import has_tape, row_from_segments, row_of, says_deleted
from pyvtl.media.at_rest import TapeAtRest, tape_at_rest
from pyvtl.media.attaching import TapeAway, attach
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.inventory import Moves, Place
from pyvtl.media.medium import Attributes, DamagedError, MediumError, StorageFailedError
from pyvtl.media.volume import SHREDDED, Volume, label_of, volume_of
from pyvtl.store.block_index import ENTRIES
from pyvtl.store.catalog import Catalog, PlaceRow, TapeRow
from pyvtl.store.dedup import Scope
from pyvtl.store.errors import (
    CatalogError,
    DamageError,
    LockedError,
    ShreddedError,
    StoreError,
)
from pyvtl.store.eviction import EVICTED
from pyvtl.store.files import FileLayer, LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.keys import KEY_FILE, Keyring, Secret, is_encrypted
from pyvtl.store.loading import SEGMENT_BYTES, SEGMENT_NAME, TapeFolder
from pyvtl.store.pack_cache import CacheLimits, PackCache
from pyvtl.store.pack_source import PackSource
from pyvtl.store.repository import (
    TAPES,
    Label,
    read_label,
    repository_key,
    write_label,
)
from pyvtl.store.sharing import Sharing
from pyvtl.store.stored import StoredPack
from pyvtl.store.stored_table import StoredTable
from pyvtl.store.tape_map import Pack

CATALOG = "catalog.sqlite3"


class Vault:
    """One process at a time uses a data folder.  May be called from any thread; blocks on disks.

    Raises MediumError when there is no such tape, StorageFailedError when the disk fails.
    """

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
        self._claimed: set[str] = set()
        self._claiming = Lock()
        with storing(), _advising(path), ExitStack() as undo:
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
            undo.pop_all()

    def create(self, barcode: str, capacity_bytes: int) -> Volume:
        """Make a blank tape; it lies nowhere yet.  A barcode is never used twice: MediumError."""
        if barcode in self._tapes or not barcode.isalnum():
            raise MediumError(
                f"a tape cannot have the barcode {barcode}: it is taken or no barcode"
            )
        row = TapeRow(barcode, secrets.token_bytes(16), capacity_bytes, int(time.time()))
        folder = self._tapes_folder / barcode
        with storing():
            self._files.mkdir(folder)
            self._files.sync_folder(self._tapes_folder)
            if self._encrypt:
                self._keyring.make(folder)
            write_label(self._files, folder, replace(label_of(row), encrypted=self._encrypt))
            self._put(row)
        return self._volume(row)

    def open(self, barcode: str) -> Cartridge:
        """Load a tape: it is recovered if a crash interrupted it.  Once at a time."""
        with self._claim(barcode) as row, storing():
            cartridge = self._load(row)
            self._note_damage(row, cartridge.damage)
            self._open[barcode] = cartridge
        return cartridge

    def protect(self, barcode: str, write_protected: bool) -> None:
        """Set the write protection of a tape that is not in use."""
        cartridge = self.open(barcode)
        try:
            cartridge.set_attributes(Attributes(write_protected=write_protected))
        finally:
            cartridge.close()

    def at_rest(self, barcode: str) -> TapeAtRest:
        """What a tape that is not in use consists of; MediumError if it is encrypted."""
        with self._claim(barcode) as row, storing():
            return tape_at_rest(self._folder(row), label_of(row), self._catalog.known(barcode))

    def labels(self) -> list[Label]:
        """The labels of all tapes, the deleted ones too, by barcode; none that cannot be read."""
        rows = [row for name, row in self._tapes.items() if name not in self._unlabelled]
        return [label_of(row) for row in sorted(rows)]

    def delete(self, barcode: str) -> None:
        """Delete a tape that is not in use, and all that is on it."""
        with self._claim(barcode) as row, storing():
            deleted = row._replace(deleted=True, used_bytes=0, damage=None)
            self._put(deleted)
            self._catalog.forget_packs(barcode)
            self._sweep(deleted)

    @property
    def cache(self) -> PackCache:
        """What is here of what the object store has."""
        assert self._cache is not None, "it is there as soon as the folder is open"
        return self._cache

    def put_stored(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """The store has a recovery point that lists these packs: they are clean from now on."""
        with storing():
            self._stored.put(barcode, packs)
            self.cache.cleaned([pack.pack_id for pack in packs])

    def attach(self, label: Label, packs: Sequence[Pack], stored: Sequence[StoredPack]) -> Volume:
        """Take up a tape that the object store has: its packs, in their order, and where each is.

        Of `stored`, what is none of `packs` are other tapes' packs that they refer to.  What is
        here of the tape already, and nothing there is missing, stays.  MediumError when another
        tape has its barcode, when it was deleted here, or when it is in use.
        """
        known = self._tapes.get(label.barcode)
        if known is not None and (known.deleted or known.tape_id.hex() != label.tape_id):
            raise MediumError(f"another tape has, or had, the barcode {label.barcode} here")
        row = self._tapes.setdefault(label.barcode, row_of(label))
        try:
            with self._claim(row.barcode), storing():
                folder = self._tapes_folder / row.barcode
                attach(self._files, folder, self._catalog, TapeAway(label, packs, stored))
                self._put(row)
                self._look_into(row)
        except MediumError:
            if known is None:
                del self._tapes[row.barcode]
            raise
        return self._volume(self._tapes[row.barcode])

    @property
    def indexing(self) -> bool:
        """Whether dedup waits for its index, which is being made anew."""
        return self._sharing.indexing

    def shred(self, barcode: str) -> None:
        """Destroy the key of an encrypted tape that is not in use: nobody can read it any more."""
        with self._claim(barcode) as row, storing():
            folder = self._tapes_folder / barcode
            if not is_encrypted(self._files, folder):
                raise MediumError(f"tape {barcode} is not encrypted, so there is no key to shred")
            self._keyring.shred(folder)
            self._note_damage(row, SHREDDED)

    def volumes(self) -> list[Volume]:
        """All tapes that are not deleted, by barcode."""
        with storing():
            rows = [*self._catalog.tapes(), *self._unlabelled.values()]
        return [self._volume(row) for row in sorted(rows) if not row.deleted]

    def barcodes(self) -> set[str]:
        """Every barcode that was ever used."""
        return set(self._tapes)

    def places(self) -> dict[str, Place]:
        """Where tapes lie."""
        with storing():
            return {name: Place(*row) for name, row in self._catalog.places().items()}

    def place(self, moves: Moves) -> None:
        """Make moves durable, all or none."""
        with storing():
            self._catalog.place(
                {
                    name: None if to is None else PlaceRow(to.address, to.home, to.imported)
                    for name, to in moves.items()
                }
            )

    def close(self) -> None:
        """Close what is open and let go of the folder's files."""
        with ExitStack() as stack, storing():
            stack.callback(self._catalog.close)
            stack.callback(self._sharing.close)
            stack.callback(self.cache.close)
            for cartridge in self._open.values():
                stack.callback(cartridge.close)

    @contextmanager
    def _claim(self, barcode: str) -> Iterator[TapeRow]:
        """Have a tape that is not in use to oneself: two who write it would both lose."""
        with self._claiming:
            row, held = self._row(barcode), self._open.get(barcode)
            if barcode in self._claimed or (held is not None and not held.closed):
                raise MediumError(f"tape {barcode} is in use")
            self._claimed.add(barcode)
        try:
            yield row
        finally:
            self._claimed.discard(barcode)

    def _row(self, barcode: str) -> TapeRow:
        row = self._tapes.get(barcode)
        if row is None or row.deleted:
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
        blank = AttributesFrame(capacity_0=row.capacity_bytes)
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
            cache=self.cache,
            told=partial(self._told, row.barcode),
        )

    def _forget(self, pack_ids: Collection[bytes]) -> None:
        """Nobody needs these packs any more, and their segments are gone."""
        with suppress(CatalogError):
            if self._cache is None:
                self._stored.forget(pack_ids)  # Its copies go when it looks around.
            else:
                self._cache.forget(pack_ids)

    def _volume(self, row: TapeRow) -> Volume:
        held = self._open.get(row.barcode)
        return volume_of(row, held if held is not None and not held.closed else None)

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


@contextmanager
def _advising(path: Path) -> Iterator[None]:
    """Let an error of the catalog say how to make it anew."""
    try:
        yield
    except CatalogError as error:
        remedy = f"`pyvtl store rebuild-catalog --data-dir {path}` makes it anew from the tapes"
        raise CatalogError(f"{error}; {remedy}") from error


@contextmanager
def storing() -> Iterator[None]:
    """Turn what a disk or the catalog fails with into the medium's error."""
    try:
        yield
    except LockedError as error:
        raise MediumError(str(error)) from error
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error
