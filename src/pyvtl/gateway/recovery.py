"""Gateways that are lost, and their tapes as the object store has them."""

import time
from collections.abc import Iterable

from pyvtl.cloud.adopting import RefusedAdoptionError, check_known, disable, tapes_of
from pyvtl.cloud.attaching import attach
from pyvtl.cloud.documents import Head
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.recovering import (
    RecoveryPoint,
    check_recoverable,
    recovery_point,
    recovery_points,
    release,
)
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import BarcodeTakenError, StorageError, TapeNotFoundError
from pyvtl.gateway.store_errors import told_by_the_store
from pyvtl.media.vault import Vault


class Recovery:
    """What one gateway does about the others that are lost.

    Raises StoreUnavailableError where the store fails.
    """

    def __init__(self, store: ObjectStore, gateway: str, vault: Vault) -> None:
        self._store, self._gateway, self._vault = store, gateway, vault

    async def disable(self, lost: str) -> None:
        """Look after what a lost gateway left, which is refused when it comes back.

        Raises OtherGatewayNotFoundError, GatewayInUseError while it is connected, or if another
        gateway was faster.
        """
        with told_by_the_store():
            await disable(self._store, self._gateway, lost, now=int(time.time()))
            await release(self._store, lost)

    async def tapes_of(self, gateway: str) -> list[str]:
        """The tapes of a gateway that are not in the archive; OtherGatewayNotFoundError."""
        with told_by_the_store():
            await check_known(self._store, gateway)
            return await tapes_of(self._store, gateway)

    async def points(self, barcodes: Iterable[str]) -> list[RecoveryPoint]:
        """The last recovery points of those of these tapes that have one."""
        with told_by_the_store():
            return await recovery_points(self._store, barcodes)

    async def point(self, barcode: str) -> RecoveryPoint:
        """That of a tape that can be taken over.

        Raises TapeNotFoundError, GatewayInUseError, BarcodeTakenError, and StorageError where an
        encrypted tape cannot be opened here.
        """
        if barcode in await in_thread(self._vault.barcodes):
            raise BarcodeTakenError(
                f"a tape {barcode} was here before: bring it to another gateway"
            )
        with told_by_the_store():
            try:
                point, key = await recovery_point(self._store, self._gateway, barcode)
            except RefusedAdoptionError:
                raise
            except RefusedTapeError as error:
                raise TapeNotFoundError(f"tape {barcode}: {error}") from None
            if key is not None:
                await in_thread(self._vault.check_key, barcode, key)
        return point

    async def take_over(self, barcode: str) -> None:
        """Have a tape be this gateway's, as its last recovery point has it; once more is no error.

        Its packs stay in the store.  StorageError where that cannot be.
        """

        async def check(head: Head) -> None:  # Another gateway may have been faster.
            await check_recoverable(self._store, self._gateway, head.owner)

        with told_by_the_store():
            if barcode in {volume.barcode for volume in await in_thread(self._vault.volumes)}:
                return
            wanted = [barcode]
            async for each in attach(self._store, self._gateway, self._vault, wanted, check):
                if each.problem is not None:
                    raise StorageError(each.problem)
