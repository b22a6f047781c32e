"""A tape as it is shown: what the ledger and its volume say of it, and where it lies."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyvtl.gateway.ledger import TapeRecord
from pyvtl.gateway.states import READ_ONLY, Status
from pyvtl.media.inventory import Geometry, Place
from pyvtl.media.volume import Volume


@dataclass(frozen=True, slots=True)
class Tape:
    """One tape: the volume, and where it lies.  Sizes in bytes.

    `status` is one of AWS Storage Gateway's, or SHREDDED, or DAMAGED and why.  `slot` and
    `home_slot` are numbered as mtx does: storage slots from 1, import/export slots after them;
    `drive` counts from 0, as mtx counts data transfer elements.  `recovery_point_at` is when the
    object store last took the tape, `dirty_bytes` what of it lies here alone.  `progress` (0 to 1)
    and `problem` tell of the work that its status stands for.
    """

    barcode: str
    status: str
    size_bytes: int
    used_bytes: int
    write_protected: bool
    created_at: datetime
    element_address: int | None
    slot: int | None
    drive: int | None
    home_slot: int | None
    recovery_point_at: datetime | None
    dirty_bytes: int
    pool: str
    worm: bool
    pool_entered_at: datetime | None
    retention_started_at: datetime | None
    progress: float | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Doing:
    """How far the work on a tape is, from 0 to 1, and what keeps it from being done."""

    progress: float | None = None
    problem: str | None = None


IDLE = Doing()


def tape_of(
    record: TapeRecord, volume: Volume | None, place: Place | None, geometry: Geometry, doing: Doing
) -> Tape:
    """A tape of the ledger; it has no volume while nothing of it is here, and may lie nowhere."""
    address = None if place is None else place.address
    return Tape(
        barcode=record.barcode,
        status=_status(record, volume),
        size_bytes=record.capacity_bytes,
        used_bytes=record.used_bytes if volume is None else volume.used_bytes,
        write_protected=_is_protected(record, volume),
        created_at=datetime.fromtimestamp(record.created_at, UTC),
        element_address=address,
        slot=slot_number(geometry, address),
        drive=_index(geometry.drives, address),
        home_slot=slot_number(geometry, None if place is None else place.home),
        recovery_point_at=None if volume is None else volume.recovery_point_at,
        dirty_bytes=0 if volume is None else volume.dirty_bytes,
        pool=record.pool,
        worm=record.worm,
        pool_entered_at=_moment(record.pool_entered_at),
        retention_started_at=_moment(record.retention_started_at),
        progress=doing.progress,
        problem=doing.problem,
    )


def _status(record: TapeRecord, volume: Volume | None) -> str:
    """What is wrong with a volume is told in the place of AVAILABLE."""
    if volume is not None and record.status is Status.AVAILABLE:
        return volume.status
    return record.status.value


def _is_protected(record: TapeRecord, volume: Volume | None) -> bool:
    return record.status in READ_ONLY or (volume is not None and volume.write_protected)


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def slot_number(geometry: Geometry, address: int | None) -> int | None:
    """The number that mtx gives a storage or import/export element; None for other elements."""
    index = _index(geometry.slots, address)
    if index is not None:
        return index + 1
    index = _index(geometry.import_export, address)
    return None if index is None else len(geometry.slots) + index + 1


def _index(elements: range, address: int | None) -> int | None:
    return elements.index(address) if address is not None and address in elements else None
