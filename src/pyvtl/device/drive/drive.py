"""The tape drive: a logical unit that a library loads and unloads (SSC-5)."""

from collections.abc import Callable
from types import MappingProxyType
from typing import ClassVar

from pyvtl.device.drive.log_pages import log_pages
from pyvtl.device.drive.state import DriveState
from pyvtl.device.drive.table import COMMANDS
from pyvtl.media.medium import Medium, MediumError
from pyvtl.scsi.command import CommandTable
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.log_page import LogPages
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.sense import Asc, illegal_request


def device_capabilities(drive: DriveState, nexus: Nexus) -> bytes:
    """SSC-5 Sequential-access Device Capabilities VPD page: neither WORM nor TSMC."""
    return bytes(2)


def manufacturer_serial_number(drive: DriveState, nexus: Nexus) -> bytes:
    """SSC-5 Manufacturer-assigned Serial Number VPD page."""
    return drive.identity.serial.encode("ascii")


class TapeDrive(DriveState):
    """`TapeDrive(identity, settings, memory, admission)`; one event loop, one thread of its own."""

    COMMANDS: ClassVar[CommandTable] = COMMANDS
    VPD_PAGES = MappingProxyType(
        {
            **PRIMARY_VPD_PAGES,
            0xB0: device_capabilities,
            0xB1: manufacturer_serial_number,
        }
    )

    @property
    def loaded(self) -> str | None:
        """Barcode of the cartridge in the drive, whether or not it is under the head."""
        return self.barcode

    @property
    def removal_prevented(self) -> bool:
        """Whether some initiator prevents that the library takes the cartridge out."""
        return bool(self.removal_prevented_by)

    def log_pages(self) -> LogPages:
        return log_pages(self)

    async def load(self, open_medium: Callable[[], Medium], barcode: str) -> None:
        """Take a cartridge in and thread its tape; raises MediumError, and is then empty.

        `open_medium` is called in the drive's thread, and again whenever a host unloads the tape
        and loads it again.
        """
        assert self.bay is None, "the library knows which drives are full"
        self.bay, self.barcode = open_medium, barcode
        try:
            await self.thread()
        except BaseException:
            self.bay = self.barcode = None
            self.refuses_tape = False
            raise

    async def unload(self, *, by_force: bool = False) -> None:
        """Make all durable and let the cartridge go; raises MediumError, and then keeps it.

        A failure that no initiator has been told of is raised once before the cartridge goes.
        An initiator that prevents removal ends it in CheckCondition, unless it is done by force.
        """
        async with self.gate:
            await self.settle()
            if self.removal_prevented and not by_force:
                raise illegal_request(Asc.MEDIUM_REMOVAL_PREVENTED)
            if self.ready:
                try:
                    await self.unthread()
                except MediumError:
                    self.raise_untold_failure()
                    raise
            self.bay = self.barcode = None
            self.refuses_tape = False

    async def protect(self, write_protected: bool) -> None:
        """Set or clear the write protection of the tape that is loaded, durably."""
        async with self.gate:
            await self.tape.protect(write_protected)

    async def seal(self) -> None:
        """Make durable what was written and let it be copied; raises MediumError.

        It waits for no command: one that is held back may wait for what is copied then.
        """
        if self.ready:
            await self.tape.seal()

    async def refuse(self) -> None:
        """Make durable what was written, and let no host use the tape until it is unloaded.

        A tape that is being loaded is refused as soon as it is there.
        """
        try:
            await self.seal()
        finally:
            self.refuses_tape = self.bay is not None

    async def close(self) -> None:
        """Unload, if a cartridge is in, and end the thread; the drive is of no use afterwards.

        A failure of the medium is raised when all is closed nevertheless.
        """
        try:
            if self.bay is not None:
                await self.unload(by_force=True)
        except MediumError:
            await self.unload(by_force=True)
            raise
        finally:
            await self.transport.close()
            self.memory.close_account(self.account)
