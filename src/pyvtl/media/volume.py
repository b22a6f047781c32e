"""A cartridge as it is listed."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pyvtl.media.cartridge import Cartridge
from pyvtl.store.catalog import TapeRow
from pyvtl.store.repository import Label

SHREDDED = "SHREDDED"


@dataclass(frozen=True, slots=True)
class Volume:
    """A cartridge as listed.  Sizes in bytes.

    `status` is AVAILABLE, SHREDDED, or DAMAGED and why.
    """

    barcode: str
    capacity_bytes: int
    used_bytes: int
    created_at: datetime
    write_protected: bool
    status: str
    tape_id: bytes


def volume_of(row: TapeRow, live: Cartridge | None) -> Volume:
    """What the catalog says of a tape, or the cartridge itself while it is in use."""
    return Volume(
        barcode=row.barcode,
        capacity_bytes=row.capacity_bytes,
        used_bytes=live.used_bytes if live else row.used_bytes,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        write_protected=live.attributes.write_protected if live else row.write_protected,
        status=_status(live.damage if live else row.damage),
        tape_id=row.tape_id,
    )


def _status(damage: str | None) -> str:
    if damage == SHREDDED:
        return SHREDDED
    return f"DAMAGED: {damage}" if damage else "AVAILABLE"


def label_of(row: TapeRow) -> Label:
    """The label of a tape, from what the catalog says of it."""
    return Label(
        row.barcode, row.tape_id.hex(), row.capacity_bytes, row.created_at, deleted=row.deleted
    )
