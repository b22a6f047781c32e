"""The catalog: which tapes there are, what their packs hold, where they lie.  SQLite.

Segments and labels are the truth, and the catalog follows them: a thread of its own writes what
changed about once a second, and what a crash kept from it is found again when a tape is loaded.
Only where tapes lie stands nowhere else: that is committed before it counts.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, RLock, Thread
from typing import Any, NamedTuple

from pyvtl.store.errors import CatalogError
from pyvtl.store.format import AttributesFrame, Commit, Place
from pyvtl.store.index import Extent
from pyvtl.store.loading import KnownPack
from pyvtl.store.tape_map import Pack
from pyvtl.store.writer import Progress

SCHEMA_VERSION = 4
FOLLOW_SECONDS = 1.0
"""How far the catalog may lie behind."""

SCHEMA = """
CREATE TABLE tapes (
    barcode TEXT PRIMARY KEY, tape_id BLOB NOT NULL, capacity_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL, deleted INTEGER NOT NULL, used_bytes INTEGER NOT NULL,
    write_protected INTEGER NOT NULL, damage TEXT
) WITHOUT ROWID;
CREATE TABLE places (
    barcode TEXT PRIMARY KEY, address INTEGER NOT NULL UNIQUE, home INTEGER,
    imported INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE packs (
    pack_id BLOB PRIMARY KEY, barcode TEXT NOT NULL, sequence INTEGER NOT NULL,
    generation INTEGER NOT NULL, sealed INTEGER NOT NULL, length INTEGER NOT NULL,
    chain BLOB NOT NULL, predecessor BLOB NOT NULL, predecessor_length INTEGER NOT NULL,
    predecessor_chain BLOB NOT NULL, commit_payload BLOB, attributes_payload BLOB
) WITHOUT ROWID;
CREATE INDEX packs_of_tape ON packs (barcode, sequence);
CREATE TABLE extents (
    pack_id BLOB NOT NULL REFERENCES packs ON DELETE CASCADE, ordinal INTEGER NOT NULL,
    partition INTEGER NOT NULL, objects INTEGER NOT NULL, filemarks INTEGER NOT NULL,
    bytes INTEGER NOT NULL, block INTEGER NOT NULL, objects_frame INTEGER NOT NULL,
    PRIMARY KEY (pack_id, ordinal)
) WITHOUT ROWID;
"""
REFERENCES = """
CREATE TABLE pack_references (
    holder BLOB NOT NULL, pack_id BLOB NOT NULL, barcode TEXT NOT NULL,
    PRIMARY KEY (holder, pack_id)
) WITHOUT ROWID;
CREATE INDEX references_to ON pack_references (pack_id);
CREATE INDEX references_of ON pack_references (barcode);
CREATE TABLE kept_packs (
    pack_id BLOB PRIMARY KEY, barcode TEXT NOT NULL, sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
STORED = """
CREATE TABLE stored_packs (
    pack_id BLOB PRIMARY KEY, barcode TEXT NOT NULL, gateway TEXT NOT NULL, length INTEGER NOT NULL,
    crc32c INTEGER NOT NULL, map TEXT NOT NULL, map_offset INTEGER NOT NULL,
    map_length INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX stored_packs_of_tape ON stored_packs (barcode);
"""
PINNED = "CREATE TABLE pinned_tapes (barcode TEXT PRIMARY KEY) WITHOUT ROWID;"
ALL_KNOWN = "INSERT INTO facts VALUES ('references');"
UPGRADE = {
    0: SCHEMA + REFERENCES + STORED + PINNED,
    1: REFERENCES + ALL_KNOWN + STORED + PINNED,
    2: STORED + PINNED,
    3: PINNED,
}
"""What makes a catalog of this version of an older one; of version 1 no pack refers to another."""
PACKS = """
SELECT packs.*, stored_packs.pack_id IS NOT NULL FROM packs
LEFT JOIN stored_packs USING (pack_id) WHERE packs.barcode=? ORDER BY packs.sequence
"""
EXTENTS = """
SELECT pack_id, partition, objects, filemarks, bytes, block, objects_frame
FROM extents JOIN packs USING (pack_id) WHERE barcode=? ORDER BY pack_id, ordinal
"""
PUT_TAPE = "INSERT OR REPLACE INTO tapes VALUES (?,?,?,?,?,?,?,?)"
PUT_REFERENCE = "INSERT OR IGNORE INTO pack_references VALUES (?,?,?)"


class TapeRow(NamedTuple):
    """A tape as the catalog lists it.  `created_at` counts seconds since 1970."""

    barcode: str
    tape_id: bytes
    capacity_bytes: int
    created_at: int
    deleted: bool = False
    used_bytes: int = 0
    write_protected: bool = False
    damage: str | None = None


class PlaceRow(NamedTuple):
    """Where a tape lies: element addresses."""

    address: int
    home: int | None = None
    imported: bool = False


class Catalog:
    """One per data folder; may be used from any thread.  Raises CatalogError."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self._path = path
        with self._failing(), ExitStack() as undo:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            undo.callback(self._db.close)
            self._prepare()
            undo.pop_all()
        self._pending: dict[bytes, tuple[str, Progress]] = {}
        self._pending_tapes: dict[str, TapeRow] = {}
        self._pending_lock = Lock()
        self._closing, self._waiting = Event(), Event()
        self._follower = Thread(target=self._follow, name="catalog", daemon=True)
        self._follower.start()

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version in UPGRADE:
            change = f"{UPGRADE[version]}PRAGMA user_version={SCHEMA_VERSION}"
            self._db.executescript(f"BEGIN;{change};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise CatalogError(
                f"{self._path} has version {version}, this program knows {SCHEMA_VERSION}"
            )

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        self._closing.set()
        self._waiting.set()
        self._follower.join()
        self._try_to_settle()
        with self._failing():
            self._db.close()

    def tapes(self) -> list[TapeRow]:
        """All tapes, the deleted ones too, by barcode."""
        self._try_to_settle()
        with self._lock:  # Else what is written now could be in neither.
            rows, pending = self.query("SELECT * FROM tapes"), self._pending_tapes.copy()
        kept = [
            TapeRow(*row)._replace(deleted=bool(row[4]), write_protected=bool(row[6]))
            for row in rows
        ]
        tapes = {row.barcode: row for row in kept} | pending
        return [tapes[barcode] for barcode in sorted(tapes)]

    def faults(self) -> list[str]:
        """What SQLite finds wrong in the file."""
        return [row[0] for row in self.query("PRAGMA quick_check") if row[0] != "ok"]

    def put_tape(self, tape: TapeRow) -> None:
        """Add a tape, or change what the catalog says of it; returns at once."""
        with self._pending_lock:
            self._pending_tapes[tape.barcode] = tape
        self._waiting.set()

    def put_damage(self, barcode: str, damage: str | None) -> None:
        """Note what is wrong with a tape."""
        self.settle()
        with self.transaction() as db:
            db.execute("UPDATE tapes SET damage=? WHERE barcode=?", (damage, barcode))

    def forget_packs(self, barcode: str) -> None:
        """Forget what a tape holds, and where it lies: it was deleted."""
        self.settle()
        with self.transaction() as db:
            db.execute("DELETE FROM packs WHERE barcode=?", (barcode,))
            db.execute("DELETE FROM places WHERE barcode=?", (barcode,))
            db.execute("DELETE FROM pinned_tapes WHERE barcode=?", (barcode,))

    def places(self) -> dict[str, PlaceRow]:
        """Where tapes lie, by barcode."""
        rows = self.query("SELECT barcode, address, home, imported FROM places")
        return {row[0]: PlaceRow(row[1], row[2], bool(row[3])) for row in rows}

    def place(self, moves: Mapping[str, PlaceRow | None]) -> None:
        """Make moves durable, all or none; None takes a tape out of the library."""
        with self.transaction() as db:
            db.executemany("DELETE FROM places WHERE barcode=?", [(name,) for name in moves])
            db.executemany(
                "INSERT INTO places VALUES (?,?,?,?)",
                [(name, *place) for name, place in moves.items() if place is not None],
            )

    def known(self, barcode: str) -> dict[bytes, KnownPack]:
        """What is known of the packs of a tape: whole when sealed, else how far they are synced."""
        self._try_to_settle()
        with self._lock:  # Else a pack that is added now could have no extents.
            found, rows = self.query(EXTENTS, barcode), self.query(PACKS, barcode)
        extents: dict[bytes, list[Extent]] = {}
        for row in found:
            extent = Extent(row[1], Place(*row[2:5]), row[5], row[6])
            extents.setdefault(row[0], []).append(extent)
        return {row[0]: _known_pack(row, extents.get(row[0], [])) for row in rows}

    def generation(self, barcode: str) -> int:
        """The latest generation of a tape of which anything is known."""
        rows = self.query("SELECT max(generation) FROM packs WHERE barcode=?", barcode)
        return rows[0][0] or 0

    def follow(self, barcode: str, progress: Progress) -> None:
        """Take note of what became durable; returns at once."""
        with self._pending_lock:
            self._pending[progress.pack.pack_id] = barcode, progress
        self._waiting.set()

    def settle(self) -> None:
        """Write what is pending."""
        with self._lock:
            with self._pending_lock:
                pending, self._pending = self._pending, {}
                tapes, self._pending_tapes = self._pending_tapes, {}
            try:
                self._write(pending.values(), tapes.values())
            except CatalogError:
                with self._pending_lock:
                    self._pending = pending | self._pending
                    self._pending_tapes = tapes | self._pending_tapes
                raise

    def _write(self, pending: Collection[tuple[str, Progress]], tapes: Collection[TapeRow]) -> None:
        if pending or tapes:
            with self.transaction() as db:
                db.executemany(PUT_TAPE, tapes)
                for barcode, progress in pending:
                    _put_pack(db, barcode, progress)

    def _try_to_settle(self) -> None:
        """Write what is pending if that is possible now: the catalog may lie behind."""
        with suppress(CatalogError):
            self.settle()

    def _follow(self) -> None:
        while not self._closing.is_set():
            self._waiting.wait()
            self._waiting.clear()
            try:
                self.settle()
            except CatalogError:
                self._waiting.set()
            self._closing.wait(FOLLOW_SECONDS)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that a SELECT gives."""
        with self._lock, self._failing():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is done in the block, durable after it."""
        with self._lock, self._failing():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CatalogError(f"{self._path}: {error}") from error


def _known_pack(row: tuple[Any, ...], extents: list[Extent]) -> KnownPack:
    if not row[4]:
        return KnownPack(synced_to=row[5])
    pack = Pack(
        pack_id=row[0],
        sequence=row[2],
        generation=row[3],
        length=row[5],
        chain=row[6],
        predecessor=row[7],
        predecessor_length=row[8],
        predecessor_chain=row[9],
        commit=row[10] and Commit.decode(row[10]),
        attributes=row[11] and AttributesFrame.decode(row[11]),
        extents=tuple(extents),
    )
    return KnownPack(pack, pack.length, stored=bool(row[12]))


def _put_pack(db: sqlite3.Connection, barcode: str, progress: Progress) -> None:
    """Write what became of a pack, and what that says of its tape."""
    pack = progress.pack
    db.execute("DELETE FROM packs WHERE pack_id=?", (pack.pack_id,))
    db.execute(
        "INSERT INTO packs VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            pack.pack_id,
            barcode,
            pack.sequence,
            pack.generation,
            progress.sealed,
            pack.length,
            pack.chain,
            pack.predecessor,
            pack.predecessor_length,
            pack.predecessor_chain,
            pack.commit and pack.commit.encode(),
            pack.attributes and pack.attributes.encode(),
        ),
    )
    db.executemany(
        "INSERT INTO extents VALUES (?,?,?,?,?,?,?,?)",
        [
            (pack.pack_id, number, e.partition, *e.start, e.block, e.objects)
            for number, e in enumerate(pack.extents)
        ],
    )
    db.executemany(PUT_REFERENCE, [(pack.pack_id, target, barcode) for target in pack.references])
    if pack.commit is not None and pack.attributes is not None:
        used = sum(place.bytes for place in pack.commit.places())
        db.execute(
            "UPDATE tapes SET used_bytes=?, write_protected=? WHERE barcode=?",
            (used, pack.attributes.write_protected, barcode),
        )
