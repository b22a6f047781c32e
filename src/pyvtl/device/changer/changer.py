"""The medium changer: its state under its command table."""

from pyvtl.device.changer.state import Changer
from pyvtl.device.changer.table import COMMANDS


class MediumChanger(Changer):
    """A logical unit of device type 08h (SMC-3)."""

    COMMANDS = COMMANDS
