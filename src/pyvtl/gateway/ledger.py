"""What the gateway knows of tapes beyond their data: state, pool, tags, policies.  SQLite.

It lies in the data folder beside the catalog, with a version of its own.  Nothing else keeps these
facts, so each change is durable before it counts.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any, Final

from pyvtl.gateway.errors import StorageError, TapeNotFoundError, TokenReusedError
from pyvtl.gateway.states import Happening, Status, after

LEDGER: Final = "gateway.sqlite3"
SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE tapes (
    barcode TEXT PRIMARY KEY, status TEXT NOT NULL, capacity_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL, pool TEXT NOT NULL, worm INTEGER NOT NULL,
    pool_entered_at INTEGER, retention_started_at INTEGER, retention_lock TEXT NOT NULL,
    locked_until INTEGER, used_bytes INTEGER NOT NULL, archived INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pools (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, storage_class TEXT NOT NULL,
    retention_lock TEXT NOT NULL, lock_days INTEGER NOT NULL, status TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE rules (
    prefix TEXT PRIMARY KEY, pool TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    minimum INTEGER NOT NULL, worm INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tags (
    resource TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (resource, key)
) WITHOUT ROWID;
CREATE TABLE tokens (
    token TEXT PRIMARY KEY, request TEXT NOT NULL, barcodes TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
PUT_TAPE: Final = "INSERT OR REPLACE INTO tapes VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
PUT_POOL: Final = "INSERT OR REPLACE INTO pools VALUES (?,?,?,?,?,?)"
PUT_TAG: Final = "INSERT OR REPLACE INTO tags VALUES (?,?,?)"
UNMAKE: Final = """
DELETE FROM tokens WHERE EXISTS (SELECT 1 FROM json_each(tokens.barcodes) WHERE value=?)
"""
CREATION_DUE: Final = "a tape was imported, and automatic creation has not looked since"


@dataclass(frozen=True, slots=True)
class TapeRecord:
    """A tape that is here, or on its way from or to here.  Times count seconds since 1970.

    `retention_lock` and `locked_until` are those that it was archived under.  `used_bytes` counts
    while nothing of it is here; what is DELETING of an `archived` tape is its archive, and one that
    is ARCHIVED was to be retrieved, which was cancelled.  One that is RETRIEVING and not `archived`
    comes from a recovery point.
    """

    barcode: str
    status: Status
    capacity_bytes: int
    created_at: int
    pool: str
    worm: bool = False
    pool_entered_at: int | None = None
    retention_started_at: int | None = None
    retention_lock: str = "NONE"
    locked_until: int | None = None
    used_bytes: int = 0
    archived: bool = False

    @property
    def is_of_archive(self) -> bool:
        """Whether it is in the archive alone: this gateway lets go of it, or deletes it there."""
        return self.status is Status.ARCHIVED or (self.status is Status.DELETING and self.archived)


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """A custom pool; `lock_days` counts from when a tape is archived."""

    id: str
    name: str
    storage_class: str
    retention_lock: str
    lock_days: int
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Rule:
    """So many tapes at least whose barcodes begin with `prefix` lie in import/export slots."""

    prefix: str
    pool: str
    size_bytes: int
    minimum: int
    worm: bool = False


class Ledger:
    """One per data folder; may be used from any thread, and blocks on the disk but where noted.

    Raises StorageError when the disk fails; then nothing has changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path / LEDGER
        self._lock = RLock()
        with self._failing(), ExitStack() as undo:
            self._db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            undo.callback(self._db.close)
            self._prepare()
            rows = self._db.execute("SELECT * FROM tapes").fetchall()
            undo.pop_all()
        self._tapes: Mapping[str, TapeRecord] = {row[0]: _tape(row) for row in rows}

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise StorageError(
                f"{self._path} has version {version}, this program knows {SCHEMA_VERSION}: run the"
                " version of pyvtl that wrote it"
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock, self._failing():
            self._db.close()

    # Tapes

    def tapes(self) -> Mapping[str, TapeRecord]:
        """All tapes by barcode, from memory; the mapping never changes."""
        return self._tapes

    def find(self, barcode: str) -> TapeRecord | None:
        """A tape, if it is known, from memory."""
        return self._tapes.get(barcode)

    def tape(self, barcode: str) -> TapeRecord:
        """A tape, from memory; TapeNotFoundError."""
        record = self._tapes.get(barcode)
        if record is None:
            raise TapeNotFoundError(f"there is no tape {barcode}")
        return record

    def put(self, records: Collection[TapeRecord]) -> None:
        """Add tapes, or replace what is known of them, all or none."""
        with self._transaction(put=records) as db:
            db.executemany(PUT_TAPE, [astuple(record) for record in records])

    def move(self, barcode: str, happening: Happening, **changes: Any) -> TapeRecord:
        """Let something happen to a tape; one that is DELETED then is forgotten in the same step.

        Raises WrongStatusError, TapeNotFoundError.
        """
        with self._lock:
            before = self.tape(barcode)
            status = after(barcode, before.status, happening)
            record = replace(before, status=status, **changes)
            if status is Status.DELETED:
                # Not kept first and forgotten then: a crash in between would leave it for ever.
                self.forget(barcode)
            else:
                self.put([record])
            return record

    def amend(self, barcode: str, **changes: Any) -> TapeRecord:
        """Change what is known of a tape, but not its status; TapeNotFoundError."""
        with self._lock:
            record = replace(self.tape(barcode), **changes)
            self.put([record])
            return record

    def forget(self, barcode: str) -> None:
        """The tape is no longer this gateway's affair, and neither are its tags."""
        with self._transaction(gone=[barcode]) as db:
            _forget(db, barcode)

    def begin(
        self,
        records: Sequence[TapeRecord],
        tags: Mapping[str, str],
        token: str | None,
        request: str,
    ) -> None:
        """Note that tapes are being made, for which request and with which tags, all or none."""
        with self._transaction(put=records) as db:
            db.executemany(PUT_TAPE, [astuple(record) for record in records])
            names = [record.barcode for record in records]
            rows = [(f"tape/{name}", *tag) for name in names for tag in tags.items()]
            db.executemany(PUT_TAG, rows)
            if token is not None:
                values = (token, request, json.dumps(names))
                db.execute("INSERT INTO tokens VALUES (?,?,?)", values)

    def undo(self, barcodes: Sequence[str]) -> None:
        """As if these tapes had never been asked for, with whatever client token."""
        with self._transaction(gone=barcodes) as db:
            for barcode in barcodes:
                _forget(db, barcode)
                db.execute(UNMAKE, (barcode,))

    def made_for(self, token: str | None, request: str) -> list[str] | None:
        """The barcodes that a client token stands for; TokenReusedError if for another request."""
        if token is None:
            return None
        rows = self._query("SELECT request, barcodes FROM tokens WHERE token=?", token)
        if not rows:
            return None
        if rows[0][0] != request:
            raise TokenReusedError(
                f"the client token {token} was used for another request: take a new one"
            )
        barcodes: list[str] = json.loads(rows[0][1])
        return barcodes

    # Pools and rules

    def pools(self) -> list[PoolRecord]:
        """All custom pools, the deleted ones too, by id."""
        return [PoolRecord(*row) for row in self._query("SELECT * FROM pools ORDER BY id")]

    def put_pools(self, pools: Collection[PoolRecord]) -> None:
        """Add pools, or replace what is known of them."""
        with self._transaction() as db:
            db.executemany(PUT_POOL, [astuple(pool) for pool in pools])

    def rules(self) -> list[Rule]:
        """The rules of automatic tape creation, by prefix."""
        rows = self._query("SELECT * FROM rules ORDER BY prefix")
        return [Rule(row[0], row[1], row[2], row[3], worm=bool(row[4])) for row in rows]

    def set_rules(self, rules: Collection[Rule]) -> None:
        """Replace all rules."""
        with self._transaction() as db:
            db.execute("DELETE FROM rules")
            db.executemany(
                "INSERT INTO rules VALUES (?,?,?,?,?)", [astuple(rule) for rule in rules]
            )

    def note(self, fact: str) -> None:
        """Remember a fact until it is `settled`."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO facts VALUES (?)", (fact,))

    def settled(self, fact: str) -> None:
        """Forget a fact."""
        with self._transaction() as db:
            db.execute("DELETE FROM facts WHERE name=?", (fact,))

    def holds(self, fact: str) -> bool:
        """Whether a fact is remembered."""
        return bool(self._query("SELECT 1 FROM facts WHERE name=?", fact))

    # Tags

    def tags(self, resource: str) -> dict[str, str]:
        """The tags of a resource, by key."""
        rows = self._query("SELECT key, value FROM tags WHERE resource=? ORDER BY key", resource)
        return dict(rows)

    def retag(self, resource: str, tags: Mapping[str, str]) -> None:
        """Have these tags and no others."""
        with self._transaction() as db:
            db.execute("DELETE FROM tags WHERE resource=?", (resource,))
            db.executemany(PUT_TAG, [(resource, *tag) for tag in tags.items()])

    # SQLite

    def _query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._failing():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(
        self, put: Collection[TapeRecord] = (), gone: Collection[str] = ()
    ) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is done in the block, durable after it; tapes of which it tells.

        What is in memory changes after what is on the disk.
        """
        with self._lock, self._failing():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            kept = {name: tape for name, tape in self._tapes.items() if name not in gone}
            self._tapes = {**kept, **{record.barcode: record for record in put}}

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(f"{self._path}: {error}") from error


def _forget(db: sqlite3.Connection, barcode: str) -> None:
    db.execute("DELETE FROM tapes WHERE barcode=?", (barcode,))
    db.execute("DELETE FROM tags WHERE resource=?", (f"tape/{barcode}",))


def _tape(row: tuple[Any, ...]) -> TapeRecord:
    record = TapeRecord(row[0], Status(row[1]), *row[2:])
    return replace(record, worm=bool(record.worm), archived=bool(record.archived))
