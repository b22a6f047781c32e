"""A drive in its bay of the library: what the changer and the management do with it."""

import asyncio
from collections.abc import Callable
from functools import partial

from pyvtl.cloud.threads import in_thread
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.media.medium import Medium
from pyvtl.scsi.identity import Identity


class DriveBay:
    """Loads volumes by barcode.  Loading, unloading and protecting never happen at once."""

    def __init__(self, drive: TapeDrive, open_volume: Callable[[str], Medium]) -> None:
        """`open_volume` may block: it is called in the drive's thread."""
        self.drive = drive
        self._open_volume = open_volume
        self._busy = asyncio.Lock()

    @property
    def identity(self) -> Identity:
        return self.drive.identity

    @property
    def removal_prevented(self) -> bool:
        return self.drive.removal_prevented

    async def load(self, barcode: str) -> None:
        """Open the volume and make the drive ready with it.  Raises MediumError."""
        async with self._busy:
            await self.drive.load(partial(self._open_volume, barcode), barcode)

    async def unload(self, *, by_force: bool = False) -> None:
        """Make durable what was written, and let the volume go.

        Raises MediumError, and unless by force CheckCondition when an initiator prevents it.
        """
        async with self._busy:
            if self.drive.loaded is not None:
                await self.drive.unload(by_force=by_force)

    async def seal(self, barcode: str) -> None:
        """Let what is on the volume be copied, if it is in the drive.  Raises MediumError."""
        if self.drive.loaded == barcode:
            await self.drive.seal()

    async def refuse(self, barcode: str) -> None:
        """Let no host use that volume, if it is in the drive; it stays durable.  MediumError."""
        if self.drive.loaded == barcode:
            await self.drive.refuse()

    async def protect(
        self, barcode: str, write_protected: bool, protect_closed: Callable[[], None]
    ) -> None:
        """Set the write protection of the volume, whoever uses it.

        `protect_closed` does it while the volume is not open, and may block.
        """
        async with self._busy, self.drive.gate:
            await self.drive.settle()
            if self.drive.loaded == barcode and self.drive.ready:
                await self.drive.tape.protect(write_protected)
            else:
                await in_thread(protect_closed)
