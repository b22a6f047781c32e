"""Take over into a new catalog what segments here cannot tell: what an object store has."""

from collections.abc import Collection

from pyvtl.store.catalog import Catalog

ROWS_OF_PACKS = ("packs", "extents", "kept_packs", "pack_references")
"""The first column of each is the pack that a row is about."""


def carry_over(old: Catalog, new: Catalog, whole: Collection[bytes]) -> None:
    """Copy which packs are in the store, what `old` knows of those not `whole` here, and the pins.

    What it says of the others is left behind: their segments say it again.  CatalogError.
    """
    stored = {row[0] for row in old.query("SELECT pack_id FROM stored_packs")}
    with new.transaction() as db:
        for table, wanted in (
            ("stored_packs", stored),
            *((table, stored.difference(whole)) for table in ROWS_OF_PACKS),
        ):
            for row in old.query(f"SELECT * FROM {table}"):  # noqa: S608 - a name from above
                if row[0] in wanted:
                    marks = ",".join("?" * len(row))
                    put = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608 - as above
                    db.execute(put, row)
        for pin in old.query("SELECT barcode FROM pinned_tapes"):
            db.execute("INSERT OR IGNORE INTO pinned_tapes VALUES (?)", pin)
