"""Deleting in the background what no tape in the store needs any more."""

import time
from collections.abc import Callable, Collection
from typing import Final

import structlog

from pyvtl.cloud.collecting import collect
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.refusals import RefusedTapeError

log = structlog.get_logger()

REST_SECONDS: Final = 600.0
"""Between two collections, each of which reads the heads of all tapes."""


class Upkeep:
    """Collects some time after the start, and after tapes were deleted or overwritten."""

    def __init__(
        self,
        store: ObjectStore,
        gateway: str,
        keep: Callable[[Collection[bytes]], Collection[bytes]],
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        """`keep` tells which packs anything here needs; it is called in a thread."""
        self._store, self._gateway, self._keep, self._rest = store, gateway, keep, rest_seconds
        self._not_before = time.monotonic() + rest_seconds
        self._generations: dict[str, int] = {}
        self._wanted = True

    def pushed(self, barcode: str, generation: int) -> None:
        """The store has this generation of a tape now."""
        self._wanted |= self._generations.get(barcode, generation) != generation
        self._generations[barcode] = generation

    def deleted(self) -> None:
        """The store knows that a tape was deleted."""
        self._wanted = True

    def is_due(self, now: float) -> bool:
        """Whether there may be something to delete, and enough time has passed."""
        return self._wanted and now >= self._not_before

    async def collect(self) -> None:
        """Delete what nobody needs.  Raises ObjectStoreError."""
        self._wanted, self._not_before = False, time.monotonic() + self._rest
        try:
            done = await collect(self._store, self._gateway, self._keep)
        except RefusedTapeError as error:
            self._wanted = True
            log.warning("collection.put_off", reason=str(error))
        else:
            log.info("collection.done", packs=done.packs, size_bytes=done.pack_bytes)
