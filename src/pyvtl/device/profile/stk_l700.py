"""STK L700: a changer that backup programs know, and that has no Device Identification page."""

from typing import Final

from pyvtl.device.changer.product import ElementMap, Product
from pyvtl.device.profile.identity import naa, serial_number
from pyvtl.scsi.identity import Identity
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.text import left_aligned

ELEMENTS: Final = ElementMap(transport=1, import_export=10, drives=500, slots=1000, step=1000)
SERIAL_SIZE: Final = 12
DEVICE_IDENTIFICATION, UNIT_SERIAL_NUMBER = 0x83, 0x80


def unit_serial_number(unit: LogicalUnit, nexus: Nexus) -> bytes:
    """Unit Serial Number VPD page: twelve characters, blanks at the end."""
    return left_aligned(unit.identity.serial, SERIAL_SIZE)


VPD_PAGES: Final = {
    code: page for code, page in PRIMARY_VPD_PAGES.items() if code != DEVICE_IDENTIFICATION
} | {UNIT_SERIAL_NUMBER: unit_serial_number}


def product(gateway_id: str) -> Product:
    """The library of the gateway with that id (8 hex digits) as an L700."""
    serial = serial_number(gateway_id, 0)
    return Product(Identity("STK", "L700", "0104", serial, naa(gateway_id, 0)), VPD_PAGES)
