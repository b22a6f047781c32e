"""All cartridges of a data folder: make, open, list and delete them, and keep where they lie."""

import json
import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import replace

from pyvtl.media.adoption import row_of, says_worm
from pyvtl.media.at_rest import TapeAtRest, tape_at_rest
from pyvtl.media.attaching import TapeAway, TapeBrought, attach, take_in, take_in_others
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.copying import copy_objects
from pyvtl.media.inventory import Moves, Place
from pyvtl.media.medium import Attributes, MediumError
from pyvtl.media.shelf import Shelf
from pyvtl.media.snapshot import Backlog, snapshot_of
from pyvtl.media.storing import storing
from pyvtl.media.volume import SHREDDED, Volume, label_of
from pyvtl.store.catalog import PlaceRow, TapeRow
from pyvtl.store.keys import is_encrypted
from pyvtl.store.repository import (
    Label,
    write_label,
)
from pyvtl.store.stored import StoredPack, archive_of
from pyvtl.store.tape_map import Pack


class Vault(Shelf):
    """One process at a time uses a data folder.  May be called from any thread; blocks on disks.

    Raises MediumError when there is no such tape, StorageFailedError when the disk fails.
    """

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
            self._check_not_fenced(barcode)
            cartridge = self._load(row)
            cartridge.read_only = read_only
            self._note_damage(row, cartridge.damage)
            self._open[barcode] = cartridge
        return cartridge

    def _check_not_fenced(self, barcode: str) -> None:
        if (owner := self.uploads.fenced(barcode)) is not None:
            raise MediumError(f"tape {barcode} is fenced: {owner}")

    def fence(self, barcode: str, reason: str) -> None:
        """Somebody else has the tape now: it cannot be opened again, and all of it stays here."""
        self.uploads.fence(barcode, reason)
        with storing():
            self.cache.pin(barcode)

    def recover(self, barcode: str, new: str) -> None:
        """Copy what is here of a fenced tape, which is in no drive, to a new tape.

        MediumError when it is not fenced, when `new` is taken, or when it cannot be read.
        """
        if self.uploads.fenced(barcode) is None:
            raise MediumError(f"tape {barcode} is not fenced: there is nothing to recover")
        with self._claim(barcode) as row, storing():
            source = self._load(row)
            self.create(new, row.capacity_bytes)
            made = self._tapes[new]
            try:
                # Until it is whole, the next start deletes what a kill left of it.
                self._catalog.put_tape(made._replace(deleted=True))
                with closing(self.open(new)) as target:
                    copy_objects(source, target)
                self._catalog.settle()
                self._put(made._replace(used_bytes=target.used_bytes))
            except BaseException:
                self.delete(new)
                raise
            finally:
                source.close()

    def protect(self, barcode: str, write_protected: bool) -> None:
        """Set the write protection of a tape that is not in use; who wants it then waits."""
        with self._claim(barcode, visit=True) as row, storing():
            self._check_not_fenced(barcode)
            with closing(self._load(row)) as cartridge:
                self._note_damage(row, cartridge.damage)
                cartridge.set_attributes(Attributes(write_protected=write_protected))

    def at_rest(self, barcode: str) -> TapeAtRest:
        """What a tape that is not in use consists of; MediumError if its key is not given."""
        with self._claim(barcode) as row, storing():
            tape = tape_at_rest(
                self._folder(row),
                label_of(row),
                self._catalog.known(barcode),
                self._keyring,
                self._stored.find,
            )
        return replace(tape, needed=self.needed)

    def is_worm(self, barcode: str) -> bool:
        """Whether the label of a tape says that it can only be appended to."""
        return says_worm(self._files, self._tapes_folder / barcode)

    def check_key(self, barcode: str, key: bytes) -> None:
        """Raise MediumError unless the key given opens what a `key.json` wraps."""
        with storing():
            self._keyring.unwrap(barcode, json.loads(key))

    def snapshot(self, barcode: str) -> TapeAtRest | None:
        """The closed packs of a tape, also while a drive writes it; None where there are none yet.

        MediumError if it was deleted.
        """
        row = self._row(barcode)
        if row.damage != SHREDDED:  # What a crash left of it open stays so: it takes the key.
            self._visit(row)
        with storing():
            self._catalog.settle()
            tape = snapshot_of(
                self._folder(row),
                label_of(self._tapes[barcode]),
                self._catalog.known(barcode),
                self._catalog.generation(barcode),
                self._tapes[barcode].damage,
                stored=self._stored.find,
            )
        return None if tape is None else replace(tape, needed=self.needed)

    def label(self, barcode: str) -> Label:
        """The label of a tape, also of a deleted one."""
        return label_of(self._tapes[barcode])

    @property
    def dirty_bytes(self) -> int:
        """What lies on this disk and waits for the store; costs nothing to ask.

        What is here of a tape that somebody else has waits for nothing.
        """
        fenced = sum(self._dirty.of(barcode).size_bytes for barcode in self.uploads.fenced_barcodes)
        return self._dirty.total.size_bytes - fenced

    def backlog(self) -> list[Backlog]:
        """The tapes of which the store lacks something; asks no disk."""
        found = (self._backlog(row) for row in list(self._tapes.values()))
        return [each for each in found if each is not None]

    def labels(self) -> list[Label]:
        """The labels of all tapes, the deleted ones too, by barcode; none that cannot be read."""
        tapes = list(self._tapes.items())  # Others are made meanwhile.
        rows = [row for name, row in tapes if name not in self._unlabelled]
        return [label_of(row) for row in sorted(rows)]

    def delete(self, barcode: str) -> None:
        """Delete a tape that is not in use, and all that is on it.

        Once more it deletes what an error has left of it.
        """
        with self._claim(barcode, deleted=True) as row, storing():
            self.cache.leave(archive_of(barcode))  # First: what others need of it is no copy then.
            deleted = row._replace(deleted=True, used_bytes=0, damage=None)
            self._put(deleted)
            self._catalog.forget_packs(barcode)
            self._sweep(deleted)
            self.cache.unpin(barcode)

    def put_stored(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """The store has a recovery point that lists these packs: they are clean from now on."""
        with storing():
            self._stored.put(barcode, packs)
            self.uploads.committed(barcode)
            pack_ids = [pack.pack_id for pack in packs]
            self.cache.cleaned(pack_ids)
            self._dirty.forget(pack_ids)  # Last: until then they count as what lies on this disk.
            self._forget_strays(barcode)

    def attach(
        self,
        label: Label,
        packs: Sequence[Pack],
        stored: Sequence[StoredPack],
        key: bytes | None = None,
    ) -> Volume:
        """Take up a tape that the object store has: its packs, in their order, and where each is.

        Of `stored`, what is none of `packs` are other tapes' packs that they refer to; `key` is
        the `key.json` of an encrypted tape.  What is
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
                attach(self._files, folder, self._catalog, TapeAway(label, packs, stored, key))
                self._put(row)
                self._look_into(row)
        except MediumError:
            if known is None:
                del self._tapes[row.barcode]
            raise
        return self._volume(self._tapes[row.barcode])

    def take_in(self, tape: TapeBrought) -> None:
        """Have a tape whose segments were brought, also one that was let go of by `delete`.

        All of it stays here as long as the tape does.  Once more is no error.
        """
        with storing():
            take_in(self._files, self._tapes_folder, self._catalog, tape)
            row = row_of(tape.label)
            self._put(row)
            self._look_into(row)
            take_in_others(self._files, self._tapes_folder, self._catalog, tape)
            self.cache.pin(row.barcode)  # First: what is stored may go from here.
            self.put_stored(row.barcode, tape.stored)

    @property
    def indexing(self) -> bool:
        """Whether dedup waits for its index, which is being made anew."""
        return self._sharing.indexing

    def shred(self, barcode: str) -> None:
        """Destroy the key of an encrypted tape that is not in use: nobody can read it any more."""
        with self._claim(barcode, visit=True) as row, storing():
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
