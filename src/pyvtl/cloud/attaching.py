"""Take a tape over without its bytes: what it consists of comes here, its packs stay there.

A map has all that loading a tape takes.  What it says is held against the manifest, and each pack
against the one before it, so that a tape is attached as it was or not at all.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from pyvtl.cloud.documents import End, Manifest, PackEntry
from pyvtl.cloud.entries import stored_packs
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.recovery_point import read_manifest
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.spans import at_once
from pyvtl.cloud.taking import Check, Taken, from_anybody, label_of, take_over
from pyvtl.cloud.threads import in_thread
from pyvtl.media.medium import MediumError
from pyvtl.media.vault import Vault
from pyvtl.store.errors import DamageError
from pyvtl.store.format import NO_CHAIN, NO_PACK, SegmentHeader, decode_header
from pyvtl.store.recovery import decode_footer, pack_of
from pyvtl.store.stored import StoredPack
from pyvtl.store.tape_map import Pack


@dataclass(frozen=True, slots=True)
class AttachedTape:
    """A tape that is ours: its packs, and where the store has them and those they refer to."""

    taken: Taken
    packs: tuple[Pack, ...]
    stored: tuple[StoredPack, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attached:
    """What became of a tape: its packs, their bytes, whose it was, what is wrong."""

    barcode: str
    packs: int = 0
    pack_bytes: int = 0
    taken_from: str | None = None
    epoch: int = 0
    problem: str | None = None


async def attach(
    store: ObjectStore,
    gateway: str,
    vault: Vault,
    wanted: Iterable[str],
    check: Check = from_anybody,
) -> AsyncIterator[Attached]:
    """Take these tapes over and up into the vault; one's failure keeps no other back.

    A crash in between leaves a tape that is ours and not here: attaching it again ends it.  Raises
    ObjectStoreError where the store itself fails.
    """
    for barcode in wanted:
        try:
            attached = await _attach(store, gateway, vault, barcode, check)
        except (RefusedTapeError, NotFoundError, CorruptDataError, MediumError) as error:
            attached = Attached(barcode, problem=f"tape {barcode}: {error}")
        yield attached


async def _attach(
    store: ObjectStore, gateway: str, vault: Vault, barcode: str, check: Check
) -> Attached:
    if barcode in vault.barcodes():
        raise RefusedTapeError("it is here already, or one of that barcode was")
    tape = await attach_tape(store, gateway, barcode, check)
    taken = tape.taken
    await in_thread(vault.attach, taken.label, tape.packs, tape.stored, taken.key)
    size = sum(pack.length for pack in tape.packs)
    return Attached(barcode, len(tape.packs), size, taken.taken_from, taken.epoch)


async def restore_evicted(store: ObjectStore, gateway: str, vault: Vault) -> list[Attached]:
    """Tell the vault of its own tapes what the store has of them: a lost catalog knew it.

    Tapes that belong to another gateway by now, or are not in the store, are passed over.
    """
    found = []
    for label in await in_thread(vault.labels):
        held = None if label.deleted else await read_head(store, label.barcode)
        if held is None or (held.head.owner, held.head.tape_id) != (gateway, label.tape_id):
            continue
        manifest = await read_manifest(store, held.head)
        if manifest is not None:
            found.append(await _restore(store, vault, manifest, held.head.epoch))
    return found


async def _restore(store: ObjectStore, vault: Vault, manifest: Manifest, epoch: int) -> Attached:
    barcode = manifest.barcode
    try:
        packs = await read_packs(store, manifest)
        stored = stored_packs(manifest.entries)
        await in_thread(vault.attach, label_of(manifest), packs, stored)
    except (NotFoundError, CorruptDataError, MediumError) as error:
        return Attached(barcode, problem=f"tape {barcode}: {error}")
    return Attached(barcode, len(packs), sum(pack.length for pack in packs), epoch=epoch)


async def attach_tape(
    store: ObjectStore, gateway: str, barcode: str, check: Check = from_anybody
) -> AttachedTape:
    """Make a tape ours as its last recovery point has it.

    Raises RefusedTapeError, CorruptDataError where the store does not have what it should.
    """
    packs: tuple[Pack, ...] = ()

    async def bring(manifest: Manifest) -> None:
        nonlocal packs
        packs = await read_packs(store, manifest)

    taken = await take_over(store, gateway, barcode, bring, check)
    return AttachedTape(taken, packs, stored_packs(taken.manifest.entries))


async def read_packs(store: ObjectStore, manifest: Manifest) -> tuple[Pack, ...]:
    """The packs of a recovery point, from its maps; CorruptDataError unless all of it fits."""
    jobs = [partial(_read_pack, store, entry) for entry in manifest.packs]
    found = await at_once(jobs)
    for (header, _), entry in zip(found, manifest.packs, strict=True):
        if not _is_of(header, manifest, entry):
            raise CorruptDataError(f"{entry.map} is of another tape than {manifest.barcode}")
    packs = tuple(pack for _, pack in found)
    _check_chain(packs, manifest)
    return packs


async def _read_pack(store: ObjectStore, entry: PackEntry) -> tuple[SegmentHeader, Pack]:
    content = await store.get(entry.map, entry.map_offset, entry.map_length)
    return await in_thread(parse_outline, entry, content.data)


def parse_outline(entry: PackEntry, outline: bytes) -> tuple[SegmentHeader, Pack]:
    """The header and the pack in what a map has of it.  Raises CorruptDataError."""
    header = decode_header(outline[: SegmentHeader.SIZE])
    pack_id = bytes.fromhex(entry.pack_id)
    footer = decode_footer(outline[SegmentHeader.SIZE :], entry.length, pack_id)
    if header is None or header.pack_id != pack_id or footer is None:
        raise CorruptDataError(f"{entry.map} is no map of pack {entry.pack_id}")
    try:
        return header, pack_of(header, footer.index(), footer.length, footer.chain)
    except DamageError as error:
        raise CorruptDataError(f"{entry.map}: {error}") from None


def _is_of(header: SegmentHeader, manifest: Manifest, entry: PackEntry) -> bool:
    return (
        header.tape_id.hex(),
        header.barcode.rstrip().decode("ascii", "replace"),
        header.generation,
        header.sequence,
    ) == (manifest.tape_id, manifest.barcode, manifest.generation, entry.sequence)


def _check_chain(packs: Sequence[Pack], manifest: Manifest) -> None:
    """CorruptDataError unless each pack follows the one before, up to where the manifest ends."""
    before, ends = (NO_PACK, 0, NO_CHAIN), tuple[End, ...]()
    for pack in packs:
        if (pack.predecessor, pack.predecessor_length, pack.predecessor_chain) != before:
            raise CorruptDataError(
                f"pack {pack.pack_id.hex()} of {manifest.barcode} does not follow the one before"
            )
        before = pack.pack_id, pack.length, pack.chain
        if pack.commit is not None:
            ends = tuple(End(**end._asdict()) for end in pack.commit.places())
    if ends != manifest.ends:
        raise CorruptDataError(f"{manifest.barcode} does not end where its manifest says")
