"""MOVE MEDIUM, EXCHANGE MEDIUM and POSITION TO ELEMENT (SMC-3)."""

from pyvtl.device.changer.cdb import ExchangeMedium, MoveMedium, PositionToElement
from pyvtl.device.changer.state import Changer
from pyvtl.device.changer.transfer import told_to_the_host
from pyvtl.scsi.sense import Asc, illegal_request, invalid_field
from pyvtl.scsi.task import Task


async def move_medium(changer: Changer, task: Task, cdb: MoveMedium) -> None:
    """One volume from its element to an empty one; a drive lets go of it first."""
    if cdb.invert:
        raise invalid_field(cdb, "invert")
    check_transport(changer, cdb.transport_address)
    source, destination = cdb.source_address, cdb.destination_address
    with told_to_the_host():
        await changer.transport.carry(
            lambda: changer.inventory.plan_move(source, destination), by_address=True
        )


async def exchange_medium(changer: Changer, task: Task, cdb: ExchangeMedium) -> None:
    """One volume to where another is, and that one to the second destination."""
    for name in ("invert_first", "invert_second"):
        if getattr(cdb, name):
            raise invalid_field(cdb, name)
    check_transport(changer, cdb.transport_address)
    elements = (
        cdb.source_address,
        cdb.first_destination_address,
        cdb.second_destination_address,
    )
    with told_to_the_host():
        await changer.transport.carry(
            lambda: changer.inventory.plan_exchange(*elements), by_address=True
        )


async def position_to_element(changer: Changer, task: Task, cdb: PositionToElement) -> None:
    """The transport is as near to every element as to any other: only the address is checked."""
    if cdb.invert:
        raise invalid_field(cdb, "invert")
    check_transport(changer, cdb.transport_address)
    if not changer.inventory.geometry.holds_volumes(cdb.destination_address):
        raise illegal_request(Asc.INVALID_ELEMENT_ADDRESS)


def check_transport(changer: Changer, address: int) -> None:
    """The library's transport by its address, or zero for the default one."""
    if address and address not in changer.inventory.geometry.transport:
        raise illegal_request(Asc.INVALID_ELEMENT_ADDRESS)
