"""What a medium changer has and knows; its commands stand in the other modules."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from pyvtl.device.changer.bay import Bay
from pyvtl.device.changer.product import Product
from pyvtl.device.changer.transfer import Transport
from pyvtl.media.inventory import Geometry, Inventory, Journal
from pyvtl.media.medium import MediumError
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.identity import DeviceType, Identity, Version
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.log_page import TAPE_ALERT, LogPages, tape_alert
from pyvtl.scsi.mode_page import ModePages
from pyvtl.scsi.sense import CheckCondition
from pyvtl.scsi.unit import LogicalUnit


class Changer(LogicalUnit):
    """A library's changer, and its doors for management; `MediumChanger` adds the commands."""

    DEVICE_TYPE = DeviceType.MEDIUM_CHANGER
    VERSIONS = (*LogicalUnit.VERSIONS, Version.SMC_3)
    VPD_PAGES = PRIMARY_VPD_PAGES

    def __init__(
        self,
        product: Product | Identity,
        inventory: Inventory,
        bays: Mapping[int, Bay],
        journal: Journal,
    ) -> None:
        """`bays` are the drives by element address, one for each address of the geometry."""
        product = product if isinstance(product, Product) else Product(product)
        super().__init__(product.identity)
        if set(bays) != set(inventory.geometry.drives):
            raise ValueError("every data transfer element needs a drive, and only these")
        self.inventory = inventory
        self._appear_as(product)
        self.transport = Transport(inventory, bays, journal)

    def log_pages(self) -> LogPages:
        return {(TAPE_ALERT, 0): tape_alert}

    async def restore(self) -> dict[str, Exception]:
        """Load again what lies in drives after a start; barcodes that failed, with the reason.

        The drives load at the same time.  A volume whose drive failed to load it stays in that
        drive's element.
        """
        in_drives = {
            barcode: self.transport.bays[place.address]
            for barcode, place in self.inventory
            if place.address in self.transport.bays
        }
        loading = (_load(bay, barcode) for barcode, bay in in_drives.items())
        outcomes = zip(in_drives, await asyncio.gather(*loading), strict=True)
        return {barcode: failure for barcode, failure in outcomes if failure is not None}

    async def insert(self, barcodes: Sequence[str]) -> dict[str, int]:
        """Put new volumes in import/export slots, all or none; barcode to element address.

        Raises ElementFullError naming the first barcode that finds no free slot.
        """
        moves = await self.transport.carry(lambda: self.inventory.plan_insertion(barcodes))
        self._tell_of_access()
        return {barcode: place.address for barcode, place in moves.items() if place}

    async def remove(self, barcode: str) -> None:
        """Take a volume out; UnknownVolumeError, or VolumeLoadedError while a drive holds it."""
        await self.transport.carry(lambda: self.inventory.plan_removal(barcode))
        self._tell_of_access()

    async def become(
        self, product: Product, geometry: Geometry, keep: Callable[[], Awaitable[object]]
    ) -> None:
        """Be another product, with as many elements, once `keep` has made it durable.

        Nothing moves meanwhile, and every known nexus is told.
        """
        await self.transport.renumber(geometry, keep)
        self._appear_as(product)
        self.attentions.post_all(Asc.INQUIRY_DATA_HAS_CHANGED)

    def inquiry_data(self, standard: bytes) -> bytes:
        return self.product.inquiry(self.identity, standard)

    def _appear_as(self, product: Product) -> None:
        self.product = product
        self.identity = product.identity
        self.VPD_PAGES = product.vpd_pages
        self.mode_pages = ModePages(*product.mode_pages(self.inventory.geometry))

    async def settle(self) -> None:
        """Wait until nothing is being moved any more."""
        await self.transport.settle()

    def _tell_of_access(self) -> None:
        """SMC-3: whoever has a session learns that the doors were used."""
        self.attentions.post_all(Asc.IMPORT_OR_EXPORT_ELEMENT_ACCESSED)


async def _load(bay: Bay, barcode: str) -> Exception | None:
    """Why the drive could not load the volume, or None."""
    try:
        await bay.load(barcode)
    except (CheckCondition, MediumError) as failure:
        return failure
    return None
