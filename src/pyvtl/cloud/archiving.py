"""Put a tape into the archive: all that it needs under `archive/`, in the class of its pool.

What stands there already is found by asking, so an attempt that ended anywhere is taken up by the
next.  Packs that the tape refers to are copied whole, whoever wrote them: so it needs nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pyvtl.cloud.documents import Archive, Head, Manifest, PackEntry, encode
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import (
    HeldHead,
    although_it_moves,
    commit_head,
    nonce,
    put_once,
    read_document,
    read_head,
)
from pyvtl.cloud.names import (
    archive_prefix,
    archived_key,
    archived_manifest_key,
    archived_map_key,
    archived_pack_key,
    pack_key,
)
from pyvtl.cloud.objects import STANDARD, ObjectInfo, ObjectStore, listing
from pyvtl.cloud.recovery_point import prune_manifests, read_manifest
from pyvtl.cloud.refusals import FencedError, NotArchivedError, RefusedTapeError
from pyvtl.cloud.spans import at_once
from pyvtl.store.stored import archive_of

COPIES_AT_ONCE = 16
MARK = b"\n"

Progress = Callable[[float], object]
"""Called with the share that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Archiver:
    """Archives tapes of one gateway."""

    store: ObjectStore
    gateway: str

    async def archive(self, barcode: str, about: Archive, progress: Progress) -> None:
        """Have a tape of ours in the archive, which the store has all of, and say so in its head.

        One that was retrieved from there goes back without being copied.
        """
        await although_it_moves(lambda: self._archive_once(barcode, about, progress))

    async def _archive_once(self, barcode: str, about: Archive, progress: Progress) -> None:
        held = await self.owned(barcode)
        head = held.head
        if head.state == "archived":
            return
        if head.state == "active":
            manifest = await read_manifest(self.store, head)
            if manifest is None:
                raise RefusedTapeError("the store has no recovery point of it")
            key = await self._copy(manifest, about.storage_class, progress)
            head = head.model_copy(update={"manifest": key, "earlier": ()})
        change = {"state": "archived", "archive": about, "nonce": nonce()}
        now = await commit_head(self.store, head.model_copy(update=change), held)
        await prune_manifests(self.store, now.head)

    async def owned(self, barcode: str) -> HeldHead:
        """The head of a tape of ours."""
        held = await read_head(self.store, barcode)
        if held is None:
            raise RefusedTapeError("it is not in the store")
        if held.head.owner != self.gateway:
            raise FencedError(f"it belongs to gateway {held.head.owner} since {held.head.epoch}")
        return held

    async def _copy(self, manifest: Manifest, storage_class: str, progress: Progress) -> str:
        """Have the archive of a recovery point in the store; the key of its manifest."""
        key = archived_manifest_key(manifest.barcode, manifest.generation, manifest.epoch)
        if await read_document(self.store, Manifest, key) is None:
            await self._copy_packs(manifest, storage_class, progress)
            moved = {
                name: archived_map_key(manifest.barcode, _last(name)) for name in _maps(manifest)
            }
            for name, copy in moved.items():
                await self._copy_object(name, copy, STANDARD)
            await put_once(self.store, key, encode(_archived(manifest, moved)))
        await put_once(self.store, archived_key(manifest.barcode), MARK)
        return key

    async def _copy_packs(self, manifest: Manifest, storage_class: str, progress: Progress) -> None:
        entries = manifest.entries
        for start in range(0, len(entries), COPIES_AT_ONCE):
            batch = entries[start : start + COPIES_AT_ONCE]
            await at_once(
                [partial(self._copy_pack, manifest.barcode, e, storage_class) for e in batch]
            )
            progress((start + len(batch)) / len(entries))

    async def _copy_pack(self, barcode: str, entry: PackEntry, storage_class: str) -> None:
        source = pack_key(entry.gateway, entry.pack_id)
        info = await self._copy_object(
            source, archived_pack_key(barcode, entry.pack_id), storage_class
        )
        if info.size != entry.length or info.crc32c not in (None, entry.crc32c):
            raise CorruptDataError(f"{info.key} in the store is not what its manifest says")

    async def _copy_object(self, source: str, key: str, storage_class: str) -> ObjectInfo:
        """Copy within the store, unless an earlier attempt did."""
        there = await self.store.head(source)
        try:
            copy = await self.store.head(key)
        except NotFoundError:
            return await self.store.copy(there, key, storage_class=storage_class)
        same = (copy.size, copy.crc32c) == (there.size, there.crc32c)
        return copy if same else await self.store.copy(there, key, storage_class=storage_class)

    async def delete(self, barcode: str, check: Callable[[Head], None]) -> None:
        """Delete an archived tape, and all that the archive has of it; once more is no error.

        `check` raises what keeps a tape with that head from being deleted.
        """
        held = await read_head(self.store, barcode)
        if held is not None and held.head.state != "deleted":
            check_archived(held.head)
            check(held.head)
            change = {"state": "deleted", "manifest": None, "earlier": (), "nonce": nonce()}
            await commit_head(self.store, held.head.model_copy(update=change), held)
        keys = [entry.key async for entry in listing(self.store, archive_prefix(barcode))]
        await self.store.delete([*keys, archived_key(barcode)])


def check_archived(head: Head) -> None:
    """Raise NotArchivedError, which says where the tape is instead, unless it is archived."""
    if head.state in ("retrieving", "retrieved"):
        raise NotArchivedError(f"tape {head.barcode} is {head.state} by gateway {head.owner}")
    if head.state != "archived":
        raise NotArchivedError(f"tape {head.barcode} is not in the archive: it is {head.state}")


def _archived(manifest: Manifest, moved: dict[str, str]) -> Manifest:
    """The manifest of the copy."""

    def copies(entries: Sequence[PackEntry]) -> tuple[PackEntry, ...]:
        where = archive_of(manifest.barcode)
        return tuple(e.model_copy(update={"map": moved[e.map], "gateway": where}) for e in entries)

    return manifest.model_copy(
        update={
            "packs": copies(manifest.packs),
            "others": copies(manifest.others),
        }
    )


def _maps(manifest: Manifest) -> list[str]:
    return list(dict.fromkeys(entry.map for entry in manifest.entries))


def _last(key: str) -> str:
    return key.rpartition("/")[2]
