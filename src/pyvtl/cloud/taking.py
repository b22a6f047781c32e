"""Take a tape over by its head: whoever has all that it takes of it becomes its owner."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pyvtl.cloud.documents import Head, Manifest
from pyvtl.cloud.heads import HeadMovedError, HeldHead, commit_head, nonce, read_head
from pyvtl.cloud.names import HEAD, TAPES
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.recovery_point import read_manifest
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.tape_keys import read_key
from pyvtl.store.repository import Label


@dataclass(frozen=True, slots=True)
class Taken:
    """A tape that is ours: its recovery point, its `key.json`, whose it was, and since when."""

    manifest: Manifest
    key: bytes | None = field(repr=False)
    taken_from: str | None
    epoch: int

    @property
    def label(self) -> Label:
        """Its label, as the data folder has it."""
        return label_of(self.manifest)


def label_of(manifest: Manifest) -> Label:
    """The label of the tape of a manifest."""
    return Label(
        manifest.barcode,
        manifest.tape_id,
        manifest.capacity_bytes,
        manifest.created_at,
        encrypted=manifest.key is not None,
        worm=manifest.worm,
    )


async def barcodes(store: ObjectStore) -> list[str]:
    """All tapes that have a head in the store, the deleted ones too."""
    keys = [entry.key async for entry in listing(store, TAPES)]
    ending = f"/{HEAD}"
    return sorted(key[len(TAPES) : -len(ending)] for key in keys if key.endswith(ending))


Check = Callable[[Head], Awaitable[None]]
"""Raises RefusedTapeError where a tape may not be taken from its owner."""


async def from_anybody(_head: Head) -> None:
    """Whoever asks knows that the owner is lost."""


async def take_over(
    store: ObjectStore,
    gateway: str,
    barcode: str,
    bring: Callable[[Manifest], Awaitable[None]],
    check: Check = from_anybody,
) -> Taken:
    """Become the owner once `bring` has what it needs, so that nobody has a tape only by name.

    Where its owner goes on meanwhile, it is brought again as it is then.  Raises RefusedTapeError.
    """
    held = await active_head(store, barcode)
    await check(held.head)
    while True:
        manifest = await wanted_manifest(store, held.head)
        key = await wanted_key(store, manifest)
        await bring(manifest)
        try:
            taken = await _own(store, gateway, held)
        except HeadMovedError:
            held = await _moved_on(store, held)
            continue
        owner = held.head.owner if held.head.owner != gateway else None
        return Taken(manifest, key, owner, taken.head.epoch)


async def active_head(store: ObjectStore, barcode: str) -> HeldHead:
    """The head of a tape that is there.  RefusedTapeError where there is none."""
    held = await read_head(store, barcode)
    if held is None:
        raise RefusedTapeError("it is not in the store")
    if held.head.state == "deleted":
        raise RefusedTapeError("it was deleted")
    if held.head.state != "active":
        raise RefusedTapeError(f"it is {held.head.state}: retrieve it from the archive")
    return held


async def wanted_manifest(store: ObjectStore, head: Head) -> Manifest:
    """The recovery point that a head names.  RefusedTapeError where it names none."""
    manifest = await read_manifest(store, head)
    if manifest is None:
        raise RefusedTapeError("the store has no recovery point of it")
    return manifest


async def wanted_key(store: ObjectStore, manifest: Manifest) -> bytes | None:
    """The `key.json` of the tape, if it is encrypted."""
    if manifest.key is None:
        return None
    return await read_key(store, manifest.barcode, manifest.key)


async def _moved_on(store: ObjectStore, before: HeldHead) -> HeldHead:
    """The head that the same owner put there meanwhile; RefusedTapeError if it is another's."""
    now = await active_head(store, before.head.barcode)
    if now.head.owner != before.head.owner:
        raise RefusedTapeError(f"gateway {now.head.owner} took it over meanwhile")
    return now


async def _own(store: ObjectStore, gateway: str, held: HeldHead) -> HeldHead:
    """Be the owner, in a new epoch if somebody else was; that one is fenced from now on."""
    if held.head.owner == gateway:
        return held
    change = {"owner": gateway, "epoch": held.head.epoch + 1, "nonce": nonce()}
    return await commit_head(store, held.head.model_copy(update=change), held)
