"""Who a logical unit says it is: the strings and numbers of INQUIRY data (SPC-5)."""

from dataclasses import dataclass
from enum import IntEnum

from pyvtl.wire.text import left_aligned


class DeviceType(IntEnum):
    """SPC-5 Peripheral device type, with its qualifier 011b for a unit that is not there."""

    DISK = 0x00
    TAPE = 0x01
    MEDIUM_CHANGER = 0x08
    ABSENT = 0x7F


class Version(IntEnum):
    """SPC-5 Version descriptor values: standards that a device claims to follow."""

    SAM_5 = 0x00A0
    SPC_4 = 0x0460
    SSC_4 = 0x0520
    SMC_3 = 0x0480
    ISCSI = 0x0960


@dataclass(frozen=True, slots=True)
class Identity:
    """One device: what tells it from every other, in the fields that programs look at.

    `serial` stands in VPD page 80h, in the T10 designator of page 83h and in the device
    identifier that a changer reports for a drive: the same characters everywhere.
    `naa` is an eight-byte NAA designator, unique for each device.
    """

    vendor: str
    product: str
    revision: str
    serial: str
    naa: bytes

    @property
    def t10(self) -> bytes:
        """T10 vendor ID based designator: vendor (8), product (16), serial number."""
        product = left_aligned(self.product, 16)
        return left_aligned(self.vendor, 8) + product + self.serial.encode("ascii")
