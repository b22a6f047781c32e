"""IBM 03584L32: the changer that IBM's own backup program and its device driver want to see."""

from functools import partial
from typing import Final

from pyvtl.device.changer.mode_pages import (
    TO_ANY_BUT_TRANSPORT,
    DeviceCapabilities,
    mode_pages,
)
from pyvtl.device.changer.product import ElementMap, Product
from pyvtl.device.changer.state import Changer
from pyvtl.device.profile.identity import naa, serial_number
from pyvtl.scsi.identity import Identity
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.nexus import Nexus
from pyvtl.wire.layout import Annotated, Structure, octets
from pyvtl.wire.text import left_aligned

ELEMENTS: Final = ElementMap(
    transport=0x001, import_export=0x300, drives=0x101, slots=0x400, step=0x400
)
SERIAL_SIZE: Final = 12
SPC: Final = 3
CAPABILITIES: Final = DeviceCapabilities(
    move_from_transport=TO_ANY_BUT_TRANSPORT, exchange_transport=TO_ANY_BUT_TRANSPORT
)


class Inquiry(Structure, size=58):
    """Standard INQUIRY data of the 3584; it shows the serial number among the vendor's bytes."""

    common: Annotated[bytes, octets(0, 37)]
    serial: Annotated[bytes, octets(38, 49)]
    sequence: Annotated[bytes, octets(50, 51)] = b"00"


class Designator(Structure, size=44):
    """Device Identification VPD page of the 3584: one T10 designator in ASCII."""

    header: Annotated[bytes, octets(0, 3)] = bytes([0x02, 0x01, 0x00, 0x28])
    vendor: Annotated[bytes, octets(4, 11)]
    product: Annotated[bytes, octets(12, 27)]
    serial: Annotated[bytes, octets(28, 39)]
    first_slot: Annotated[bytes, octets(40, 43)]


def inquiry(identity: Identity, standard: bytes) -> bytes:
    """Standard INQUIRY data: version and length are those of the product."""
    common = bytearray(standard[:38])
    common[2], common[4] = SPC, Inquiry.SIZE - 5
    return Inquiry(common=bytes(common), serial=_serial(identity)).encode()


def unit_serial_number(changer: Changer, nexus: Nexus) -> bytes:
    """Unit Serial Number VPD page: with the address of the first slot, which tells apart the
    logical libraries of one frame.
    """
    return _serial(changer.identity) + _first_slot(changer)


def device_identification(changer: Changer, nexus: Nexus) -> bytes:
    """Device Identification VPD page."""
    return Designator(
        vendor=left_aligned(changer.identity.vendor, 8),
        product=left_aligned(changer.identity.product, 16),
        serial=_serial(changer.identity),
        first_slot=_first_slot(changer),
    ).encode()


def product(gateway_id: str) -> Product:
    """The library of the gateway with that id (8 hex digits) as a 3584."""
    serial = serial_number(gateway_id, 0)
    return Product(
        Identity("IBM", "03584L32", "0402", serial, naa(gateway_id, 0)),
        {**PRIMARY_VPD_PAGES, 0x80: unit_serial_number, 0x83: device_identification},
        partial(mode_pages, capabilities=CAPABILITIES),
        inquiry,
    )


def _serial(identity: Identity) -> bytes:
    return left_aligned(identity.serial, SERIAL_SIZE)


def _first_slot(changer: Changer) -> bytes:
    return f"{changer.inventory.geometry.slots.start:04X}".encode()
