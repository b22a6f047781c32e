"""The rows that say which packs an object store holds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvtl.store.catalog import Catalog
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.stored import StoredPack
from pyvtl.store.stored_table import StoredTable

FIRST = StoredPack(b"a" * 16, "0a1b2c3d", 5000, 0xFFFFFFFF, "maps/A00001/0-0-x", 0, 4500)
SECOND = StoredPack(b"b" * 16, "0a1b2c3d", 6000, 7, "maps/A00001/0-0-x", 4500, 4600)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    yield catalog
    catalog.close()


def test_what_is_in_the_store_is_found_by_pack_and_by_tape(catalog: Catalog) -> None:
    table = StoredTable(catalog)
    table.put("A00001", [FIRST, SECOND])
    assert table.find(SECOND.pack_id) == SECOND
    assert table.of("A00001") == {FIRST.pack_id: FIRST, SECOND.pack_id: SECOND}
    assert table.of("B00001") == {}


def test_what_is_put_again_takes_the_place_of_what_was_there(catalog: Catalog) -> None:
    table = StoredTable(catalog)
    table.put("A00001", [FIRST])
    later = FIRST._replace(map="maps/A00001/0-1-y", map_offset=64)
    table.put("A00001", [later])
    assert table.of("A00001") == {FIRST.pack_id: later}


def test_a_pack_stays_the_tapes_that_it_is_of_when_another_refers_to_it(catalog: Catalog) -> None:
    CatalogReferences(catalog).keep("A00001", [FIRST.pack_id])
    table = StoredTable(catalog)
    table.put("B00001", [FIRST, SECOND])
    assert table.of("A00001") == {FIRST.pack_id: FIRST}
    assert table.of("B00001") == {SECOND.pack_id: SECOND}


def test_what_is_forgotten_is_no_longer_found(catalog: Catalog) -> None:
    table = StoredTable(catalog)
    table.put("A00001", [FIRST, SECOND])
    table.forget([FIRST.pack_id])
    assert table.find(FIRST.pack_id) is None
    assert table.of("A00001") == {SECOND.pack_id: SECOND}
