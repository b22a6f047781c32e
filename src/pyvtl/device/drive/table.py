"""The drive at a glance: its commands, and what must hold before each."""

from typing import Final

from pyvtl.device.drive.density import ReportDensitySupport, report_density_support
from pyvtl.device.drive.erase import Erase6, erase_6
from pyvtl.device.drive.medium import LoadUnload, load_unload
from pyvtl.device.drive.position import (
    Locate10,
    Locate16,
    ReadPositionExtended,
    ReadPositionLong,
    ReadPositionShort,
    ReadPositionVendor,
    Rewind,
    Space6,
    Space16,
    locate_10,
    locate_16,
    read_position_extended,
    read_position_long,
    read_position_short,
    rewind,
    space,
)
from pyvtl.device.drive.read import (
    Read6,
    ReadBlockLimits,
    Verify6,
    read_6,
    read_block_limits,
    verify_6,
)
from pyvtl.device.drive.write import (
    Write6,
    WriteFilemarks6,
    WriteFilemarks16,
    write_6,
    write_filemarks,
    write_filemarks_6,
)
from pyvtl.scsi.command import CommandTable, Ignores, Needs, command
from pyvtl.scsi.table import PRIMARY_COMMANDS

WRITABLE: Final = Needs.MEDIUM | Needs.WRITABLE

COMMANDS: Final = CommandTable(
    *PRIMARY_COMMANDS,
    command(Rewind, rewind, Needs.MEDIUM),
    command(ReadBlockLimits, read_block_limits, ignores=Ignores.RESERVATION),
    command(Read6, read_6, Needs.MEDIUM),
    command(Write6, write_6, WRITABLE),
    command(WriteFilemarks6, write_filemarks_6, WRITABLE),
    command(WriteFilemarks16, write_filemarks, WRITABLE),
    command(Space6, space, Needs.MEDIUM),
    command(Space16, space, Needs.MEDIUM),
    command(Verify6, verify_6, Needs.MEDIUM),
    command(Erase6, erase_6, WRITABLE),
    command(LoadUnload, load_unload),
    command(Locate10, locate_10, Needs.MEDIUM),
    command(Locate16, locate_16, Needs.MEDIUM),
    command(ReadPositionShort, read_position_short, Needs.MEDIUM),
    command(ReadPositionVendor, read_position_short, Needs.MEDIUM),
    command(ReadPositionLong, read_position_long, Needs.MEDIUM),
    command(ReadPositionExtended, read_position_extended, Needs.MEDIUM),
    command(ReportDensitySupport, report_density_support, ignores=Ignores.RESERVATION),
)
