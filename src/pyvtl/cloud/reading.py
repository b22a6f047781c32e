"""Packs of the store for those who read in threads of their own."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

from pyvtl.cloud.errors import CorruptDataError, NotFoundError, ObjectStoreError
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.store.errors import DamageError
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.stored import StoredPack

PATIENCE_SECONDS = 60.0
"""How long a reader waits for the store before its host is told."""


class StoreSource:
    """A `PackSource`: asks a store that lives on an event loop, from any other thread."""

    def __init__(
        self,
        store: ObjectStore,
        loop: asyncio.AbstractEventLoop,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._store, self._loop, self._patience = store, loop, patience_seconds

    def fetch(self, pack: StoredPack, start: int, length: int) -> bytes:
        return self.wait(self.begin(pack, start, length))

    def fetch_map(self, pack: StoredPack) -> bytes:
        return self.wait(self._begin(self._span(pack.map, pack.map_offset, pack.map_length)))

    def begin(self, pack: StoredPack, start: int, length: int) -> Future[bytes]:
        """Ask for bytes of a pack, and go on; `wait` gives them."""
        return self._begin(self._span(pack_key(pack.gateway, pack.pack_id.hex()), start, length))

    def wait(self, answer: Future[bytes]) -> bytes:
        """The bytes that were asked for.  Raises UnreachableError, DamageError."""
        try:
            return answer.result(self._patience)
        except TimeoutError:
            answer.cancel()
            raise UnreachableError(
                f"the object store gave no answer for {self._patience:g} seconds"
            ) from None
        except asyncio.CancelledError:
            raise UnreachableError("the object store was let go of") from None
        except (NotFoundError, CorruptDataError) as error:
            raise DamageError(str(error)) from error
        except ObjectStoreError as error:
            raise UnreachableError(str(error)) from error

    def _begin(self, span: Coroutine[Any, Any, bytes]) -> Future[bytes]:
        try:
            return asyncio.run_coroutine_threadsafe(span, self._loop)
        except RuntimeError:  # The loop is closed.
            span.close()
            raise UnreachableError("the object store was let go of") from None

    async def _span(self, key: str, start: int, length: int) -> bytes:
        data = (await self._store.get(key, start, length)).data
        if len(data) != length:
            raise CorruptDataError(f"{key} in the store ends before byte {start + length}")
        return data
