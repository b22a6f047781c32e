"""Take up a tape of which an object store has all or a part, and this folder not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyvtl.store.catalog import Catalog
from pyvtl.store.eviction import mark_evicted
from pyvtl.store.files import FileLayer, write_file
from pyvtl.store.keys import KEY_FILE
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.repository import LABEL, Label, write_label
from pyvtl.store.stored import StoredPack
from pyvtl.store.stored_table import StoredTable
from pyvtl.store.tape_map import Pack
from pyvtl.store.writer import Progress


@dataclass(frozen=True, slots=True)
class TapeAway:
    """A tape as an object store has it: its packs in their order, and where each one is there.

    Of `stored`, what is none of `packs` are other tapes' packs that they refer to.
    """

    label: Label
    packs: Sequence[Pack]
    stored: Sequence[StoredPack]
    key: bytes | None = field(default=None, repr=False)
    """Its `key.json`, if it is encrypted."""


def attach(files: FileLayer, folder: Path, catalog: Catalog, tape: TapeAway) -> None:
    """Make durable that a tape consists of what the store has.

    The label is written last: without it there is no tape here.
    """
    label, packs, stored = tape.label, tape.packs, tape.stored
    files.mkdir(folder)
    files.sync_folder(folder.parent)
    if packs:
        mark_evicted(files, folder, packs[-1].generation)
    for pack in packs:
        catalog.follow(label.barcode, Progress(pack, sealed=True))
    catalog.settle()
    own = {pack.pack_id for pack in packs}
    CatalogReferences(catalog).keep(label.barcode, {row.pack_id for row in stored} - own)
    StoredTable(catalog).put(label.barcode, stored)
    if tape.key is not None and KEY_FILE not in files.listdir(folder):
        write_file(files, folder / KEY_FILE, tape.key)
    if LABEL not in files.listdir(folder):
        write_label(files, folder, label)
