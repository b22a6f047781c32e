"""Make the catalog of a data folder anew: the segments are the truth."""

from contextlib import closing, suppress
from pathlib import Path

from pyvtl.media.shelf import CATALOG
from pyvtl.media.storing import storing
from pyvtl.media.vault import Vault
from pyvtl.store.carrying import carry_over
from pyvtl.store.catalog import Catalog, PlaceRow
from pyvtl.store.errors import StoreError
from pyvtl.store.eviction import is_whole
from pyvtl.store.files import FileLayer, LocalFiles
from pyvtl.store.keys import Secret
from pyvtl.store.references import SUFFIX, pack_id_of
from pyvtl.store.repository import TAPES

OLD, DRAFT = CATALOG + ".old", CATALOG + ".new"
SQLITE_FILES = ("", "-wal", "-shm")


def rebuild_catalog(
    path: Path, files: FileLayer | None = None, secret: Secret | None = None
) -> int:
    """Make the catalog of a data folder anew from its tapes; gives how many there are.

    Where tapes lie, and what only the object store has of them, is kept when the old catalog can
    still be read; that is kept beside the new one in any case.  A crash leaves the old one in its
    place, or a new one that knows the same.
    """
    _remove(path, DRAFT)
    with storing():
        draft = Catalog(path / DRAFT)
        with closing(draft):
            draft.place(_old_places(path))
            _carry_over(path, draft)
    _keep_aside(path)
    (path / DRAFT).replace(path / CATALOG)
    vault = Vault(path, files, secret=secret)
    found = len(vault.volumes())
    vault.close()
    return found


def _old_places(path: Path) -> dict[str, PlaceRow]:
    """Where the tapes lie that still have a folder, if the old catalog can tell."""
    if not (path / CATALOG).exists():
        return {}
    try:
        catalog = Catalog(path / CATALOG)
        try:
            places = catalog.places()
        finally:
            catalog.close()
    except StoreError:
        return {}
    return {name: place for name, place in places.items() if (path / TAPES / name).exists()}


def _carry_over(path: Path, draft: Catalog) -> None:
    """Keep what is known of packs that are in the object store, if the old catalog can tell.

    If it cannot, the tapes say so when they are loaded: they are marked.
    """
    if (path / CATALOG).exists():
        found = {pack_id_of(file.name): file for file in (path / TAPES).glob(f"*/*{SUFFIX}")}
        whole = {
            pack_id for pack_id, file in found.items() if is_whole(LocalFiles(), file, pack_id)
        }
        with suppress(StoreError), closing(Catalog(path / CATALOG)) as catalog:
            carry_over(catalog, draft, whole)


def _keep_aside(path: Path) -> None:
    """Keep what there is of the old catalog; it stays in its place too until it is replaced."""
    _remove(path, OLD)
    for ending in SQLITE_FILES[1:]:
        if (path / (CATALOG + ending)).exists():
            (path / (CATALOG + ending)).replace(path / (OLD + ending))
    if (path / CATALOG).exists():
        (path / OLD).hardlink_to(path / CATALOG)


def _remove(path: Path, name: str) -> None:
    for ending in SQLITE_FILES:
        (path / (name + ending)).unlink(missing_ok=True)
