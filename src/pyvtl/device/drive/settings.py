"""What makes one model of drive different from another, and what may be set for each drive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyvtl.device.memory import MIB
from pyvtl.scsi.mode_page import ModePage

MAXIMUM_BLOCK_LENGTH: Final = MIB


@dataclass(frozen=True, slots=True)
class Density:
    """One recording format, as REPORT DENSITY SUPPORT describes it (SSC-5).

    `bits_per_mm` counts along a track, `media_width` tenths of a millimetre, `capacity` 10^6
    bytes of the longest medium.
    """

    code: int
    bits_per_mm: int
    media_width: int
    tracks: int
    capacity: int
    organization: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class DriveSettings:
    """`block_length` is the default of the mode block descriptor; zero means variable blocks.

    Early warning comes `early_warning_bytes` before the end of the medium, and not before the
    middle of a small one.  `worm_medium_type` is what MODE SENSE tells of a WORM cartridge.
    """

    densities: Sequence[Density]
    mode_pages: Sequence[ModePage]
    worm_medium_type: int = 0
    block_length: int = 65536
    early_warning_bytes: int = 64 * MIB
