"""Which packs refer to which: rows of the catalog, committed before they count."""

from collections.abc import Collection, Iterable

from pyvtl.store.catalog import PUT_REFERENCE, Catalog

CLAIM = """
INSERT OR IGNORE INTO pack_references SELECT ?, ?, ? WHERE
    EXISTS (SELECT 1 FROM packs WHERE pack_id=? AND sealed) OR
    EXISTS (SELECT 1 FROM kept_packs WHERE pack_id=?)
"""
PLACE = """
SELECT barcode, sequence FROM packs WHERE pack_id=?
UNION SELECT barcode, sequence FROM kept_packs WHERE pack_id=?
"""
NEEDED = """
SELECT 1 FROM packs WHERE pack_id=? UNION ALL SELECT 1 FROM kept_packs WHERE pack_id=?
UNION ALL SELECT 1 FROM pack_references WHERE pack_id=?
"""
UNNEEDED = """
DELETE FROM kept_packs WHERE NOT EXISTS
    (SELECT 1 FROM pack_references WHERE pack_references.pack_id = kept_packs.pack_id)
RETURNING barcode, sequence, pack_id
"""
COMPLETE = "references"
"""The fact that all references in all segments have their rows."""


class CatalogReferences:
    """The `ReferenceTable` of a data folder.  Raises CatalogError."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.complete = bool(catalog.query("SELECT 1 FROM facts WHERE name=?", COMPLETE))
        """Unless it is, nothing may be deleted: it is not known what is referred to."""

    def completed(self, rows: Iterable[tuple[bytes, bytes, str]]) -> None:
        """These rows (holder, pack, barcode of the holder) are all that were missing."""
        with self._catalog.transaction() as db:
            db.executemany(PUT_REFERENCE, rows)
            db.execute("INSERT OR IGNORE INTO facts VALUES (?)", (COMPLETE,))
        self.complete = True

    def place_of(self, pack_id: bytes) -> tuple[str, int] | None:
        rows = self._catalog.query(PLACE, pack_id, pack_id)
        return (rows[0][0], rows[0][1]) if rows else None

    def claim(self, barcode: str, holder: bytes, pack_id: bytes) -> bool:
        self._catalog.settle()
        with self._catalog.transaction() as db:
            db.execute(CLAIM, (holder, pack_id, barcode, pack_id, pack_id))
            row = "SELECT 1 FROM pack_references WHERE holder=? AND pack_id=?"
            return db.execute(row, (holder, pack_id)).fetchone() is not None

    def release(self, barcode: str, sequence: int, pack_id: bytes) -> bool:
        self._catalog.settle()
        with self._catalog.transaction() as db:
            db.execute("DELETE FROM packs WHERE pack_id=? AND barcode=?", (pack_id, barcode))
            if db.execute("SELECT 1 FROM packs WHERE pack_id=?", (pack_id,)).fetchone() is not None:
                return False  # Another tape's own: this was one more copy of it.
            needed = "SELECT 1 FROM pack_references WHERE pack_id=?"
            if self.complete and db.execute(needed, (pack_id,)).fetchone() is None:
                return True
            kept = "INSERT OR REPLACE INTO kept_packs VALUES (?,?,?)"
            db.execute(kept, (pack_id, barcode, sequence))
            return False

    def keep(self, barcode: str, pack_ids: Collection[bytes]) -> None:
        """Know packs of tapes that are not here, for as long as any pack refers to them."""
        kept = "INSERT OR IGNORE INTO kept_packs SELECT ?, ?, 0 WHERE NOT EXISTS"
        known = "(SELECT 1 FROM packs WHERE pack_id=?)"
        with self._catalog.transaction() as db:
            db.executemany(f"{kept} {known}", [(p, barcode, p) for p in pack_ids])

    def keep_at(self, barcode: str, places: Collection[tuple[int, bytes]]) -> None:
        """Keep packs that lie in a folder, for as long as any pack refers to them."""
        kept = "INSERT OR IGNORE INTO kept_packs SELECT ?, ?, ? WHERE NOT EXISTS"
        known = "(SELECT 1 FROM packs WHERE pack_id=?)"
        with self._catalog.transaction() as db:
            db.executemany(f"{kept} {known}", [(p, barcode, n, p) for n, p in places])

    def drop(self, holders: Collection[bytes]) -> list[tuple[str, int, bytes]]:
        held = [h for h in holders if self._has_rows(h)]
        if not held or not self.complete:
            return []
        with self._catalog.transaction() as db:
            ids = [(holder,) for holder in held]
            db.executemany("DELETE FROM pack_references WHERE holder=?", ids)
            return [(row[0], row[1], row[2]) for row in db.execute(UNNEEDED).fetchall()]

    def drop_unneeded(self) -> list[tuple[str, int, bytes]]:
        """As `drop`: what a crash kept from being deleted when its last row went."""
        if not self.complete:
            return []
        with self._catalog.transaction() as db:
            return [(row[0], row[1], row[2]) for row in db.execute(UNNEEDED).fetchall()]

    def is_needed(self, pack_id: bytes) -> bool:
        """Whether a tape has the pack or refers to it."""
        self._catalog.settle()
        return bool(self._catalog.query(NEEDED, pack_id, pack_id, pack_id))

    def start_over(self) -> None:
        """Segments came from elsewhere: all references have to be found again at the next start."""
        with self._catalog.transaction() as db:
            db.execute("DELETE FROM facts WHERE name=?", (COMPLETE,))

    def holders(self, barcode: str) -> set[bytes]:
        rows = "SELECT DISTINCT holder FROM pack_references WHERE barcode=?"
        return {row[0] for row in self._catalog.query(rows, barcode)}

    def kept(self, barcode: str) -> set[bytes]:
        rows = "SELECT pack_id FROM kept_packs WHERE barcode=?"
        return {row[0] for row in self._catalog.query(rows, barcode)}

    def unkeep(self, pack_ids: Collection[bytes]) -> None:
        """Packs that were kept for those that refer to them are a tape's own again."""
        with self._catalog.transaction() as db:
            db.executemany("DELETE FROM kept_packs WHERE pack_id=?", [(p,) for p in pack_ids])

    def all_kept(self) -> set[bytes]:
        """The packs that are kept for those that refer to them, of all tapes."""
        return {row[0] for row in self._catalog.query("SELECT pack_id FROM kept_packs")}

    def _has_rows(self, holder: bytes) -> bool:
        row = "SELECT 1 FROM pack_references WHERE holder=? LIMIT 1"
        return bool(self._catalog.query(row, holder))
