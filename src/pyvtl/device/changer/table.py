"""The commands of a medium changer (SMC-3)."""

from typing import Final

from pyvtl.device.changer.cdb import (
    ExchangeMedium,
    InitializeElementStatus,
    InitializeElementStatusWithRange,
    MoveMedium,
    PositionToElement,
    ReadElementStatus,
)
from pyvtl.device.changer.move import exchange_medium, move_medium, position_to_element
from pyvtl.device.changer.status import (
    initialize_element_status,
    initialize_element_status_with_range,
    read_element_status,
)
from pyvtl.scsi.command import CommandTable, Ignores, command
from pyvtl.scsi.table import PRIMARY_COMMANDS

COMMANDS: Final = CommandTable(
    *PRIMARY_COMMANDS,
    command(InitializeElementStatus, initialize_element_status),
    command(InitializeElementStatusWithRange, initialize_element_status_with_range),
    command(PositionToElement, position_to_element),
    command(MoveMedium, move_medium),
    command(ExchangeMedium, exchange_medium),
    command(ReadElementStatus, read_element_status, ignores=Ignores.RESERVATION),
)
