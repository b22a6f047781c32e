"""IBM ULT3580-TD5: the LTO-5 drive that the library stands in for."""

from typing import Final

from pyvtl.device.drive.mode_pages import (
    DataCompression,
    DeviceConfiguration,
    ReadWriteErrorRecovery,
)
from pyvtl.device.drive.settings import Density, DriveSettings
from pyvtl.device.memory import MIB
from pyvtl.scsi.identity import Identity
from pyvtl.scsi.mode_page import Control, DisconnectReconnect, InformationalExceptions

LTO_5: Final = Density(
    code=0x58,
    bits_per_mm=15142,
    media_width=127,
    tracks=1280,
    capacity=1_500_000,
    organization="LTO-CVE",
    name="U-516",
    description="Ultrium 5/16T",
)


LTO_5_WORM: Final = 0x5C
"""Medium type of a WORM cartridge of this generation; other cartridges have none (00h)."""


def identity(serial: str, naa: bytes) -> Identity:
    """What one drive says it is; serial and NAA tell it from every other."""
    return Identity("IBM", "ULT3580-TD5", "PV10", serial, naa)


def settings(*, block_length: int = 65536, early_warning_bytes: int = 64 * MIB) -> DriveSettings:
    """Densities and mode pages of the model, with what an administrator may choose."""
    return DriveSettings(
        densities=(LTO_5,),
        mode_pages=(
            ReadWriteErrorRecovery(),
            DisconnectReconnect(),
            Control(),
            DataCompression(),
            DeviceConfiguration(),
            InformationalExceptions(),
        ),
        worm_medium_type=LTO_5_WORM,
        block_length=block_length,
        early_warning_bytes=early_warning_bytes,
    )
