"""LOAD UNLOAD (SSC-5): the host takes the tape from under the head, and puts it there again."""

from pyvtl.device.drive.state import DriveState
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Annotated, Cdb, bit
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, invalid_field
from pyvtl.scsi.task import Task


class LoadUnload(Cdb, opcode=0x1B, size=6):
    """SSC-5 LOAD UNLOAD."""

    immed: Annotated[bool, bit(1, 0)] = False
    hold: Annotated[bool, bit(4, 3)] = False
    eot: Annotated[bool, bit(4, 2)] = False
    reten: Annotated[bool, bit(4, 1)] = False
    load: Annotated[bool, bit(4, 0)] = False


async def load_unload(drive: DriveState, task: Task, cdb: LoadUnload) -> None:
    """Load and rewind, or make all durable and unload; the cartridge stays until it is moved.

    HOLD keeps the tape off the head either way.  Unloading is waited for even with IMMED, so
    that what keeps the data from being durable fails this command.  Nothing needs retension.
    """
    if cdb.load and cdb.eot:
        raise invalid_field(cdb, "eot")
    if drive.bay is None or drive.becoming_ready:
        drive.check_ready()
    if not cdb.load:
        await _unload(drive, task, cdb)
    elif drive.ready:
        await drive.run(task, drive.tape.rewind, immed=cdb.immed)
    elif not cdb.hold:
        await _load(drive, task, cdb)


async def _load(drive: DriveState, task: Task, cdb: LoadUnload) -> None:
    drive.becoming_ready = True
    loading = drive.thread(but=task.nexus)
    if cdb.immed:
        drive.start(loading, task.nexus)
    else:
        await loading


async def _unload(drive: DriveState, task: Task, cdb: LoadUnload) -> None:
    if drive.removal_prevented_by:
        raise CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.MEDIUM_REMOVAL_PREVENTED))
    if drive.ready:
        await drive.unthread()
