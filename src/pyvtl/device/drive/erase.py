"""ERASE (SSC-5): from the position on, nothing is recorded any more."""

from pyvtl.device.drive.state import DriveState
from pyvtl.scsi.cdb import Annotated, Cdb, bit
from pyvtl.scsi.task import Task


class Erase6(Cdb, opcode=0x19, size=6):
    """SSC-5 ERASE(6)."""

    immed: Annotated[bool, bit(1, 1)] = False
    long: Annotated[bool, bit(1, 0)] = False


async def erase_6(drive: DriveState, task: Task, cdb: Erase6) -> None:
    """Short or long, the position becomes the end of data; the position stays."""
    await drive.run(task, drive.tape.truncate, immed=cdb.immed)
