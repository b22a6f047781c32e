"""Which packs an object store holds: rows of the catalog, committed before a segment may go."""

from collections.abc import Collection

from pyvtl.store.catalog import Catalog
from pyvtl.store.stored import StoredPack

PUT = "INSERT OR REPLACE INTO stored_packs VALUES (?,?,?,?,?,?,?,?)"
SELECT = "SELECT pack_id, gateway, length, crc32c, map, map_offset, map_length FROM stored_packs "


class StoredTable:
    """The rows of a data folder, each call a transaction.  Raises CatalogError.

    A row is made when a recovery point that lists the pack was committed in the store, and lives
    for as long as the pack is known here.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def put(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """These packs, which the tape wrote, are in the store."""
        with self._catalog.transaction() as db:
            db.executemany(PUT, [(p.pack_id, barcode, *p[1:]) for p in packs])

    def find(self, pack_id: bytes) -> StoredPack | None:
        """The row of a pack, if the store has it."""
        rows = self._catalog.query(SELECT + "WHERE pack_id=?", pack_id)
        return StoredPack(*rows[0]) if rows else None

    def of(self, barcode: str) -> dict[bytes, StoredPack]:
        """All that the store has of the packs that a tape wrote."""
        rows = self._catalog.query(SELECT + "WHERE barcode=?", barcode)
        return {row[0]: StoredPack(*row) for row in rows}

    def forget(self, pack_ids: Collection[bytes]) -> None:
        """Nothing here needs these packs any more."""
        with self._catalog.transaction() as db:
            db.executemany("DELETE FROM stored_packs WHERE pack_id=?", [(p,) for p in pack_ids])
