"""Take over into a new catalog what segments here cannot tell: packs that only a store has."""

from collections.abc import Collection

from pyvtl.store.catalog import Catalog

TABLES = ("packs", "extents", "stored_packs", "kept_packs", "pack_references")
"""The first column of each is the pack that a row is about."""


def carry_over(old: Catalog, new: Catalog, here: Collection[bytes]) -> None:
    """Copy all that `old` knows of packs in the store of which no segment is `here`, and the pins.

    What it says of the others is left behind: their segments say it again, and are dirty until a
    store is found to have them.  Raises CatalogError.
    """
    stored = {row[0] for row in old.query("SELECT pack_id FROM stored_packs")}
    away = stored.difference(here)
    with new.transaction() as db:
        for table in TABLES:
            for row in old.query(f"SELECT * FROM {table}"):  # noqa: S608 - a name from above
                if row[0] in away:
                    marks = ",".join("?" * len(row))
                    put = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - as above
                    db.execute(put, row)
        for pin in old.query("SELECT barcode FROM pinned_tapes"):
            db.execute("INSERT OR IGNORE INTO pinned_tapes VALUES (?)", pin)
