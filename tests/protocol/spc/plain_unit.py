"""A plain logical unit with nothing but the commands that all devices take."""

from pyvtl.scsi.command import CommandTable
from pyvtl.scsi.identity import DeviceType
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.table import PRIMARY_COMMANDS
from pyvtl.scsi.unit import LogicalUnit


class PlainUnit(LogicalUnit):
    """A disk by its type, so that neither tape nor changer is needed here."""

    COMMANDS = CommandTable(*PRIMARY_COMMANDS)
    DEVICE_TYPE = DeviceType.DISK
    REMOVABLE = False
    VPD_PAGES = PRIMARY_VPD_PAGES
