"""The medium changer of an AWS Tape Gateway, as its host sees it."""

from pyvtl.device.changer.product import Product
from pyvtl.device.profile.identity import naa, serial_number
from pyvtl.scsi.identity import Identity


def identity(gateway_id: str) -> Identity:
    """INQUIRY strings of AWS-Gateway-VTL for the gateway with that id (8 hex digits)."""
    return Identity(
        vendor="AWS",
        product="Gateway-VTL",
        revision="0100",
        serial=serial_number(gateway_id, 0),
        naa=naa(gateway_id, 0),
    )


def product(gateway_id: str) -> Product:
    """The library as an AWS Tape Gateway shows it."""
    return Product(identity(gateway_id))
