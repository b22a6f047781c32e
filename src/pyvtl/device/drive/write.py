"""WRITE, WRITE FILEMARKS (SSC-5): into the drive's buffer, or through it."""

from dataclasses import replace
from typing import Final

from pyvtl.device.drive.settings import MAXIMUM_BLOCK_LENGTH
from pyvtl.device.drive.state import UNBUFFERED, DriveState, sense_for
from pyvtl.device.memory import MIB
from pyvtl.media.medium import MediumError, Record
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Annotated, Cdb, bit, octets
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, invalid_field
from pyvtl.scsi.task import Task

LONGEST_TRANSFER: Final = 16 * MIB
"""What one command may carry: it has to fit the memory of a drive."""


class Write6(Cdb, opcode=0x0A, size=6):
    """SSC-5 WRITE(6)."""

    fixed: Annotated[bool, bit(1, 0)] = False
    transfer_length: Annotated[int, octets(2, 4)] = 0


class WriteFilemarks6(Cdb, opcode=0x10, size=6):
    """SSC-5 WRITE FILEMARKS(6); WSMK is obsolete and refused."""

    wsmk: Annotated[bool, bit(1, 1)] = False
    immed: Annotated[bool, bit(1, 0)] = False
    filemark_count: Annotated[int, octets(2, 4)] = 0


class WriteFilemarks16(Cdb, opcode=0x80, size=16):
    """SSC-5 WRITE FILEMARKS(16), in implicit address mode."""

    immed: Annotated[bool, bit(1, 0)] = False
    filemark_count: Annotated[int, octets(12, 14)] = 0


async def write_6(drive: DriveState, task: Task, cdb: Write6) -> None:
    """One record, or in fixed mode a row of them: accepted whole, or as many as fit.

    The answer leaves as soon as the records are in the buffer, unless buffered mode is 0.
    """
    size, count = block_size(drive, cdb)
    if not count or not size:
        return
    tape = drive.tape
    length = count * size
    room = tape.room_bytes
    fitting = count if length <= room else room // size
    writer = tape.writer
    if writer is None or not writer.admits(length, task.nexus):
        writer = await tape.admit(fitting * size, task.nexus, lambda: task.aborted)
    data = (await task.receive(length))[:length]
    if len(data) < length:
        raise CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_INFORMATION_UNIT))
    if count == 1 == fitting:
        tape.put(writer, Record((data,), size))
    else:
        for start in range(0, fitting * size, size):
            tape.put(writer, Record((data[start : start + size],), size))
    if drive.buffered_mode == UNBUFFERED:
        await _store(drive, task, count if cdb.fixed else size)
    if fitting < count:
        missing = count - fitting if cdb.fixed else size
        raise CheckCondition(end_of_medium(SenseKey.VOLUME_OVERFLOW, missing))
    if room - length < tape.early_warning_bytes:
        raise CheckCondition(end_of_medium(SenseKey.NO_SENSE, 0))


async def _store(drive: DriveState, task: Task, missing: int) -> None:
    """Buffered mode 0: what fails, fails this very command, so that no error is deferred."""
    try:
        await drive.tape.sync()
    except MediumError as error:
        drive.deferred_error_of(task)
        raise CheckCondition(replace(sense_for(error), information=missing)) from error


async def write_filemarks_6(drive: DriveState, task: Task, cdb: WriteFilemarks6) -> None:
    """As `write_filemarks`."""
    if cdb.wsmk:
        raise invalid_field(cdb, "wsmk")
    await write_filemarks(drive, task, cdb)


async def write_filemarks(
    drive: DriveState, task: Task, cdb: WriteFilemarks6 | WriteFilemarks16
) -> None:
    """Filemarks at the position; without IMMED all that came before is durable with them.

    A count of zero writes nothing, and makes durable what was written (SSC-5).
    """
    if cdb.filemark_count:
        await drive.tape.put_filemarks(cdb.filemark_count, task.nexus)
    if not cdb.immed:
        await drive.tape.sync()
    if cdb.filemark_count and drive.tape.past_early_warning:
        raise CheckCondition(end_of_medium(SenseKey.NO_SENSE, 0))


def block_size(drive: DriveState, cdb: Write6) -> tuple[int, int]:
    """Bytes of each record and how many there are, in fixed and in variable mode."""
    if not cdb.fixed:
        if cdb.transfer_length > MAXIMUM_BLOCK_LENGTH:
            raise invalid_field(cdb, "transfer_length")
        return cdb.transfer_length, 1
    if not drive.block_length:
        raise invalid_field(cdb, "fixed")
    if cdb.transfer_length * drive.block_length > LONGEST_TRANSFER:
        raise invalid_field(cdb, "transfer_length")
    return drive.block_length, cdb.transfer_length


def end_of_medium(key: SenseKey, missing: int) -> Sense:
    """Early warning (NO SENSE) or the very end (VOLUME OVERFLOW): `missing` was not written."""
    return Sense(key, Asc.END_OF_PARTITION_MEDIUM_DETECTED, information=missing, end_of_medium=True)
