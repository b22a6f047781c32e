"""All cartridges of a data folder: make, open, list and delete them, and keep where they lie."""

import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from pyvtl.media.at_rest import TapeAtRest, tape_at_rest
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.claims import Claims, InUseError
from pyvtl.media.inventory import Moves, Place
from pyvtl.media.medium import Attributes, DamagedError, MediumError
from pyvtl.media.snapshot import Backlog, backlog_of, snapshot_of
from pyvtl.media.storing import advising, storing
from pyvtl.media.upload_state import UploadStates
from pyvtl.media.volume import SHREDDED, Volume, label_of, volume_of
from pyvtl.store.block_index import ENTRIES
from pyvtl.store.catalog import Catalog, PlaceRow, TapeRow
from pyvtl.store.dedup import Scope
from pyvtl.store.dirty import DirtyPacks
from pyvtl.store.errors import (
    DamageError,
    LockedError,
    ShreddedError,
)
from pyvtl.store.files import FileLayer, LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.keys import KEY_FILE, Keyring, Secret, is_encrypted
from pyvtl.store.loading import SEGMENT_BYTES, SEGMENT_NAME, TapeFolder, segment_names
from pyvtl.store.references import SUFFIX, pack_id_of
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
from pyvtl.store.stored import StoredPack

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
        self._claims = Claims()
        self._dirty = DirtyPacks()
        with storing(), advising(path), ExitStack() as undo:
            self._files.mkdir(self._tapes_folder)
            self._keyring = Keyring(self._files, path, secret)
            self._key = repository_key(self._files, path)
            self._catalog = Catalog(path / CATALOG)
            undo.callback(self._catalog.close)
            self._sharing = Sharing(
                self._files, path, self._catalog, dedup, dedup_entries, gone=self._dirty.forget
            )
            undo.callback(self._sharing.close)
            self._tapes = {row.barcode: row for row in self._catalog.tapes()}
            self._adopt_all()
            self._uploads = UploadStates(
                self._files, self._tapes_folder, self._catalog, self._dirty
            )
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

    def snapshot(self, barcode: str) -> TapeAtRest | None:
        """The closed packs of a tape, also while a drive writes it; None where there are none yet.

        MediumError if it was deleted.
        """
        row = self._row(barcode)
        self._visit(row)
        with storing():
            self._catalog.settle()
            known, generation = self._catalog.known(barcode), self._catalog.generation(barcode)
            damage = self._tapes[barcode].damage
            return snapshot_of(self._folder(row), label_of(row), known, generation, damage)

    def label(self, barcode: str) -> Label:
        """The label of a tape, also of a deleted one."""
        return label_of(self._tapes[barcode])

    def pushing(self, barcode: str) -> None:
        """The store is about to hear of the tape: if it is deleted, it has to hear that too."""
        with storing():
            self._uploads.begin(barcode)

    def put_stored(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """The store has a recovery point that lists these packs: they are clean from now on."""
        with storing():
            self._uploads.put_stored(barcode, packs)

    def buried(self, barcode: str) -> None:
        """The store knows that the tape was deleted."""
        with storing():
            self._uploads.forget(barcode)

    @property
    def dirty_bytes(self) -> int:
        """What lies on this disk and in no store; costs nothing to ask."""
        return self._dirty.total.size_bytes

    def backlog(self) -> list[Backlog]:
        """The tapes of which the store lacks something; asks no disk."""
        found = (self._backlog(row) for row in list(self._tapes.values()))
        return [each for each in found if each is not None]

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
    def _claim(self, barcode: str, *, visit: bool = False) -> Iterator[TapeRow]:
        """Have a tape that is not in use to oneself."""
        with self._claims.claim(barcode, visit=visit):
            row = self._row(barcode)
            if self._held(barcode) is not None:
                raise InUseError(f"tape {barcode} is in use")
            yield row

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
        if row.barcode in self._unlabelled:
            return None
        state, dirty = self._uploads.of(row.barcode), self._dirty.of(row.barcode)
        return backlog_of(row, dirty, state, self._held(row.barcode))

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
            dirty=self._dirty,
        )

    def _volume(self, row: TapeRow) -> Volume:
        return volume_of(row, self._held(row.barcode))

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
