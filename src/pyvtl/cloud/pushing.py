"""Bring tapes at rest into the store, so that it alone holds each at its last COMMIT."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pyvtl.cloud.adopting import check_not_adopted
from pyvtl.cloud.documents import PackEntry
from pyvtl.cloud.entries import entry_of, stored_packs
from pyvtl.cloud.errors import CorruptDataError, NotFoundError, RefusedError, UnsupportedError
from pyvtl.cloud.heads import HeldHead, although_it_moves, read_head
from pyvtl.cloud.local_packs import LocalPack, SentPack, local_pack, other_pack
from pyvtl.cloud.names import pack_key, pack_prefix
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.recovery_point import (
    Additions,
    Standing,
    check_order,
    check_owner,
    claim,
    commit_deletion,
    commit_point,
    generation_of,
    read_manifest,
)
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.sending import send_file
from pyvtl.cloud.tape_keys import send_key, shred_key
from pyvtl.cloud.threads import in_thread
from pyvtl.media.at_rest import PackIds, TapeAtRest
from pyvtl.media.medium import MediumError
from pyvtl.media.vault import Vault
from pyvtl.store.errors import StoreError
from pyvtl.store.repository import Label
from pyvtl.store.stored import StoredPack
from pyvtl.store.tape_map import Pack

PACKS_PER_POINT = 64
"""So many packs at most are in the store without a head that lists them."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a tape: packs of its recovery point, what was sent of them, what is wrong.

    `stored` are these packs, `others` those that they refer to: a committed head lists them now.
    """

    barcode: str
    packs: int = 0
    sent_packs: int = 0
    sent_bytes: int = 0
    problem: str | None = None
    shredded: bool = False
    stored: tuple[StoredPack, ...] = field(default=(), compare=False, repr=False)
    others: tuple[StoredPack, ...] = field(default=(), compare=False, repr=False)


async def push(store: ObjectStore, gateway: str, vault: Vault) -> AsyncIterator[Pushed]:
    """Push every tape that nobody uses; what is wrong with one keeps no other back.

    Raises ObjectStoreError where the store itself fails.
    """
    await sweep_uploads(store, gateway)
    for label in await in_thread(vault.labels):
        try:
            if label.deleted:
                await push_deletion(store, gateway, label, vault.needed)
                continue
            tape = await in_thread(vault.at_rest, label.barcode)
            pushed = await push_tape(store, gateway, tape)
        except (RefusedTapeError, CorruptDataError, MediumError, StoreError, OSError) as error:
            pushed = Pushed(label.barcode, problem=f"tape {label.barcode}: {error}")
        yield pushed


async def sweep_uploads(store: ObjectStore, gateway: str) -> None:
    """Abort uploads of packs that are there: an answer was lost, and another upload was made.

    Raises FencedError if this gateway was taken for lost, and adopted: then it sends nothing.
    """
    await check_not_adopted(store, gateway)
    for upload in await store.list_uploads(pack_prefix(gateway)):
        try:
            await store.head(upload.key)
        except NotFoundError:
            continue
        await store.abort_upload(upload)


async def push_deletion(
    store: ObjectStore, gateway: str, label: Label, needed: Callable[[PackIds], PackIds]
) -> None:
    """Tell the store that a tape was deleted, if it is there and still ours.

    One that is archived was only let go of here.
    """
    await although_it_moves(lambda: _push_deletion_once(store, gateway, label, needed))


async def _push_deletion_once(
    store: ObjectStore, gateway: str, label: Label, needed: Callable[[PackIds], PackIds]
) -> None:
    held = await read_head(store, label.barcode)
    if held is None or held.head.state != "active" or _of_another(held, label, gateway):
        return
    there = Standing(held, await read_manifest(store, held.head))
    await commit_deletion(store, gateway, there, TapeAtRest(label, (), None, needed=needed))


def _of_another(held: HeldHead, label: Label, gateway: str) -> bool:
    return (held.head.owner, held.head.tape_id) != (gateway, label.tape_id)


async def push_tape(
    store: ObjectStore, gateway: str, tape: TapeAtRest, parts: asyncio.Semaphore | None = None
) -> Pushed:
    """Send what the store lacks, with a recovery point after each 64 packs and at the end.

    Several pushes may share `parts`, the number of parts that are in memory at a time.  Raises
    FencedError when another gateway took the tape, or this gateway for lost, RefusedTapeError when
    it cannot be sent.
    """
    await check_not_adopted(store, gateway)
    if tape.shredded:
        return await push_shredding(store, gateway, tape.label)
    if tape.damage is not None:
        raise RefusedTapeError(f"it is damaged here: {tape.damage}; nothing was pushed")
    return await although_it_moves(lambda: _push_once(store, gateway, tape, parts))


async def push_shredding(store: ObjectStore, gateway: str, label: Label) -> Pushed:
    """Destroy the key of a tape in the store too; what else is there of it stays.

    RefusedTapeError where a version of it may be left.
    """
    held = await read_head(store, label.barcode)
    if held is not None:
        check_owner(label, gateway, held)
        try:
            await shred_key(store, label.barcode)
        except (UnsupportedError, RefusedError) as error:
            raise RefusedTapeError(
                f"its key is destroyed here, but perhaps not in the store: {error}"
            ) from None
    return Pushed(label.barcode, shredded=True)


async def _push_once(
    store: ObjectStore, gateway: str, tape: TapeAtRest, parts: asyncio.Semaphore | None
) -> Pushed:
    there = await _standing(store, gateway, tape)
    if there.held is not None and there.held.head.state == "retrieved":
        return Pushed(tape.label.barcode, len(tape.packs))
    await send_key(store, tape.label.barcode, tape.key)
    known = set(there.pack_ids)
    missing = iter([each for each in tape.packs if each[0].pack_id.hex() not in known])
    done = Pushed(tape.label.barcode, len(tape.packs))
    while (batch := list(islice(missing, PACKS_PER_POINT))) or _is_stale(tape, there):
        sender = _Sender(store, gateway, tape, parts)
        new = await sender.send(batch, there)
        there = await commit_point(store, gateway, tape, there, new)
        done = replace(
            done,
            sent_packs=done.sent_packs + len(new.own) + len(new.others),
            sent_bytes=done.sent_bytes + sender.sent_bytes,
        )
    assert there.manifest is not None, "a tape without one is stale"
    manifest = there.manifest
    return replace(done, stored=stored_packs(manifest.packs), others=stored_packs(manifest.others))


async def _standing(store: ObjectStore, gateway: str, tape: TapeAtRest) -> Standing:
    """What the store has of a tape that is ours there, from now on if it has nothing."""
    held = await read_head(store, tape.label.barcode)
    if held is None:
        return Standing(await claim(store, gateway, tape.label))
    check_owner(tape.label, gateway, held)
    there = Standing(held, await read_manifest(store, held.head))
    check_order(tape, there)
    return there


def _is_stale(tape: TapeAtRest, there: Standing) -> bool:
    """Whether the store lacks a recovery point of this generation."""
    return there.manifest is None or there.manifest.generation != generation_of(tape)


@dataclass(slots=True)
class _Sender:
    """Sends packs of one tape, and those that they refer to."""

    store: ObjectStore
    gateway: str
    tape: TapeAtRest
    parts: asyncio.Semaphore | None = None
    sent_bytes: int = 0

    async def send(self, batch: Sequence[tuple[Pack, Path]], there: Standing) -> Additions:
        """Have these packs in the store, and what they need."""
        own = [await self._send_own(*each) for each in batch]
        wanted = frozenset[bytes]().union(*(sent.local.refers_to for sent in own))
        wanted -= {pack.pack_id for pack, _ in self.tape.packs} | self._listed(there)
        others: list[SentPack] = []
        known: list[PackEntry] = []
        for pack_id in sorted(wanted):
            match await in_thread(self.tape.find, pack_id):
                case Path() as path:
                    others.append(await self._send_other(pack_id, path))
                case StoredPack() as stored if not stored.archived:
                    known.append(await entry_of(self.store, stored))
                case _:
                    raise RefusedTapeError(
                        f"it refers to pack {pack_id.hex()}, which is missing:"
                        " nothing that needs it was pushed"
                    )
        return Additions(own, others, known)

    def _listed(self, there: Standing) -> frozenset[bytes]:
        """The others that the recovery point has already, if it is of this generation."""
        if _is_stale(self.tape, there) or there.manifest is None:
            return frozenset()
        return frozenset(bytes.fromhex(entry.pack_id) for entry in there.manifest.others)

    async def _send_own(self, pack: Pack, path: Path) -> SentPack:
        return await self._send(await in_thread(local_pack, pack, path))

    async def _send_other(self, pack_id: bytes, path: Path) -> SentPack:
        return await self._send(await in_thread(other_pack, pack_id, path))

    async def _send(self, local: LocalPack) -> SentPack:
        key = pack_key(self.gateway, local.pack.pack_id.hex())
        sent = await send_file(self.store, key, local.path, self.parts)
        self.sent_bytes += sent.sent_bytes
        return SentPack(local, sent.file)
