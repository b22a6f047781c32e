"""A recovery point of a tape in the store: map, then manifest, then head, which alone counts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from pyvtl.cloud.documents import End, Head, Manifest, PackEntry, encode
from pyvtl.cloud.entries import put_map
from pyvtl.cloud.heads import HeldHead, commit_head, nonce, put_once, read_document
from pyvtl.cloud.local_packs import SentPack
from pyvtl.cloud.names import epoch_of, manifest_key, manifest_prefix, map_key
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.refusals import DivergedError, DocumentError, FencedError, RefusedTapeError
from pyvtl.cloud.tape_keys import key_id
from pyvtl.cloud.threads import in_thread
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.store.repository import Label
from pyvtl.store.tape_map import Pack

KEPT_BEFORE = 2
"""Manifests that are kept beside the one that counts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store has of a tape: the head and the manifest that it names, if any."""

    held: HeldHead | None = None
    manifest: Manifest | None = None

    @property
    def pack_ids(self) -> list[str]:
        return [] if self.manifest is None else [entry.pack_id for entry in self.manifest.packs]


async def read_manifest(store: ObjectStore, head: Head) -> Manifest | None:
    """The manifest that a head names; None if it names none.  Raises DocumentError."""
    if head.manifest is None:
        return None
    manifest = await read_document(store, Manifest, head.manifest)
    if manifest is None:
        raise DocumentError(f"{head.manifest} is missing, and the head of {head.barcode} names it")
    if (manifest.barcode, manifest.tape_id) != (head.barcode, head.tape_id):
        raise DocumentError(f"{head.manifest} is of another tape than {head.barcode}")
    return manifest


def check_owner(label: Label, gateway: str, held: HeldHead | None) -> None:
    """Raise FencedError or DivergedError unless the tape in the store is this one, and ours."""
    if held is None:
        return
    head = held.head
    if head.tape_id != label.tape_id:
        raise DivergedError(
            f"the store has another tape of this barcode, of gateway {head.owner}: use another"
            " prefix of the store for one of them"
        )
    if head.owner != gateway:
        raise FencedError(
            f"it belongs to gateway {head.owner} since epoch {head.epoch}:"
            " nothing was pushed, and all that is here stays here"
        )


def check_order(tape: TapeAtRest, there: Standing) -> None:
    """Raise DivergedError unless the tape is what the store has, or what came after it.

    One that is on its way here from the archive is refused for now only.
    """
    if there.held is None:
        return
    head = there.held.head
    if head.state == "deleted":
        raise DivergedError("it was deleted in the store; all that is here stays here")
    if head.state == "archived":
        raise DivergedError("it is archived in the store; all that is here stays here")
    if head.state == "retrieving":
        raise RefusedTapeError("it is still being retrieved from the archive: try again")
    if generation_of(tape) > head.generation or not there.pack_ids:
        return
    here = [pack.pack_id.hex() for pack, _ in tape.packs]
    if generation_of(tape) < head.generation or here[: len(there.pack_ids)] != there.pack_ids:
        raise DivergedError(
            "the store has a later state of it than this data folder, which may be an"
            " old copy: nothing was pushed"
        )


def generation_of(tape: TapeAtRest) -> int:
    """The generation of what is on a tape, 0 for a blank one."""
    return tape.packs[-1][0].generation if tape.packs else 0


@dataclass(frozen=True, slots=True)
class Additions:
    """Packs that a recovery point has more than the one before, all of them in the store.

    `others` are those that they refer to: from here, or `known` to be there already.
    """

    own: Sequence[SentPack] = ()
    others: Sequence[SentPack] = ()
    known: Sequence[PackEntry] = ()


async def claim(store: ObjectStore, gateway: str, label: Label) -> HeldHead:
    """Make a tape ours that the store does not have, before a pack of it is sent.

    So whoever looks for packs that nobody needs finds the head of every tape that may need them.
    """
    return await commit_head(store, _head(gateway, label, Standing(), None), None)


async def commit_point(
    store: ObjectStore, gateway: str, tape: TapeAtRest, there: Standing, new: Additions
) -> Standing:
    """Make the packs in the store up to the new ones the recovery point of a tape that is ours."""
    epoch = there.held.head.epoch if there.held is not None else 0
    generation, barcode = generation_of(tape), tape.label.barcode
    local = [*new.own, *new.others]
    entries = await put_map(store, gateway, map_key(barcode, generation, epoch), local)
    packs, others = await _listed(gateway, tape, there)
    count = len(new.own)
    manifest = _manifest(gateway, tape, epoch, packs + entries[:count])
    manifest = manifest.model_copy(
        update={"others": (*others, *entries[count:], *new.known), "key": key_id(tape.key)}
    )
    head = await _put_manifest(store, gateway, tape.label, there, manifest)
    held = await commit_head(store, head, there.held)
    await prune_manifests(store, held.head)
    return Standing(held, manifest)


async def commit_deletion(
    store: ObjectStore, gateway: str, there: Standing, tape: TapeAtRest
) -> HeldHead:
    """Say in the store that a tape was deleted; of its packs those stay that are needed here."""
    head = _head(gateway, tape.label, there, None)
    if others := await _carried(gateway, tape, there):
        manifest = _manifest(gateway, tape, head.epoch, ())
        update = {"others": others, "generation": head.generation}
        manifest = manifest.model_copy(update=update)
        head = await _put_manifest(store, gateway, tape.label, there, manifest)
    held = await commit_head(
        store, head.model_copy(update={"state": "deleted", "earlier": ()}), there.held
    )
    await prune_manifests(store, held.head)
    return held


async def _put_manifest(
    store: ObjectStore, gateway: str, label: Label, there: Standing, manifest: Manifest
) -> Head:
    """Put a manifest into the store; gives the head that makes it count."""
    key = manifest_key(label.barcode, manifest.generation, manifest.epoch)
    await put_once(store, key, encode(manifest))
    head = _head(gateway, label, there, key)
    return head.model_copy(update={"generation": manifest.generation})


async def prune_manifests(store: ObjectStore, head: Head) -> None:
    """Delete the manifests that the head no longer names; a later owner's are left alone."""
    named = {head.manifest, *head.earlier}
    old = [
        entry.key
        async for entry in listing(store, manifest_prefix(head.barcode))
        if entry.key not in named and _is_ours(entry.key, head)
    ]
    if old:
        await store.delete(old)


def _is_ours(manifest: str, head: Head) -> bool:
    epoch = epoch_of(manifest)
    return epoch is not None and epoch <= head.epoch


async def _listed(
    gateway: str, tape: TapeAtRest, there: Standing
) -> tuple[tuple[PackEntry, ...], tuple[PackEntry, ...]]:
    """What the new manifest has of the one before: its packs, and the others."""
    if there.manifest is None or there.manifest.generation == generation_of(tape):
        before = there.manifest
        return (before.packs, before.others) if before is not None else ((), ())
    return (), await _carried(gateway, tape, there)


async def _carried(gateway: str, tape: TapeAtRest, there: Standing) -> tuple[PackEntry, ...]:
    """Packs of other gateways that this tape no longer needs, and something else here does.

    Their owner deletes what no head lists, and knows nothing of what is needed here.
    """
    entries = there.manifest.entries if there.manifest is not None else ()
    theirs = {bytes.fromhex(e.pack_id): e for e in entries if e.gateway != gateway}
    if not theirs:
        return ()
    needed = set(await in_thread(tape.needed, list(theirs)))
    return tuple(entry for pack_id, entry in theirs.items() if pack_id in needed)


def _head(gateway: str, label: Label, there: Standing, manifest: str | None) -> Head:
    before = there.held.head if there.held is not None else None
    named = (before.manifest, *before.earlier) if before is not None else ()
    return Head(
        barcode=label.barcode,
        tape_id=label.tape_id,
        owner=gateway,
        epoch=before.epoch if before is not None else 0,
        generation=before.generation if before is not None else 0,
        state="active",
        manifest=manifest,
        earlier=tuple(key for key in named if key is not None)[:KEPT_BEFORE],
        nonce=nonce(),
    )


def _manifest(
    gateway: str, tape: TapeAtRest, epoch: int, listed: tuple[PackEntry, ...]
) -> Manifest:
    last = _last_commit(tape, len(listed))
    commit = last.commit if last is not None else None
    attributes = last.attributes if last is not None else None
    label = tape.label
    return Manifest(
        barcode=label.barcode,
        tape_id=label.tape_id,
        capacity_bytes=label.capacity_bytes,
        created_at=label.created_at,
        gateway=gateway,
        generation=generation_of(tape),
        epoch=epoch,
        write_protected=attributes is not None and attributes.write_protected,
        worm=label.worm,
        ends=tuple(End(**end._asdict()) for end in (commit.places() if commit else ())),
        packs=listed,
        taken_at=int(time.time()),
    )


def _last_commit(tape: TapeAtRest, count: int) -> Pack | None:
    """Of so many packs, the last one with a COMMIT."""
    found = [pack for pack, _ in tape.packs[:count] if pack.commit is not None]
    return found[-1] if found else None
