"""Bring tapes at rest into the store, so that it alone holds each at its last COMMIT."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import HeldHead, read_head
from pyvtl.cloud.local_packs import LocalPack, local_pack, refuse_foreign
from pyvtl.cloud.names import pack_key, pack_prefix
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.recovery_point import (
    Standing,
    check_order,
    check_owner,
    commit_deletion,
    commit_point,
    generation_of,
    read_manifest,
)
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.sending import send_file
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.media.medium import MediumError
from pyvtl.media.vault import Vault
from pyvtl.store.errors import StoreError
from pyvtl.store.repository import Label
from pyvtl.store.tape_map import Pack

PACKS_PER_POINT = 64
"""So many packs at most are in the store without a head that lists them."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a tape: packs of its recovery point, what was sent of them, what is wrong."""

    barcode: str
    packs: int = 0
    sent_packs: int = 0
    sent_bytes: int = 0
    problem: str | None = None


async def push(store: ObjectStore, gateway: str, vault: Vault) -> AsyncIterator[Pushed]:
    """Push every tape that nobody uses; what is wrong with one keeps no other back.

    Raises ObjectStoreError where the store itself fails.
    """
    await sweep_uploads(store, gateway)
    for label in await asyncio.to_thread(vault.labels):
        try:
            if label.deleted:
                await push_deletion(store, gateway, label)
                continue
            pushed = await push_tape(
                store, gateway, await asyncio.to_thread(vault.at_rest, label.barcode)
            )
        except (RefusedTapeError, CorruptDataError, MediumError, StoreError, OSError) as error:
            pushed = Pushed(label.barcode, problem=f"tape {label.barcode}: {error}")
        yield pushed


async def sweep_uploads(store: ObjectStore, gateway: str) -> None:
    """Abort uploads of packs that are there: an answer was lost, and another upload was made."""
    for upload in await store.list_uploads(pack_prefix(gateway)):
        try:
            await store.head(upload.key)
        except NotFoundError:
            continue
        await store.abort_upload(upload)


async def push_deletion(store: ObjectStore, gateway: str, label: Label) -> None:
    """Tell the store that a tape was deleted, if it is there and still ours.

    One that is archived was only let go of here.
    """
    held = await read_head(store, label.barcode)
    if held is None or held.head.state != "active" or _of_another(held, label, gateway):
        return
    await commit_deletion(store, gateway, label, Standing(held))


def _of_another(held: HeldHead, label: Label, gateway: str) -> bool:
    return (held.head.owner, held.head.tape_id) != (gateway, label.tape_id)


async def push_tape(store: ObjectStore, gateway: str, tape: TapeAtRest) -> Pushed:
    """Send the packs that the store lacks, with a recovery point after each 64 and at the end."""
    if tape.damage is not None:
        raise RefusedTapeError(f"it is damaged here: {tape.damage}; nothing was pushed")
    held = await read_head(store, tape.label.barcode)
    check_owner(tape.label, gateway, held)
    if held is not None and held.head.state == "retrieved":
        return Pushed(tape.label.barcode, len(tape.packs))
    there = Standing(held, await read_manifest(store, held.head) if held is not None else None)
    check_order(tape, there)
    known = set(there.pack_ids)
    missing = iter([each for each in tape.packs if each[0].pack_id.hex() not in known])
    done = Pushed(tape.label.barcode, len(tape.packs))
    while (batch := list(islice(missing, PACKS_PER_POINT))) or _is_stale(tape, there):
        sent = [await _send_pack(store, gateway, tape, *each) for each in batch]
        there = await commit_point(store, gateway, tape, there, [local for local, _ in sent])
        done = replace(
            done,
            sent_packs=done.sent_packs + len(sent),
            sent_bytes=done.sent_bytes + sum(count for _, count in sent),
        )
    return done


def _is_stale(tape: TapeAtRest, there: Standing) -> bool:
    """Whether the store lacks a recovery point of this generation."""
    return there.manifest is None or there.manifest.generation != generation_of(tape)


async def _send_pack(
    store: ObjectStore, gateway: str, tape: TapeAtRest, pack: Pack, path: Path
) -> tuple[LocalPack, int]:
    local = await asyncio.to_thread(local_pack, pack, path)
    refuse_foreign(tape, [local])
    key = pack_key(gateway, pack.pack_id.hex())
    return local, await send_file(store, key, local.file)
