"""Bring a tape from the store alone into a data folder, and take it over from its owner."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyvtl.cloud.documents import Head, Manifest, PackEntry
from pyvtl.cloud.errors import ArchivedError, CorruptDataError, NotFoundError
from pyvtl.cloud.heads import HeadMovedError, HeldHead, commit_head, nonce, read_head
from pyvtl.cloud.names import HEAD, TAPES, pack_key
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.receiving import receive_file
from pyvtl.cloud.recovery_point import read_manifest
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.spans import FinishedFile
from pyvtl.store.files import LocalFiles
from pyvtl.store.references import file_name
from pyvtl.store.repository import TAPES as LOCAL_TAPES
from pyvtl.store.repository import Label, write_label

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


async def barcodes(store: ObjectStore) -> list[str]:
    """All tapes that have a head in the store, the deleted ones too."""
    keys = [entry.key async for entry in listing(store, TAPES)]
    ending = f"/{HEAD}"
    return sorted(key[len(TAPES) : -len(ending)] for key in keys if key.endswith(ending))


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
    absent = [name for name in names if not await asyncio.to_thread(is_here, folder, name)]
    return [name for name in absent if not await _is_deleted(store, name)]


async def _is_deleted(store: ObjectStore, barcode: str) -> bool:
    held = await read_head(store, barcode)
    return held is not None and held.head.state == "deleted"


def is_here(folder: Path, barcode: str) -> bool:
    """Whether the data folder has a tape of that barcode, or had one."""
    return (folder / LOCAL_TAPES / barcode).exists()


async def pull_tape(store: ObjectStore, gateway: str, folder: Path, barcode: str) -> Pulled:
    """Have the tape in the data folder as its last recovery point has it.

    The packs come first, so that an owner loses a tape only to one who has it.  Raises
    RefusedTapeError, ObjectStoreError, OSError.
    """
    if await asyncio.to_thread(is_here, folder, barcode):
        raise RefusedTapeError(
            f"{folder} has it already, or had one of that barcode: pull it elsewhere"
        )
    received, held = 0, await _active_head(store, barcode)
    while True:
        manifest = await _manifest(store, held.head)
        received += await _receive(store, folder, manifest)
        try:
            taken = await _take_over(store, gateway, held)
        except HeadMovedError:
            held = await _moved_on(store, held)
            continue
        await asyncio.to_thread(_put_in_place, folder, manifest)
        owner = held.head.owner if held.head.owner != gateway else None
        return Pulled(barcode, len(manifest.packs), received, owner, taken.head.epoch)


async def _moved_on(store: ObjectStore, before: HeldHead) -> HeldHead:
    """The head that the same owner put there meanwhile; RefusedTapeError if it is another's."""
    now = await _active_head(store, before.head.barcode)
    if now.head.owner != before.head.owner:
        raise RefusedTapeError(f"gateway {now.head.owner} took it over meanwhile")
    return now


async def _active_head(store: ObjectStore, barcode: str) -> HeldHead:
    held = await read_head(store, barcode)
    if held is None:
        raise RefusedTapeError("it is not in the store")
    if held.head.state == "deleted":
        raise RefusedTapeError("it was deleted")
    if held.head.state != "active":
        raise RefusedTapeError(f"it is {held.head.state}: retrieve it from the archive")
    return held


async def _manifest(store: ObjectStore, head: Head) -> Manifest:
    manifest = await read_manifest(store, head)
    if manifest is None:
        raise RefusedTapeError("the store has no recovery point of it")
    return manifest


async def _receive(store: ObjectStore, folder: Path, manifest: Manifest) -> int:
    """Have all packs in the folder for what is under way; gives the bytes it took."""
    draft = await asyncio.to_thread(_draft, folder, manifest)
    received = 0
    for entry in manifest.packs:
        file = FinishedFile(draft / _name(entry), entry.length, entry.crc32c)
        received += await receive_file(store, pack_key(entry.gateway, entry.pack_id), file)
    return received


def _draft(folder: Path, manifest: Manifest) -> Path:
    """The folder for what is under way, without what the tape no longer needs."""
    files, draft = LocalFiles(), folder / PULLING / manifest.barcode
    files.mkdir(draft)
    for name in set(files.listdir(draft)) - {_name(entry) for entry in manifest.packs}:
        files.unlink(draft / name)
    return draft


def _name(entry: PackEntry) -> str:
    return file_name(entry.sequence, bytes.fromhex(entry.pack_id))


async def _take_over(store: ObjectStore, gateway: str, held: HeldHead) -> HeldHead:
    """Be the owner, in a new epoch if somebody else was; that one is fenced from now on."""
    if held.head.owner == gateway:
        return held
    change = {"owner": gateway, "epoch": held.head.epoch + 1, "nonce": nonce()}
    return await commit_head(store, held.head.model_copy(update=change), held)


def _put_in_place(folder: Path, manifest: Manifest) -> None:
    """Label the tape and move it among the tapes, durably."""
    files, draft = LocalFiles(), folder / PULLING / manifest.barcode
    label = Label(
        manifest.barcode,
        manifest.tape_id,
        manifest.capacity_bytes,
        manifest.created_at,
        worm=manifest.worm,
    )
    write_label(files, draft, label)
    files.mkdir(folder / LOCAL_TAPES)
    files.sync_folder(folder)
    files.rename(draft, folder / LOCAL_TAPES / manifest.barcode)
    files.sync_folder(folder / LOCAL_TAPES)
