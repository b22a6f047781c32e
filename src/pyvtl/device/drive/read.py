"""READ, VERIFY, READ BLOCK LIMITS (SSC-5): records, and what stands in their way."""

from dataclasses import replace

from pyvtl.device.drive.read_ahead import Found
from pyvtl.device.drive.settings import MAXIMUM_BLOCK_LENGTH
from pyvtl.device.drive.state import DriveState, sense_for
from pyvtl.device.drive.write import LONGEST_TRANSFER
from pyvtl.media.medium import EndOfData, Filemark, MediumError, Record, UnavailableError
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Annotated, Cdb, bit, octets
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, invalid_field
from pyvtl.scsi.task import Task, TaskAborted
from pyvtl.wire.layout import Buffer, Structure


class Read6(Cdb, opcode=0x08, size=6):
    """SSC-5 READ(6)."""

    sili: Annotated[bool, bit(1, 1)] = False
    fixed: Annotated[bool, bit(1, 0)] = False
    transfer_length: Annotated[int, octets(2, 4)] = 0


class Verify6(Cdb, opcode=0x13, size=6):
    """SSC-5 VERIFY(6); there is no comparison with data of the initiator."""

    bytcmp: Annotated[bool, bit(1, 1)] = False
    immed: Annotated[bool, bit(1, 2)] = False
    fixed: Annotated[bool, bit(1, 0)] = False
    verification_length: Annotated[int, octets(2, 4)] = 0


class ReadBlockLimits(Cdb, opcode=0x05, size=6):
    """SSC-5 READ BLOCK LIMITS."""

    mloi: Annotated[bool, bit(1, 0)] = False


class BlockLimits(Structure, size=6):
    """READ BLOCK LIMITS block length data."""

    granularity: Annotated[int, octets(0, 0)] = 0
    maximum_block_length: Annotated[int, octets(1, 3)] = MAXIMUM_BLOCK_LENGTH
    minimum_block_length: Annotated[int, octets(4, 5)] = 0


class MaximumLogicalObject(Structure, size=20):
    """READ BLOCK LIMITS maximum logical object identifier data."""

    maximum_logical_object_identifier: Annotated[int, octets(12, 19)] = (1 << 64) - 1


async def read_6(drive: DriveState, task: Task, cdb: Read6) -> None:
    """One record of any size, or in fixed mode a row of records of one size."""
    if cdb.fixed:
        if cdb.sili:
            raise invalid_field(cdb, "sili")
        if not drive.block_length:
            raise invalid_field(cdb, "fixed")
        if cdb.transfer_length * drive.block_length > LONGEST_TRANSFER:
            raise invalid_field(cdb, "transfer_length")
        data: list[Buffer] = []
        task.data_in = data
        await _read_fixed(drive, task, cdb.transfer_length, data)
    elif cdb.transfer_length:
        await _read_variable(drive, task, cdb)


async def verify_6(drive: DriveState, task: Task, cdb: Verify6) -> None:
    """Read without sending: what READ would report is reported."""
    if cdb.bytcmp:
        raise invalid_field(cdb, "bytcmp")
    if cdb.fixed:
        if not drive.block_length:
            raise invalid_field(cdb, "fixed")
        await _read_fixed(drive, task, cdb.verification_length, None)
    elif cdb.verification_length:
        record = await _record(drive, task, drive.tape.next(), cdb.verification_length)
        if record.size != cdb.verification_length:
            raise _incorrect_length(cdb.verification_length - record.size)


async def read_block_limits(drive: DriveState, task: Task, cdb: ReadBlockLimits) -> None:
    """Any length from 0 to 1 MiB, or with MLOI the highest logical object identifier."""
    limits = MaximumLogicalObject() if cdb.mloi else BlockLimits()
    task.data_in = (limits.encode(),)


async def _read_variable(drive: DriveState, task: Task, cdb: Read6) -> None:
    """SILI passes over a record that is too short; one too long only in variable mode (SSC-5)."""
    asked = cdb.transfer_length
    record = drive.tape.next()
    if not isinstance(record, Record):
        record = await _record(drive, task, record, asked)
    task.data_in = record.data if record.size <= asked else _cut(record, asked)
    silent = cdb.sili and (record.size < asked or not drive.block_length)
    if record.size != asked and not silent:
        raise _incorrect_length(asked - record.size)


async def _read_fixed(drive: DriveState, task: Task, count: int, data: list[Buffer] | None) -> None:
    """Add `count` records to `data`; what ends it early says how many are missing."""
    size = drive.block_length
    tape = drive.tape
    missing = count
    while missing:
        taken = tape.take(missing, size)
        if not taken:
            record = tape.next()
            if not isinstance(record, Record):
                record = await _record(drive, task, record, missing)
            if record.size != size:
                if data is not None:
                    data += record.data if record.size <= size else _cut(record, size)
                raise _incorrect_length(missing)
            taken = (record,)
        if data is not None:
            for record in taken:
                data += record.data
        missing -= len(taken)


async def _record(drive: DriveState, task: Task, found: Found | None, missing: int) -> Record:
    """The record that was found, or is found when it is not yet here.

    A filemark, the end of data and damage are raised with the residual.
    """
    if found is None:
        found = await _fetch(drive, task, missing)
    match found:
        case Record():
            return found
        case Filemark():
            raise CheckCondition(
                Sense(asc=Asc.FILEMARK_DETECTED, information=missing, filemark=True)
            )
        case EndOfData():
            raise CheckCondition(
                Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=missing)
            )


async def _fetch(drive: DriveState, task: Task, missing: int) -> Found:
    """Wait for the next object.  A task that is aborted meanwhile ends here: VERIFY may be long."""
    tape = drive.tape
    try:
        await tape.fetch()
    except MediumError as error:
        if tape.writer is not None and tape.writer.failure is not None:
            raise
        drive.read_errors += not isinstance(error, UnavailableError)
        raise CheckCondition(replace(sense_for(error), information=missing)) from error
    if task.aborted:
        raise TaskAborted
    found = tape.next()
    assert found is not None, "something was fetched"
    return found


def _cut(record: Record, size: int) -> list[Buffer]:
    """The first `size` bytes of a longer record, by reference."""
    cut: list[Buffer] = []
    for buffer in record.data:
        cut.append(memoryview(buffer)[:size])
        size -= len(cut[-1])
        if not size:
            break
    return cut


def _incorrect_length(residual: int) -> CheckCondition:
    return CheckCondition(Sense(information=residual, incorrect_length=True))
