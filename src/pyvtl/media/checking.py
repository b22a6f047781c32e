"""Hold all that lies in a data folder against itself; nothing is changed.

Catalog, labels, segments, footers, chains and extents have to say the same of every tape.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pyvtl.media.rescue import barcodes
from pyvtl.media.shelf import CATALOG
from pyvtl.media.upload_state import STATE
from pyvtl.store.catalog import Catalog, TapeRow
from pyvtl.store.contents import TapeContents
from pyvtl.store.errors import CatalogError, DamageError, LockedError
from pyvtl.store.eviction import EVICTED
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.keys import KEY_FILE, Keyring, Secret, is_encrypted
from pyvtl.store.loading import KnownPack, Loaded, TapeFolder, segment_names
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.references import pack_id_of
from pyvtl.store.relabelling import label_from_segments
from pyvtl.store.repository import KEY_SIZE, LABEL, NO_TAPE, TAPES, Label, read_key, read_label
from pyvtl.store.segment_check import SegmentCheck
from pyvtl.store.stored_table import StoredTable


class Repair(StrEnum):
    """What can be mended here, without anything from elsewhere."""

    LABEL = "make the label anew"
    CATALOG = "make the catalog anew from the tapes"
    FOOTER = "write its footer again"
    LOAD = "load the tape, which closes or removes what a crash left"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, of which tape and which pack.

    `harmless` is what a crash leaves and the next start or load puts right by itself.
    """

    barcode: str | None
    what: str
    pack: str | None = None
    repair: Repair | None = None
    harmless: bool = False

    @property
    def is_damage(self) -> bool:
        """Whether a tape is not what it was, and nothing here can mend that."""
        return self.barcode is not None and self.repair is None and not self.harmless


@dataclass(frozen=True, slots=True)
class Amount:
    """How much there is to check."""

    tapes: int
    segments: int
    bytes: int


def amount_of(path: Path) -> Amount:
    """How much lies in a data folder."""
    tapes = barcodes(path)
    segments = [file for name in tapes for file in (path / TAPES / name).glob("*.segment")]
    return Amount(len(tapes), len(segments), sum(file.stat().st_size for file in segments))


class StoreCheck:
    """Checks one data folder that nobody writes.  StorageFailedError when it is none."""

    def __init__(
        self,
        path: Path,
        *,
        read_data: bool = False,
        advance: Callable[[int], object] = lambda _size: None,
        secret: Secret | None = None,
    ) -> None:
        """`advance` is told how many bytes of segments were checked.

        Without the right `secret` hashes and chains of encrypted tapes are not proved.
        """
        self._secret = secret
        self._path, self._read_data, self._advance = path, read_data, advance
        self._files = ReadOnlyFiles()
        self._key: bytes | None = None
        self._rows: Mapping[str, TapeRow] = {}
        self._catalog: Catalog | None = None
        self._kept: Collection[bytes] = ()
        self._stored: Collection[bytes] = ()

    def findings(self) -> Iterator[Finding]:
        """All that is wrong, tape by tape."""
        try:
            self._key = read_key(self._files, self._path)
        except (DamageError, OSError) as error:
            yield Finding(None, f"{error}: no chain and no hash can be proved without it")
        with ExitStack() as stack:
            try:
                self._catalog = stack.enter_context(copied_catalog(self._path))
                yield from map(_of_catalog, self._catalog.faults())
                self._rows = {row.barcode: row for row in self._catalog.tapes()}
                self._kept = CatalogReferences(self._catalog).all_kept()
                self._stored = StoredTable(self._catalog).all()
            except CatalogError as error:
                self._catalog = None
                yield _of_catalog(str(error))
            for barcode in sorted({*self._rows, *barcodes(self._path)}):
                yield from _prudent(list(self._tape(barcode)))

    def _tape(self, barcode: str) -> Iterator[Finding]:
        row = self._rows.get(barcode)
        folder = self._folder(barcode)
        if not folder.path.is_dir():
            if row is not None and not row.deleted:
                yield Finding(barcode, "its folder is missing")
            return
        names = {path.name for path in folder.path.iterdir()}
        yield from self._label(folder, row, names)
        for name in sorted(names - {LABEL, KEY_FILE, EVICTED, STATE, *segment_names(folder)}):
            yield Finding(barcode, f"{name} is no file of a tape", harmless=True)
        if self._deleted(folder, row):
            is_of_none = folder.tape_id.hex() == NO_TAPE
            yield from self._segments(folder, None if is_of_none else self._key)
        elif self._is_encrypted(folder):
            yield from self._encrypted(folder, self._known(barcode))
        else:
            yield from self._segments(folder, self._key)
            yield from self._whole(folder, self._known(barcode))

    def _is_encrypted(self, folder: TapeFolder) -> bool:
        with suppress(DamageError, OSError):  # A label that cannot be read is told by itself.
            return is_encrypted(self._files, folder.path)
        return False

    def _encrypted(self, folder: TapeFolder, known: Mapping[bytes, KnownPack]) -> Iterator[Finding]:
        """As of a plain tape; without its key nothing is proved but CRCs, and nothing mended."""
        key, mendable = None, False
        try:
            folder = self._keyring.unlocked(folder)
            key, mendable = folder.key, True
        except LockedError as error:
            yield Finding(folder.barcode, f"{error}; it is checked by CRC alone", harmless=True)
        except (DamageError, OSError) as error:
            yield Finding(folder.barcode, str(error))
        for finding in (*self._segments(folder, key), *self._whole(folder, known)):
            takes_key = finding.repair in (Repair.FOOTER, Repair.LOAD)
            yield replace(finding, repair=None) if takes_key and not mendable else finding

    @cached_property
    def _keyring(self) -> Keyring:
        return Keyring(self._files, self._path, self._secret)

    def _folder(self, barcode: str) -> TapeFolder:
        """Where a tape lies; its id is empty when nothing tells it."""
        path, row = self._path / TAPES / barcode, self._rows.get(barcode)
        tape_id = b"" if row is None else row.tape_id
        with suppress(DamageError, OSError):
            tape_id = bytes.fromhex(read_label(self._files, path).tape_id)
        return TapeFolder(self._files, path, self._key or bytes(KEY_SIZE), tape_id, barcode)

    def _known(self, barcode: str) -> Mapping[bytes, KnownPack]:
        """What the catalog says of a tape; nothing where it cannot be read, which has been told."""
        if self._catalog is not None:
            with suppress(CatalogError):
                return self._catalog.known(barcode)
        return {}

    def _deleted(self, folder: TapeFolder, row: TapeRow | None) -> bool:
        with suppress(DamageError, OSError):
            return read_label(self._files, folder.path).deleted
        return row is not None and row.deleted

    def _label(self, folder: TapeFolder, row: TapeRow | None, names: set[str]) -> Iterator[Finding]:
        barcode = folder.barcode
        try:
            label = read_label(self._files, folder.path)
        except (DamageError, OSError) as error:
            if row is None and names.isdisjoint({LABEL, *segment_names(folder)}):
                yield Finding(barcode, "its folder holds nothing of a tape", harmless=True)
                return
            can = row is not None or label_from_segments(folder) is not None
            what = f"its label: {error}" if LABEL in names else "its label is missing"
            yield Finding(barcode, what, repair=Repair.LABEL if can else None)
            return
        if self._catalog is None:
            return
        if row is None:
            what = "a crash: the catalog does not list it yet"  # The next start does that.
            yield Finding(barcode, what, repair=Repair.CATALOG, harmless=True)
        elif _facts(label) != _facts_of(row):
            what = "the catalog says otherwise than its label"
            yield Finding(barcode, what, repair=Repair.CATALOG)

    def _segments(self, folder: TapeFolder, key: bytes | None) -> Iterator[Finding]:
        check = SegmentCheck(folder, key, self._read_data, self._advance)
        for name in segment_names(folder):
            pack = pack_id_of(name).hex()
            try:
                for fault in check.faults(name):
                    yield Finding(folder.barcode, fault, pack)
            except (DamageError, OSError) as error:
                yield Finding(folder.barcode, str(error), pack)
            if not self._read_data:
                self._advance((folder.path / name).stat().st_size)

    def _whole(self, folder: TapeFolder, known: Mapping[bytes, KnownPack]) -> Iterator[Finding]:
        """What is wrong between the packs of a tape, and with what the catalog says of them."""
        try:
            here = {pack_id_of(name) for name in segment_names(folder)}
            contents = TapeContents(folder, _not_proved_here(known, here))
        except (DamageError, OSError) as error:
            yield Finding(folder.barcode, str(error))
            return
        with closing(contents):
            for what in (*contents.damage, *contents.gaps()):
                yield Finding(folder.barcode, what)
            for kept in self._kept:
                contents.loaded.leftovers.pop(kept, None)
            yield from _gone(folder, contents.loaded, self._stored)
            packs = _Packs(folder.barcode, contents.loaded, known)
            yield from packs.against_catalog()
            yield from packs.leftovers()


@dataclass(frozen=True, slots=True)
class _Packs:
    """The packs of a tape as its segments tell them, and as the catalog does."""

    barcode: str
    loaded: Loaded
    known: Mapping[bytes, KnownPack]

    def against_catalog(self) -> Iterator[Finding]:
        """Where the catalog says otherwise than the segments."""
        there, newest = {pack.pack_id: pack for pack in self.loaded.packs}, self._newest()
        for pack_id, fact in self.known.items():
            pack, found = fact.pack, there.get(pack_id)
            if pack is None or pack.generation < newest or pack == found:
                continue
            if found is None:
                yield self._told(pack_id, "the catalog knows it, and it cannot be read")
            elif pack_id in self.loaded.leftovers:
                yield self._told(pack_id, "it ends before the place where it was closed")
            else:
                what = "the catalog says otherwise than its footer"
                yield self._told(pack_id, what, Repair.CATALOG)

    def leftovers(self) -> Iterator[Finding]:
        """What a crash left; but a footer that was there, and can be made again, is damage."""
        packs, newest = self.loaded.packs, self._newest()
        followed = {pack.pack_id for pack in packs[:-1]}
        for pack_id, why in self.loaded.leftovers.items():
            fact = self.known.get(pack_id, KnownPack())
            if fact.pack in packs or (fact.pack is None and pack_id in followed):
                yield self._told(pack_id, "its footer is damaged", Repair.FOOTER)
            elif fact.pack is None or fact.pack.generation < newest:
                what = f"a crash: {why}"
                yield Finding(self.barcode, what, pack_id.hex(), Repair.LOAD, harmless=True)

    def _newest(self) -> int:
        return max((pack.generation for pack in self.loaded.packs), default=0)

    def _told(self, pack_id: bytes, what: str, repair: Repair | None = None) -> Finding:
        return Finding(self.barcode, what, pack_id.hex(), repair)


def _gone(folder: TapeFolder, loaded: Loaded, stored: Collection[bytes]) -> Iterator[Finding]:
    """Packs that are referred to, and are neither here nor in the object store."""
    for pack in loaded.packs:
        for target in sorted(pack.references.difference(stored)):
            if folder.references.path_of(target) is None:
                what = f"it refers to pack {target.hex()}, which is missing"
                yield Finding(folder.barcode, what, pack.pack_id.hex())


def _prudent(findings: list[Finding]) -> Iterator[Finding]:
    """Of a tape that has damage, nothing is mended that could cut off what the damage hides."""
    if not any(finding.is_damage for finding in findings):
        yield from findings
        return
    for finding in findings:
        risky = finding.repair is not None and finding.repair is not Repair.LABEL
        yield replace(finding, repair=None) if risky else finding


def _not_proved_here(
    known: Mapping[bytes, KnownPack], here: Collection[bytes]
) -> Mapping[bytes, KnownPack]:
    """What the catalog says that segments cannot tell: how far open ones are synced, and all of
    those that the object store has instead.  Closed ones are read, and compared after that.
    """
    return {
        pack_id: fact if fact.stored and pack_id not in here else _synced(fact)
        for pack_id, fact in known.items()
    }


def _synced(fact: KnownPack) -> KnownPack:
    return KnownPack(None, 0 if fact.pack is not None else fact.synced_to, fact.stored)


def _of_catalog(fault: str) -> Finding:
    return Finding(None, f"the catalog: {fault}", repair=Repair.CATALOG)


@contextmanager
def copied_catalog(path: Path) -> Iterator[Catalog]:
    """A copy of the catalog, which may be opened without changing the folder.  CatalogError."""
    with TemporaryDirectory() as scratch:
        try:
            for ending in ("", "-wal"):
                if ending == "" or (path / (CATALOG + ending)).exists():
                    shutil.copyfile(path / (CATALOG + ending), Path(scratch) / (CATALOG + ending))
            with closing(Catalog(Path(scratch) / CATALOG)) as catalog:
                yield catalog
        except (CatalogError, OSError) as error:
            raise CatalogError(str(error).replace(scratch, str(path))) from error


def _facts(label: Label) -> tuple[str, int, int, bool]:
    return label.tape_id, label.capacity_bytes, label.created_at, label.deleted


def _facts_of(row: TapeRow) -> tuple[str, int, int, bool]:
    return row.tape_id.hex(), row.capacity_bytes, row.created_at, row.deleted
