"""The recovery points of tapes, and taking over those of gateways that are lost."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from pyvtl.cloud.adopting import check_disabled
from pyvtl.cloud.documents import Manifest
from pyvtl.cloud.names import ARCHIVED
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.retrieving import set_state
from pyvtl.cloud.spans import READS_AT_ONCE, at_once
from pyvtl.cloud.taking import active_head, wanted_key, wanted_manifest


async def release(store: ObjectStore, lost: str) -> None:
    """Have tapes that a lost gateway retrieved be in the archive alone: others may have them."""
    keys = [entry.key async for entry in listing(store, ARCHIVED)]
    jobs = [partial(set_state, store, key.removeprefix(ARCHIVED), lost, "archived") for key in keys]
    await at_once(jobs, READS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A tape as the store has it.  Sizes in bytes, times in seconds since 1970.

    `gateway` is the one that has the tape; when its latest state was taken older ones did not tell.
    """

    barcode: str
    gateway: str
    taken_at: int | None
    size_bytes: int
    created_at: int
    worm: bool


async def recovery_points(store: ObjectStore, barcodes: Iterable[str]) -> list[RecoveryPoint]:
    """The last recovery points of those of these tapes that have one."""
    jobs = [partial(_if_there, store, barcode) for barcode in barcodes]
    found = await at_once(jobs, READS_AT_ONCE)
    return [point for point in found if point is not None]


async def recovery_point(
    store: ObjectStore, gateway: str, barcode: str
) -> tuple[RecoveryPoint, bytes | None]:
    """The one that a gateway may take a tape over by: its own, or that of a disabled gateway.

    With the `key.json` of the tape, if it is encrypted.
    Raises RefusedTapeError where there is none, RefusedAdoptionError where the gateway that has the
    tape is not disabled.
    """
    point, manifest = await _point(store, barcode)
    await check_recoverable(store, gateway, point.gateway)
    return point, await wanted_key(store, manifest)


async def check_recoverable(store: ObjectStore, gateway: str, owner: str) -> None:
    """Raise RefusedAdoptionError unless a gateway may have the tapes of that owner."""
    if owner != gateway:
        await check_disabled(store, owner)


async def _if_there(store: ObjectStore, barcode: str) -> RecoveryPoint | None:
    try:
        return (await _point(store, barcode))[0]
    except RefusedTapeError:
        return None


async def _point(store: ObjectStore, barcode: str) -> tuple[RecoveryPoint, Manifest]:
    head = (await active_head(store, barcode)).head
    manifest = await wanted_manifest(store, head)
    point = RecoveryPoint(
        barcode,
        head.owner,
        manifest.taken_at,
        manifest.capacity_bytes,
        manifest.created_at,
        manifest.worm,
    )
    return point, manifest
