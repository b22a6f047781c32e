"""What a user sees and wants of the cache: `pyvtl cache`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import TapeNotFoundError, told_as_gateway_errors
from pyvtl.media.storing import storing
from pyvtl.media.vault import Vault
from pyvtl.store.warming import Warmed, warm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TapeCopies:
    """What the object store has of a tape, and how much of that lies here too."""

    barcode: str
    stored_bytes: int
    local_bytes: int
    pinned: bool


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """How the cache stands.

    `limit_bytes` is None when nothing is ever evicted.  `dirty_bytes` lie here and in no object
    store, or are set aside to write on; they are not counted in `used_bytes`.  `hits` and `misses`
    count reads of pieces of 4 MiB since the start.
    """

    limit_bytes: int | None
    used_bytes: int
    pinned_bytes: int
    dirty_bytes: int
    hits: int
    misses: int
    tapes: Sequence[TapeCopies]


class CacheDesk:
    """Requests that have to do with the cache.  Raises GatewayError."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def status(self) -> CacheStatus:
        """How the cache stands, as a whole and by tape."""
        return await self._ask(self._status)

    async def pin(self, barcode: str, *, wanted: bool) -> None:
        """Keep all copies of a tape here, or let them go again."""
        cache = self._vault.cache
        await self._about(barcode, lambda: (cache.pin if wanted else cache.unpin)(barcode))

    async def evict(self) -> None:
        """Delete all copies that may go."""
        await self._ask(self._vault.cache.evict)

    async def warm(self, barcode: str, first: int) -> Warmed:
        """Have the next pieces of a tape here."""
        return await self._about(barcode, lambda: warm(self._vault.cache, barcode, first))

    async def _about(self, barcode: str, what: Callable[[], T]) -> T:
        volumes = await in_thread(self._vault.volumes)
        if all(volume.barcode != barcode for volume in volumes):
            raise TapeNotFoundError(f"there is no tape {barcode}")
        return await self._ask(what)

    async def _ask(self, what: Callable[[], T]) -> T:
        with told_as_gateway_errors(), storing():
            return await in_thread(what)

    def _status(self) -> CacheStatus:
        cache = self._vault.cache
        figures, pins, local = cache.figures(), cache.rows.pins(), cache.local_bytes()
        stored = cache.rows.stored_bytes()
        return CacheStatus(
            figures.limit_bytes,
            figures.used_bytes,
            figures.pinned_bytes,
            self._vault.dirty_bytes,
            figures.hits,
            figures.misses,
            [
                TapeCopies(name, stored.get(name, 0), local.get(name, 0), name in pins)
                for name in sorted({*stored, *pins})
            ],
        )
