"""Pools: which storage class archived tapes lie in, and how long nobody may delete them.

With an object store, custom pools are documents there, so that all gateways that use it share them;
the ledger has a copy.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import (
    InvalidRequestError,
    PoolChangeError,
    PoolInUseError,
    PoolNotFoundError,
    RetentionLockedError,
)
from pyvtl.gateway.ledger import Ledger, PoolRecord
from pyvtl.gateway.tags import check_tags

if TYPE_CHECKING:
    from pyvtl.gateway.tape_shelf import TapeShelf

DAY_SECONDS: Final = 86_400
LONGEST_LOCK_DAYS: Final = 36_500
POOL_NAME: Final = re.compile(r"[ -.0-\[\]-~]*[!-.0-\[\]-~][ -.0-\[\]-~]*")
"""1 to 100 printable characters, no slash or backslash, not blanks alone."""
LONGEST_NAME: Final = 100
ACTIVE, DELETED = "ACTIVE", "DELETED"


class StorageClass(StrEnum):
    """TapeStorageClass of AWS Storage Gateway, from the shallow to the deep."""

    GLACIER = "GLACIER"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"


class RetentionLock(StrEnum):
    """RetentionLockType: what keeps an archived tape from being deleted, and who may pass it."""

    NONE = "NONE"
    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


DEFAULT_POOLS: Final[Mapping[str, PoolRecord]] = {
    kind.value: PoolRecord(kind.value, name, kind.value, RetentionLock.NONE.value, 0)
    for kind, name in (
        (StorageClass.GLACIER, "Glacier Pool"),
        (StorageClass.DEEP_ARCHIVE, "Deep Archive Pool"),
    )
}
DEFAULT_POOL: Final = StorageClass.GLACIER.value


class Pools:
    """Makes, lists and deletes pools.  A pool never changes; deleting it only closes it."""

    def __init__(self, ledger: Ledger, shelf: "TapeShelf | None") -> None:
        """`shelf` is the archive in the object store, if there is one."""
        self._ledger, self._shelf = ledger, shelf

    async def list(self) -> list[PoolRecord]:
        """The default pools, then custom ones by id, the deleted ones too."""
        await self._refresh()
        return [*DEFAULT_POOLS.values(), *await in_thread(self._ledger.pools)]

    async def show(self, pool_id: str) -> PoolRecord:
        """One pool; PoolNotFoundError."""
        if pool_id in DEFAULT_POOLS:
            return DEFAULT_POOLS[pool_id]
        for pool in await self.list():
            if pool.id == pool_id:
                return pool
        raise PoolNotFoundError(f"there is no pool {pool_id}: `pyvtl pool list` shows all")

    async def active(self, pool_id: str) -> PoolRecord:
        """A pool that tapes may be put into; PoolNotFoundError."""
        pool = await self.show(pool_id)
        if pool.status != ACTIVE:
            raise PoolNotFoundError(f"pool {pool_id} was deleted: name another")
        return pool

    async def create(
        self,
        name: str,
        storage_class: str,
        retention_lock: str = RetentionLock.NONE.value,
        lock_days: int = 0,
        tags: Mapping[str, str] | None = None,
    ) -> PoolRecord:
        """Make a custom pool.

        Raises InvalidRequestError, TooManyTagsError, StoreUnavailableError.
        """
        check_tags(tags or {})
        pool = PoolRecord(
            f"pool-{secrets.token_hex(4).upper()}", name, storage_class, retention_lock, lock_days
        )
        _check(pool)
        if self._shelf is not None:
            await self._shelf.put_pool(pool)
        await in_thread(self._ledger.put_pools, [pool])
        if tags:
            await in_thread(self._ledger.retag, f"pool/{pool.id}", tags)
        return pool

    async def delete(self, pool_id: str) -> None:
        """Close a custom pool.  PoolInUseError while tapes or rules name it."""
        if pool_id in DEFAULT_POOLS:
            raise PoolInUseError(f"{pool_id} is a default pool, which cannot be deleted")
        pool = await self.active(pool_id)
        await self._refuse_while_used(pool_id)
        deleted = replace(pool, status=DELETED)
        if self._shelf is not None:
            await self._shelf.put_pool(deleted)
        await in_thread(self._ledger.put_pools, [deleted])

    async def _refuse_while_used(self, pool_id: str) -> None:
        rules = await in_thread(self._ledger.rules)
        prefixes = [rule.prefix for rule in rules if rule.pool == pool_id]
        if prefixes:
            raise PoolInUseError(
                f"automatic tape creation of {', '.join(prefixes)} names pool {pool_id}: change"
                " that policy first"
            )
        tapes = [tape.barcode for tape in self._ledger.tapes().values() if tape.pool == pool_id]
        if self._shelf is not None:
            tapes += [tape.barcode for tape in await self._shelf.tapes() if tape.pool == pool_id]
        if tapes:
            raise PoolInUseError(
                f"tape {min(tapes)} is in pool {pool_id}, and {len(set(tapes)) - 1} more:"
                " assign them to another pool, or delete them, first"
            )

    async def _refresh(self) -> None:
        """Learn of the pools that other gateways made."""
        if self._shelf is not None:
            found = await self._shelf.pools()
            if found != await in_thread(self._ledger.pools):
                await in_thread(self._ledger.put_pools, found)


def _check(pool: PoolRecord) -> None:
    """Raise InvalidRequestError for what no pool can be."""
    if not POOL_NAME.fullmatch(pool.name) or len(pool.name) > LONGEST_NAME:
        raise InvalidRequestError(
            f"{pool.name!r} is no name of a pool: 1 to {LONGEST_NAME} printable characters but / \\"
        )
    for value, kinds in (
        (pool.storage_class, StorageClass),
        (pool.retention_lock, RetentionLock),
    ):
        if value not in [kind.value for kind in kinds]:
            names = ", ".join(kind.value for kind in kinds)
            raise InvalidRequestError(f"{value!r} is none of {names}")
    if not 0 <= pool.lock_days <= LONGEST_LOCK_DAYS:
        raise InvalidRequestError(f"a lock of {pool.lock_days} days: 0 to {LONGEST_LOCK_DAYS}")
    if (pool.lock_days > 0) != (pool.retention_lock != RetentionLock.NONE):
        raise InvalidRequestError(
            "a retention lock needs a number of days, and days need a lock: GOVERNANCE or"
            " COMPLIANCE"
        )


def lock_end(pool: PoolRecord, start: int) -> int | None:
    """When the lock of a tape ends that begins at `start`; None without a lock."""
    if pool.retention_lock == RetentionLock.NONE:
        return None
    return start + pool.lock_days * DAY_SECONDS


def check_unlocked(
    barcode: str, lock: str, locked_until: int | None, now: float, *, bypass: bool
) -> None:
    """Raise RetentionLockedError while a lock holds that is not passed by `bypass`."""
    if locked_until is None or now >= locked_until or lock == RetentionLock.NONE:
        return
    if lock == RetentionLock.GOVERNANCE and bypass:
        return
    days = -int(-(locked_until - now) // DAY_SECONDS)
    way = "wait" if lock == RetentionLock.COMPLIANCE else "wait, or bypass governance retention"
    raise RetentionLockedError(
        f"tape {barcode} is under a {lock} retention lock for {days} more days: {way}"
    )


def check_class_change(barcode: str, storage_class: str, pool: PoolRecord) -> None:
    """Raise PoolChangeError for a tape that would leave the deep archive for the shallow one."""
    deep, shallow = StorageClass.DEEP_ARCHIVE, StorageClass.GLACIER
    if (storage_class, pool.storage_class) == (deep, shallow):
        raise PoolChangeError(
            f"tape {barcode} is archived in {deep}, and cannot go from there to {shallow}: retrieve"
            " it and copy it to a tape of that pool"
        )
