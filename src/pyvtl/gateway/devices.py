"""The devices of one gateway: their names, identities and settings."""

from collections.abc import Callable, Iterator, Mapping

from pyvtl.config.model import Config
from pyvtl.device.drive.admission import AT_ONCE, Admission
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.memory import MemoryPool
from pyvtl.device.profile import ult3580_td5
from pyvtl.device.profile.identity import naa, serial_number
from pyvtl.gateway.bay import DriveBay
from pyvtl.media.medium import Medium

NAME_PREFIX = "iqn.1997-05.com.amazon:sgw-"
"""Target names are AWS Storage Gateway's, so that scripts written for it go on working."""

GUARANTEED_BYTES = 4 << 20
"""What every drive may buffer however busy the others are."""


def changer_name(gateway_id: str) -> str:
    """iSCSI name of the changer's target."""
    return f"{NAME_PREFIX}{gateway_id}-mediachanger"


def drive_name(gateway_id: str, number: int) -> str:
    """iSCSI name of a drive's target; drives count from 1."""
    return f"{NAME_PREFIX}{gateway_id}-tapedrive-{number:02}"


def bays(
    config: Config,
    gateway_id: str,
    open_volume: Callable[[str], Medium],
    addresses: range,
    admission: Admission = AT_ONCE,
) -> Mapping[int, DriveBay]:
    """All drives by element address, empty."""
    memory = MemoryPool(
        limit_bytes=config.drive.memory,
        guaranteed_bytes=min(GUARANTEED_BYTES, config.drive.memory // config.library.drives),
        most_bytes=config.drive.buffer,
    )
    drives = _drives(config, gateway_id, memory, admission)
    return {
        address: DriveBay(drive, open_volume)
        for address, drive in zip(addresses, drives, strict=True)
    }


def _drives(
    config: Config, gateway_id: str, memory: MemoryPool, admission: Admission
) -> Iterator[TapeDrive]:
    settings = ult3580_td5.settings(
        block_length=config.drive.default_block_length,
        early_warning_bytes=config.drive.early_warning,
    )
    for number in range(1, config.library.drives + 1):
        serial = serial_number(gateway_id, number)
        identity = ult3580_td5.identity(serial, naa(gateway_id, number))
        yield TapeDrive(identity, settings, memory, admission)
