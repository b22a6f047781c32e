"""What a data folder knows of packs, asked without changing anything in it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyvtl.media.checking import copied_catalog
from pyvtl.store.errors import DamageError
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.references import SUFFIX, folders_in, pack_id_of
from pyvtl.store.repository import TAPES, Label, read_label
from pyvtl.store.stored import StoredPack

CLOSED = """
SELECT pack_id, packs.barcode FROM packs JOIN tapes USING (barcode) WHERE sealed AND NOT deleted
"""
NEEDED = "SELECT pack_id FROM packs UNION SELECT pack_id FROM kept_packs"
STORED = """
SELECT pack_id, gateway, length, crc32c, map, map_offset, map_length, barcode FROM stored_packs
"""


@dataclass(frozen=True, slots=True)
class KnownPacks:
    """The packs of a data folder.

    `closed` names the tape of each closed pack; `stored` are the packs that are said to be in the
    store, each with its tape; `here` those that have a segment; `needed` all that must not be lost.
    """

    labels: Mapping[str, Label]
    closed: Mapping[bytes, str]
    stored: Mapping[bytes, tuple[StoredPack, str]]
    here: Mapping[bytes, Path]
    needed: frozenset[bytes]


def known_packs(path: Path) -> KnownPacks:
    """What the catalog and the folders of tapes tell.  Raises CatalogError."""
    here = _segments(path)
    with copied_catalog(path) as catalog:
        closed = {row[0]: row[1] for row in catalog.query(CLOSED)}
        stored = {row[0]: (StoredPack(*row[:7]), row[7]) for row in catalog.query(STORED)}
        needed = {row[0] for row in catalog.query(NEEDED)}
    return KnownPacks(_labels(path), closed, stored, here, frozenset(needed | here.keys()))


def _segments(path: Path) -> Mapping[bytes, Path]:
    files, found = ReadOnlyFiles(), {}
    for folder in folders_in(files, path / TAPES):
        with suppress(NotADirectoryError, ValueError):
            for name in files.listdir(folder):
                if name.endswith(SUFFIX):
                    found[pack_id_of(name)] = folder / name
    return found


def _labels(path: Path) -> Mapping[str, Label]:
    """Those that can be read; what is wrong with others is told by checking the folder."""
    files, found = ReadOnlyFiles(), {}
    for folder in folders_in(files, path / TAPES):
        with suppress(DamageError, OSError):
            found[folder.name] = read_label(files, folder)
    return found
