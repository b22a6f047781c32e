"""What is told of a tape that is in the archive, and what its head keeps of it."""

import time
from dataclasses import dataclass

from pyvtl.cloud.documents import Archive, Head
from pyvtl.gateway.ledger import PoolRecord, TapeRecord
from pyvtl.gateway.pools import lock_end
from pyvtl.gateway.states import Status


@dataclass(frozen=True, slots=True)
class ArchivedTape:
    """A tape that the archive has.  Sizes in bytes, times in seconds since 1970.

    `gateway` is the one that archived it, or that it is retrieved to.
    """

    barcode: str
    status: str
    gateway: str
    size_bytes: int
    used_bytes: int
    created_at: int
    archived_at: int
    worm: bool
    pool: str
    storage_class: str
    pool_entered_at: int | None
    retention_started_at: int | None
    retention_lock: str
    locked_until: int | None
    tags: dict[str, str]


def archive_of_tape(
    record: TapeRecord,
    pool: PoolRecord,
    used_bytes: int,
    tags: dict[str, str],
    before: Archive | None,
) -> Archive:
    """What the head tells of a tape; the lock of one that was archived before goes on."""
    now = int(time.time())
    locked = lock_end(pool, now)
    about = Archive(
        archived_at=now,
        capacity_bytes=record.capacity_bytes,
        used_bytes=used_bytes,
        created_at=record.created_at,
        worm=record.worm,
        pool=pool.id,
        storage_class=pool.storage_class,
        pool_entered_at=record.pool_entered_at,
        retention_started_at=now if locked is not None else None,
        retention_lock=pool.retention_lock,
        locked_until=locked,
        tags=tags,
    )
    if before is None:
        return about
    kept = ("pool", "storage_class", "retention_started_at", "retention_lock", "locked_until")
    return about.model_copy(update={name: getattr(before, name) for name in kept})


def archived_tape(head: Head) -> ArchivedTape:
    """What a head tells that names an archive."""
    about = head.archive
    assert about is not None, "only of a tape that the archive has"
    return ArchivedTape(
        barcode=head.barcode,
        status=Status[head.state.upper()].value,
        gateway=head.owner,
        size_bytes=about.capacity_bytes,
        used_bytes=about.used_bytes,
        created_at=about.created_at,
        archived_at=about.archived_at,
        worm=about.worm,
        pool=about.pool,
        storage_class=about.storage_class,
        pool_entered_at=about.pool_entered_at,
        retention_started_at=about.retention_started_at,
        retention_lock=about.retention_lock,
        locked_until=about.locked_until,
        tags=dict(about.tags),
    )
