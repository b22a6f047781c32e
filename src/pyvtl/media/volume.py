"""A cartridge as it is listed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.upload_state import UploadState
from pyvtl.store.catalog import TapeRow
from pyvtl.store.repository import Label

SHREDDED = "SHREDDED"


@dataclass(frozen=True, slots=True)
class Volume:
    """A cartridge as listed.  Sizes in bytes.

    `status` is AVAILABLE, SHREDDED, or FENCED or DAMAGED and why.  `recovery_point_at` is when the
    object store last took it, `dirty_bytes` what of it lies here alone.
    """

    barcode: str
    capacity_bytes: int
    used_bytes: int
    created_at: datetime
    write_protected: bool
    status: str
    tape_id: bytes
    recovery_point_at: datetime | None = None
    dirty_bytes: int = 0


def volume_of(
    row: TapeRow, live: Cartridge | None, state: UploadState | None, dirty_bytes: int
) -> Volume:
    """What the catalog says of a tape, or the cartridge itself while it is in use."""
    uploaded_at = state.recovery_point_at if state is not None else 0
    return Volume(
        barcode=row.barcode,
        capacity_bytes=row.capacity_bytes,
        used_bytes=live.used_bytes if live else row.used_bytes,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        write_protected=live.attributes.write_protected if live else row.write_protected,
        status=_status(live.damage if live else row.damage, state.fenced if state else None),
        tape_id=row.tape_id,
        recovery_point_at=datetime.fromtimestamp(uploaded_at, UTC) if uploaded_at else None,
        dirty_bytes=dirty_bytes,
    )


def _status(damage: str | None, fenced: str | None) -> str:
    if damage == SHREDDED:
        return SHREDDED
    if fenced is not None:
        return f"FENCED: {fenced}"
    return f"DAMAGED: {damage}" if damage else "AVAILABLE"


def label_of(row: TapeRow) -> Label:
    """The label of a tape, from what the catalog says of it."""
    return Label(
        row.barcode, row.tape_id.hex(), row.capacity_bytes, row.created_at, deleted=row.deleted
    )
