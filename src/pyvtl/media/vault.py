"""All cartridges of a data folder: make, open, list and delete them, and keep where they lie."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

from pyvtl.media.at_rest import TapeAtRest, tape_at_rest
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
from pyvtl.store.files import FileLayer, LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.keys import KEY_FILE, Keyring, Secret, is_encrypted
from pyvtl.store.loading import SEGMENT_BYTES, SEGMENT_NAME, TapeFolder
from pyvtl.store.references import SUFFIX
from pyvtl.store.relabelling import label_from_segments
from pyvtl.store.repository import (
    LABEL,
    TAPES,
    Label,
    read_label,
    repository_key,
    write_label,
)
from pyvtl.store.sharing import Sharing

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
    ) -> None:
        """With `encrypt` new tapes are encrypted, which takes a `secret`, as opening them does.

        A secret that is not that of the folder raises MediumError before anything is changed.
        """
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
            self._sharing = Sharing(self._files, path, self._catalog, dedup, dedup_entries)
            undo.callback(self._sharing.close)
            self._tapes = {row.barcode: row for row in self._catalog.tapes()}
            self._adopt_all()
            undo.pop_all()

    def create(self, barcode: str, capacity_bytes: int, *, worm: bool = False) -> Volume:
        """Make a blank tape; it lies nowhere yet.  A barcode is never used twice: MediumError.

        A `worm` tape can only be appended to, for ever.
        """
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
            label = replace(label_of(row), encrypted=self._encrypt, worm=worm)
            write_label(self._files, folder, label)
            self._put(row)
        return self._volume(row)

    def open(self, barcode: str, *, read_only: bool = False) -> Cartridge:
        """Load a tape: it is recovered if a crash interrupted it.  Once at a time.

        One that is `read_only` shows itself write-protected, and nothing on it changes.
        """
        with self._claim(barcode) as row, storing():
            cartridge = self._load(row)
            cartridge.read_only = read_only
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
            label = replace(label_of(row), worm=self.is_worm(barcode))
            return tape_at_rest(self._folder(row), label, self._catalog.known(barcode))

    def is_worm(self, barcode: str) -> bool:
        """Whether the label of a tape says that it can only be appended to.

        What is written on a tape says so too: a label that is lost unsets nothing there.
        """
        try:
            return read_label(self._files, self._tapes_folder / barcode).worm
        except (DamageError, FileNotFoundError):
            return False

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

    def take_in(self, label: Label, draft: Path) -> None:
        """Have a tape whose segments lie in `draft`, also one that was let go of by `delete`.

        Once more is no error.
        """
        folder = self._tapes_folder / label.barcode
        with storing():
            self._files.mkdir(folder)
            self._files.sync_folder(self._tapes_folder)
            for name in self._files.listdir(draft):
                self._files.rename(draft / name, folder / name)
            self._files.sync_folder(folder)
            names = [name for name in self._files.listdir(folder) if SEGMENT_NAME.fullmatch(name)]
            self._sharing.take_back(names)
            write_label(self._files, folder, label)
            row = _row_of(label)
            self._put(row)
            self._look_into(row)

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
        blank = AttributesFrame(capacity_0=row.capacity_bytes, worm=self.is_worm(row.barcode))
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
        )

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
        if not self._says_deleted(folder):
            write_label(self._files, folder, label_of(row))
        if KEY_FILE in names:
            self._files.unlink(folder / KEY_FILE)
        self._sharing.delete(row.barcode, [n for n in names if SEGMENT_NAME.fullmatch(n)])

    def _says_deleted(self, folder: Path) -> bool:
        """Whether the label in a folder can be read, and says that the tape was deleted."""
        try:
            return read_label(self._files, folder).deleted
        except (DamageError, FileNotFoundError):
            return False

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
            if not any(_counts(name) for name in self._files.listdir(folder)):
                return  # A crash came before the label: no tape was promised.
            row = _row_of(read_label(self._files, folder))
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
        self._note_damage(row, cartridge.damage)
        cartridge.close()

    def _list_unlabelled(self, barcode: str, error: Exception) -> None:
        """List a tape by what its segments tell of it; it cannot be used without its label."""
        known = self._remade(barcode) or TapeRow(barcode, bytes(16), 0, 0)
        reason = f"{error}; `pyvtl store check --repair` makes the label anew"
        self._tapes[barcode] = self._unlabelled[barcode] = known._replace(damage=reason)

    def _remade(self, barcode: str) -> TapeRow | None:
        folder = TapeFolder(self._files, self._tapes_folder / barcode, self._key, b"", barcode)
        try:
            label = label_from_segments(folder)
        except OSError:
            return None
        return None if label is None else _row_of(label)


@contextmanager
def _advising(path: Path) -> Iterator[None]:
    """Let an error of the catalog say how to make it anew."""
    try:
        yield
    except CatalogError as error:
        remedy = f"`pyvtl store rebuild-catalog --data-dir {path}` makes it anew from the tapes"
        raise CatalogError(f"{error}; {remedy}") from error


def _counts(name: str) -> bool:
    """Whether a file in the folder of a tape shows that there is one."""
    return name == LABEL or name.endswith(SUFFIX)


def _row_of(label: Label) -> TapeRow:
    return TapeRow(
        label.barcode,
        bytes.fromhex(label.tape_id),
        label.capacity_bytes,
        label.created_at,
        label.deleted,
    )


@contextmanager
def storing() -> Iterator[None]:
    """Turn what a disk or the catalog fails with into the medium's error."""
    try:
        yield
    except LockedError as error:
        raise MediumError(str(error)) from error
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error
