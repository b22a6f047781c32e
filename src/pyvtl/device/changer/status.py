"""READ ELEMENT STATUS, and INITIALIZE ELEMENT STATUS that makes ready for it (SMC-3)."""

from pyvtl.device.changer.cdb import (
    InitializeElementStatus,
    InitializeElementStatusWithRange,
    ReadElementStatus,
)
from pyvtl.device.changer.elements import Asked, element_status
from pyvtl.device.changer.state import Changer
from pyvtl.media.inventory import ElementType
from pyvtl.scsi.sense import Asc, illegal_request, invalid_field
from pyvtl.scsi.task import Status, Task

ALL_TYPES = 0


async def initialize_element_status(
    changer: Changer, task: Task, cdb: InitializeElementStatus
) -> None:
    """GOOD at once: the inventory is always known."""


async def initialize_element_status_with_range(
    changer: Changer, task: Task, cdb: InitializeElementStatusWithRange
) -> None:
    """GOOD at once, if the range starts at an element."""
    elements = changer.inventory.geometry.in_order()
    if cdb.range_given and not any(cdb.starting_address in r for _, r in elements):
        raise illegal_request(Asc.INVALID_ELEMENT_ADDRESS)


async def read_element_status(changer: Changer, task: Task, cdb: ReadElementStatus) -> None:
    """What lies where.  With CURDATA nothing moves for it, and no reservation stands against it."""
    if changer.reserved_for_another(task.nexus) and (not cdb.current_data or cdb.device_id):
        task.status = Status.RESERVATION_CONFLICT
        return
    if cdb.element_type not in (ALL_TYPES, *ElementType):
        raise invalid_field(cdb, "element_type")
    data = element_status(
        changer.transport,
        cdb.element_type,
        cdb.starting_address,
        cdb.element_count,
        Asked(cdb.volume_tag, cdb.device_id),
    )
    task.answer(data, cdb.allocation_length)
