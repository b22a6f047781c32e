"""A tape as it can be copied while a drive writes it: its closed packs, and what waits for that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pyvtl.media.at_rest import TapeAtRest, described
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.upload_state import UploadState
from pyvtl.media.volume import SHREDDED
from pyvtl.store.catalog import TapeRow
from pyvtl.store.dirty import DirtyTape
from pyvtl.store.format import NO_PACK
from pyvtl.store.loading import KnownPack, TapeFolder
from pyvtl.store.repository import Label
from pyvtl.store.stored import StoredPack
from pyvtl.store.tape_map import Pack


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the object store lacks of a tape.

    `closed` counts packs that can be sent, `open_packs` those that have to be sealed first.
    `appends` changes while the tape is written; `in_use` says whether a drive has it, `known`
    whether the store does.  A tape that was deleted is `deleted` until the store knows that.
    """

    barcode: str
    dirty_bytes: int
    closed: int
    open_packs: int
    appends: int = 0
    in_use: bool = False
    known: bool = True
    deleted: bool = False


def backlog_of(
    row: TapeRow, dirty: DirtyTape, state: UploadState | None, held: Cartridge | None
) -> Backlog | None:
    """What there is to tell the store of a tape, if anything is; `held` is it while in use."""
    if row.deleted:
        told = state is None
        return None if told else Backlog(row.barcode, dirty.size_bytes, 0, 0, deleted=True)
    known = state is not None and state.recovery_point_at > 0
    if known and not dirty.open and not dirty.closed:
        return None
    return Backlog(
        row.barcode,
        dirty.size_bytes,
        dirty.closed,
        dirty.open,
        appends=0 if held is None else held.appends,
        in_use=held is not None,
        known=known,
    )


def snapshot_of(
    folder: TapeFolder,
    label: Label,
    known: Mapping[bytes, KnownPack],
    generation: int,
    damage: str | None,
    *,
    stored: Callable[[bytes], StoredPack | None],
) -> TapeAtRest | None:
    """The closed packs of the generation that counts; None while it has none of them."""
    if damage == SHREDDED:
        return TapeAtRest(replace(label, encrypted=True), (), None, shredded=True)
    packs = _chained([fact.pack for fact in known.values() if fact.pack is not None], generation)
    if known and not packs:
        return None
    return described(folder, label, packs, damage, stored)


def _chained(packs: list[Pack], generation: int) -> list[Pack]:
    """Those of a generation up to where one is missing, which is open still, or not known yet."""
    found: list[Pack] = []
    before = NO_PACK
    for pack in packs:
        if pack.generation == generation and pack.predecessor == before:
            found.append(pack)
            before = pack.pack_id
    return found
