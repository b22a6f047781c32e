"""Mode pages that tell hosts how the library is built (SMC-3)."""

from pyvtl.media.inventory import Geometry
from pyvtl.scsi.mode_page import Control, InformationalExceptions, ModePage
from pyvtl.wire.layout import Annotated, bit, octets

TO_ANY_BUT_TRANSPORT = 0x0E
"""Bits DT, I/E and ST of a row of the Device Capabilities page; MT stays zero."""


class ElementAddressAssignment(ModePage, code=0x1D, size=20):
    """SMC-3 Element Address Assignment mode page: first address and number, type by type."""

    first_transport: Annotated[int, octets(2, 3)] = 0
    transports: Annotated[int, octets(4, 5)] = 0
    first_slot: Annotated[int, octets(6, 7)] = 0
    slots: Annotated[int, octets(8, 9)] = 0
    first_import_export: Annotated[int, octets(10, 11)] = 0
    import_exports: Annotated[int, octets(12, 13)] = 0
    first_drive: Annotated[int, octets(14, 15)] = 0
    drives: Annotated[int, octets(16, 17)] = 0


class TransportGeometry(ModePage, code=0x1E, size=4):
    """SMC-3 Transport Geometry Parameters mode page: one transport that turns nothing over."""

    rotate: Annotated[bool, bit(2, 0)] = False
    member_number: Annotated[int, octets(3, 3)] = 0


class DeviceCapabilities(ModePage, code=0x1F, size=20):
    """SMC-3 Device Capabilities mode page.

    Volumes can rest anywhere but in the transport, and be moved and exchanged between all
    those places.  What is said of the transport itself differs between products.
    """

    storage: Annotated[int, octets(2, 2)] = TO_ANY_BUT_TRANSPORT
    move_from_transport: Annotated[int, octets(4, 4)] = 0
    move_from_slot: Annotated[int, octets(5, 5)] = TO_ANY_BUT_TRANSPORT
    move_from_import_export: Annotated[int, octets(6, 6)] = TO_ANY_BUT_TRANSPORT
    move_from_drive: Annotated[int, octets(7, 7)] = TO_ANY_BUT_TRANSPORT
    exchange_transport: Annotated[int, octets(12, 12)] = 0
    exchange_slot: Annotated[int, octets(13, 13)] = TO_ANY_BUT_TRANSPORT
    exchange_import_export: Annotated[int, octets(14, 14)] = TO_ANY_BUT_TRANSPORT
    exchange_drive: Annotated[int, octets(15, 15)] = TO_ANY_BUT_TRANSPORT


ANY_CAPABILITIES = DeviceCapabilities()


def mode_pages(
    geometry: Geometry, capabilities: DeviceCapabilities = ANY_CAPABILITIES
) -> tuple[ModePage, ...]:
    """The pages of a changer with that geometry."""
    return (
        Control(),
        InformationalExceptions(),
        ElementAddressAssignment(
            first_transport=geometry.transport.start,
            transports=len(geometry.transport),
            first_slot=geometry.slots.start,
            slots=len(geometry.slots),
            first_import_export=geometry.import_export.start,
            import_exports=len(geometry.import_export),
            first_drive=geometry.drives.start,
            drives=len(geometry.drives),
        ),
        TransportGeometry(),
        capabilities,
    )
