"""Bring a tape from the store alone into a data folder, and take it over from its owner."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyvtl.cloud.documents import Manifest, PackEntry
from pyvtl.cloud.errors import ArchivedError, CorruptDataError, NotFoundError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.receiving import receive_file
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.spans import FinishedFile
from pyvtl.cloud.taking import Taken, barcodes, take_over
from pyvtl.cloud.threads import in_thread
from pyvtl.media.attaching import NEEDS
from pyvtl.media.shelf import CATALOG
from pyvtl.store.catalog import Catalog
from pyvtl.store.files import LocalFiles, write_file
from pyvtl.store.keys import KEY_FILE
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.references import file_name, find_pack, folders_in
from pyvtl.store.repository import NO_TAPE, Label, write_label
from pyvtl.store.repository import TAPES as LOCAL_TAPES

PULLING = "pulling"
"""Folder of what is on its way here: a tape moves to its place when it is whole, and ours."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What became of a tape: its packs, what was received, whose it was, what is wrong."""

    barcode: str
    packs: int = 0
    received_bytes: int = 0
    taken_from: str | None = None
    epoch: int = 0
    problem: str | None = None


async def pull(
    store: ObjectStore, gateway: str, folder: Path, wanted: Sequence[str] = ()
) -> AsyncIterator[Pulled]:
    """Pull the wanted tapes, or all that are not here yet; one's failure keeps no other back.

    Raises ObjectStoreError where the store itself fails.
    """
    for barcode in wanted or await _missing(store, folder):
        try:
            pulled = await pull_tape(store, gateway, folder, barcode)
        except (RefusedTapeError, NotFoundError, ArchivedError, CorruptDataError, OSError) as error:
            pulled = Pulled(barcode, problem=f"tape {barcode}: {error}")
        yield pulled


async def _missing(store: ObjectStore, folder: Path) -> list[str]:
    """The tapes that the store has and the data folder has not."""
    names = await barcodes(store)
    absent = [name for name in names if not await in_thread(is_here, folder, name)]
    return [name for name in absent if not await _is_away(store, name)]


async def _is_away(store: ObjectStore, barcode: str) -> bool:
    """Whether there is nothing to pull: it was deleted, or archived."""
    held = await read_head(store, barcode)
    return held is None or held.head.state != "active"


def is_here(folder: Path, barcode: str) -> bool:
    """Whether the data folder has a tape of that barcode, or had one."""
    return (folder / LOCAL_TAPES / barcode).exists()


async def pull_tape(store: ObjectStore, gateway: str, folder: Path, barcode: str) -> Pulled:
    """Have the tape in the data folder as its last recovery point has it.

    The packs come first, so that an owner loses a tape only to one who has it.  Raises
    RefusedTapeError, ObjectStoreError, OSError.
    """
    if await in_thread(is_here, folder, barcode):
        raise RefusedTapeError(
            f"{folder} has it already, or had one of that barcode: pull it elsewhere"
        )
    received = 0

    async def bring(manifest: Manifest) -> None:
        nonlocal received
        received += await _receive(store, folder, manifest)

    taken = await take_over(store, gateway, barcode, bring)
    await in_thread(_put_in_place, folder, taken)
    packs = len(taken.manifest.packs)
    return Pulled(barcode, packs, received, taken.taken_from, taken.epoch)


async def _receive(store: ObjectStore, folder: Path, manifest: Manifest) -> int:
    """Have all packs in the folders for what is under way; gives the bytes it took."""
    others = await in_thread(_missing_packs, folder, manifest.others)
    received = 0
    for name, entries in ((manifest.barcode, manifest.packs), (_needs(manifest), others)):
        draft = await in_thread(_draft, folder / PULLING / name, entries)
        for entry in entries:
            file = FinishedFile(draft / _name(entry), entry.length, entry.crc32c)
            received += await receive_file(store, pack_key(entry.gateway, entry.pack_id), file)
    return received


def _missing_packs(folder: Path, entries: Sequence[PackEntry]) -> list[PackEntry]:
    """Those that no tape here has."""
    files, tapes = LocalFiles(), folder / LOCAL_TAPES
    files.mkdir(tapes)
    ids = [(entry, bytes.fromhex(entry.pack_id)) for entry in entries]
    return [e for e, pack_id in ids if not find_pack(files, folders_in(files, tapes), pack_id)]


def _draft(draft: Path, entries: Sequence[PackEntry]) -> Path:
    """A folder for what is under way, without what the tape no longer needs."""
    files = LocalFiles()
    files.mkdir(draft)
    for name in set(files.listdir(draft)) - {_name(entry) for entry in entries}:
        files.unlink(draft / name)
    return draft


def _needs(manifest: Manifest) -> str:
    return manifest.barcode + NEEDS


def _name(entry: PackEntry) -> str:
    return file_name(entry.sequence, bytes.fromhex(entry.pack_id))


def _put_in_place(folder: Path, taken: Taken) -> None:
    """Label the tape and move it among the tapes, durably."""
    manifest = taken.manifest
    files, draft = LocalFiles(), folder / PULLING / manifest.barcode
    if taken.key is not None:
        write_file(files, draft / KEY_FILE, taken.key)
    write_label(files, draft, taken.label)
    files.mkdir(folder / LOCAL_TAPES)
    files.sync_folder(folder)
    _put_others_in_place(files, folder, manifest)
    files.rename(draft, folder / LOCAL_TAPES / manifest.barcode)
    files.sync_folder(folder / LOCAL_TAPES)


def _put_others_in_place(files: LocalFiles, folder: Path, manifest: Manifest) -> None:
    """Move what the tape refers to where a tape that was deleted would be.

    So it stays for as long as a tape refers to it, and no longer.
    """
    name = _needs(manifest)
    draft, place = folder / PULLING / name, folder / LOCAL_TAPES / name
    if not manifest.others:
        files.rmdir(draft)
        return
    if (folder / CATALOG).exists():
        _find_references_anew(folder)
    files.mkdir(place)
    write_label(files, place, Label(name, NO_TAPE, 0, manifest.created_at, deleted=True))
    for segment in files.listdir(draft):
        files.rename(draft / segment, place / segment)
    files.sync_folder(place)
    files.rmdir(draft)


def _find_references_anew(folder: Path) -> None:
    """Let the next start look into all segments: nothing is deleted before that."""
    catalog = Catalog(folder / CATALOG)
    try:
        CatalogReferences(catalog).start_over()
    finally:
        catalog.close()
