"""Take up a tape of which an object store has all or a part, and this folder not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyvtl.store.catalog import Catalog
from pyvtl.store.eviction import mark_evicted
from pyvtl.store.files import FileLayer, write_file
from pyvtl.store.keys import KEY_FILE
from pyvtl.store.loading import SEGMENT_NAME
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.references import pack_id_of
from pyvtl.store.repository import LABEL, NO_TAPE, Label, write_label
from pyvtl.store.stored import StoredPack
from pyvtl.store.stored_table import StoredTable
from pyvtl.store.tape_map import Pack
from pyvtl.store.writer import Progress

NEEDS = "-needs"
"""Ends the name of the folder of packs that a tape refers to and that belong to no tape here."""


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
    references = CatalogReferences(catalog)
    references.unkeep(own)
    references.keep(label.barcode, {row.pack_id for row in stored} - own)
    StoredTable(catalog).put(label.barcode, stored)
    if tape.key is not None and KEY_FILE not in files.listdir(folder):
        write_file(files, folder / KEY_FILE, tape.key)
    if LABEL not in files.listdir(folder):
        write_label(files, folder, label)


@dataclass(frozen=True, slots=True)
class TapeBrought:
    """A tape whose segments lie in `draft`, and in `others` what they refer to of other tapes.

    `stored` says where the object store has each; `key` is the `key.json` of an encrypted tape.
    """

    label: Label
    draft: Path
    others: Path
    stored: Sequence[StoredPack]
    key: bytes | None = field(default=None, repr=False)


def take_in(files: FileLayer, tapes: Path, catalog: Catalog, tape: TapeBrought) -> None:
    """Move the segments of a tape among the tapes, and write its label last.

    Until then the label says that it is deleted: what a crash left of it here goes at the start.
    """
    folder = tapes / tape.label.barcode
    files.mkdir(folder)
    if LABEL not in files.listdir(folder):
        write_label(files, folder, replace(tape.label, deleted=True))
    _move(files, tape.draft, folder, files.listdir(tape.draft))
    names = [name for name in files.listdir(folder) if SEGMENT_NAME.fullmatch(name)]
    CatalogReferences(catalog).unkeep([pack_id_of(name) for name in names])
    if tape.key is not None:
        write_file(files, folder / KEY_FILE, tape.key)
    files.sync_folder(tapes)
    write_label(files, folder, tape.label)


def take_in_others(files: FileLayer, tapes: Path, catalog: Catalog, tape: TapeBrought) -> None:
    """Keep what a tape refers to as if it were of a tape that was deleted.

    The tape itself was looked into before: its references are known, and so nothing of it goes.
    """
    names = files.listdir(tape.others)
    if not names:
        return
    folder = tapes / f"{tape.label.barcode}{NEEDS}"
    files.mkdir(folder)
    files.sync_folder(tapes)
    write_label(files, folder, Label(folder.name, NO_TAPE, 0, tape.label.created_at, deleted=True))
    catalog.settle()
    places = [(int(name.partition("-")[0]), pack_id_of(name)) for name in names]
    references = CatalogReferences(catalog)
    references.keep_at(folder.name, places)
    kept = references.kept(folder.name)  # Of others a tape that is here sees to it.
    _move(files, tape.others, folder, [name for name in names if pack_id_of(name) in kept])


def _move(files: FileLayer, draft: Path, folder: Path, names: Iterable[str]) -> None:
    for name in names:
        files.rename(draft / name, folder / name)
    files.sync_folder(folder)
