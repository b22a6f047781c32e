"""Which packs an object store holds: rows of the catalog, committed before a segment may go."""

from collections.abc import Collection, Mapping

from pyvtl.store.catalog import Catalog
from pyvtl.store.stored import ARCHIVE, Fact, StoredPack

PUT = """
INSERT INTO stored_packs VALUES (:pack_id, coalesce(
    (SELECT barcode FROM packs WHERE pack_id=:pack_id),
    (SELECT barcode FROM kept_packs WHERE pack_id=:pack_id), :barcode),
    :gateway, :length, :crc32c, :map, :map_offset, :map_length)
ON CONFLICT (pack_id) DO UPDATE SET (barcode, gateway, length, crc32c, map, map_offset, map_length)
    = (excluded.barcode, excluded.gateway, excluded.length, excluded.crc32c, excluded.map,
    excluded.map_offset, excluded.map_length)
WHERE excluded.gateway NOT GLOB :archives OR stored_packs.gateway GLOB :archives
"""
SELECT = "SELECT pack_id, gateway, length, crc32c, map, map_offset, map_length FROM stored_packs "
FACT = "SELECT barcode, length, chain, generation FROM packs WHERE pack_id=? AND sealed"
CLEAN = """
SELECT pack_id FROM stored_packs JOIN packs USING (pack_id, length) WHERE packs.sealed
UNION SELECT pack_id FROM stored_packs JOIN kept_packs USING (pack_id)
"""
UNNEEDED = """
pack_id NOT IN (SELECT pack_id FROM packs) AND pack_id NOT IN (SELECT pack_id FROM kept_packs)
AND pack_id NOT IN (SELECT pack_id FROM pack_references)
"""
IDS = "SELECT pack_id FROM stored_packs WHERE "
FORGET = "DELETE FROM stored_packs WHERE pack_id=? AND "
NEEDED = """
WHERE barcode=? OR pack_id IN (SELECT pack_id FROM pack_references WHERE barcode=?)
ORDER BY (SELECT sequence FROM packs WHERE packs.pack_id = stored_packs.pack_id)
"""


class StoredTable:
    """The rows of a data folder, each call a transaction.  Raises CatalogError.

    A row is made when a recovery point that lists the pack was committed in the store, and lives
    for as long as the pack is known here.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def put(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """These packs are in the store: the tape wrote them, or its packs refer to them.

        Those of another tape that is here stay that tape's: they do not go with this one.  What an
        archive has too stays where it was: it goes with the archive.
        """
        self._catalog.settle()
        with self._catalog.transaction() as db:
            common = {"barcode": barcode, "archives": f"{ARCHIVE}*"}
            db.executemany(PUT, [{**pack._asdict(), **common} for pack in packs])

    def find(self, pack_id: bytes) -> StoredPack | None:
        """The row of a pack, if the store has it."""
        rows = self._catalog.query(SELECT + "WHERE pack_id=?", pack_id)
        return StoredPack(*rows[0]) if rows else None

    def of(self, barcode: str) -> dict[bytes, StoredPack]:
        """All that the store has of the packs that a tape wrote."""
        rows = self._catalog.query(SELECT + "WHERE barcode=?", barcode)
        return {row[0]: StoredPack(*row) for row in rows}

    def all(self) -> set[bytes]:
        """The ids of all packs that the store has."""
        return {row[0] for row in self._catalog.query("SELECT pack_id FROM stored_packs")}

    def needed(self, barcode: str) -> list[StoredPack]:
        """All packs in the store that a tape is read from, other tapes' too, about in order."""
        rows = self._catalog.query(SELECT + NEEDED, barcode, barcode)
        return [StoredPack(*row) for row in rows]

    def strays(self, barcode: str | None = None) -> set[bytes]:
        """Packs, of that tape or of all, that the catalog knows of nothing but the store."""
        of, values = ("", ()) if barcode is None else ("AND barcode=?", (barcode,))
        return {row[0] for row in self._catalog.query(IDS + UNNEEDED + of, *values)}

    def at(self, gateway: str) -> list[StoredPack]:
        """The packs that are said to be in the store under that gateway, or archive."""
        return [
            StoredPack(*row) for row in self._catalog.query(SELECT + "WHERE gateway=?", gateway)
        ]

    def forget(self, pack_ids: Collection[bytes]) -> set[bytes]:
        """Forget those of these packs that nothing here needs any more; which they are."""
        with self._catalog.transaction() as db:
            return {p for p in pack_ids if db.execute(FORGET + UNNEEDED, (p,)).rowcount}

    def leave(self, gateway: str) -> None:
        """Forget that anything is in the store under that gateway, or archive."""
        with self._catalog.transaction() as db:
            db.execute("DELETE FROM stored_packs WHERE gateway=?", (gateway,))

    def fact(self, pack_id: bytes) -> Fact | None:
        """What a closed pack is that is part of a tape."""
        rows = self._catalog.query(FACT, pack_id)
        return Fact(*rows[0]) if rows else None

    def clean(self, pack_ids: Collection[bytes] | None = None) -> list[bytes]:
        """Of these packs, or of all, those of which a segment here is a copy and no more.

        The catalog has to know them as closed, durably: what is deleted here cannot tell it again.
        """
        self._catalog.settle()
        clean = {row[0] for row in self._catalog.query(CLEAN)}
        return list(clean if pack_ids is None else clean.intersection(pack_ids))

    def owners(self) -> Mapping[bytes, str]:
        """Which tape each pack is of."""
        rows = self._catalog.query("SELECT pack_id, barcode FROM stored_packs")
        return {row[0]: row[1] for row in rows}

    def stored_bytes(self) -> Mapping[str, int]:
        """How much of what each tape wrote is in the store."""
        sums = "SELECT barcode, SUM(length) FROM stored_packs GROUP BY barcode"
        return {row[0]: row[1] for row in self._catalog.query(sums)}

    def pins(self) -> set[str]:
        """The tapes of which copies are to stay here."""
        return {row[0] for row in self._catalog.query("SELECT barcode FROM pinned_tapes")}

    def pin(self, barcode: str, *, wanted: bool) -> None:
        """Make durable whether copies of a tape are to stay here."""
        change = "INSERT OR IGNORE INTO pinned_tapes VALUES (?)"
        with self._catalog.transaction() as db:
            db.execute(change if wanted else "DELETE FROM pinned_tapes WHERE barcode=?", (barcode,))
