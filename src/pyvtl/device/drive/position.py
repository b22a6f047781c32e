"""REWIND, SPACE, LOCATE, READ POSITION (SSC-5): where the drive stands, and going elsewhere."""

from enum import IntEnum
from typing import Final

from pyvtl.device.drive.state import DriveState
from pyvtl.media.medium import BeginningOfPartition, EndOfData, Filemark, Motion, Position
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Annotated, Cdb, bit, bits, octets, signed
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, invalid_field
from pyvtl.scsi.task import Task
from pyvtl.wire.layout import Structure

LARGEST_SHORT: Final = 0xFFFF_FFFF


class SpaceCode(IntEnum):
    """SSC-5 SPACE, CODE field; setmarks are obsolete."""

    LOGICAL_BLOCKS = 0b000
    FILEMARKS = 0b001
    SEQUENTIAL_FILEMARKS = 0b010
    END_OF_DATA = 0b011


class DestinationType(IntEnum):
    """SSC-5 LOCATE(16), DEST_TYPE field."""

    LOGICAL_OBJECT = 0b00
    LOGICAL_FILE = 0b01
    END_OF_DATA = 0b11


class Rewind(Cdb, opcode=0x01, size=6):
    """SSC-5 REWIND."""

    immed: Annotated[bool, bit(1, 0)] = False


class Space6(Cdb, opcode=0x11, size=6):
    """SSC-5 SPACE(6)."""

    code: Annotated[int, bits(1, 3, 0)] = 0
    count: Annotated[int, signed(2, 4)] = 0


class Space16(Cdb, opcode=0x91, size=16):
    """SSC-5 SPACE(16), in implicit address mode."""

    code: Annotated[int, bits(1, 3, 0)] = 0
    count: Annotated[int, signed(4, 11)] = 0
    parameter_list_length: Annotated[int, octets(12, 13)] = 0


class Locate10(Cdb, opcode=0x2B, size=10):
    """SSC-5 LOCATE(10); BT makes no difference: identifiers are addresses here."""

    bt: Annotated[bool, bit(1, 2)] = False
    cp: Annotated[bool, bit(1, 1)] = False
    immed: Annotated[bool, bit(1, 0)] = False
    logical_object_identifier: Annotated[int, octets(3, 6)] = 0
    partition: Annotated[int, octets(8, 8)] = 0


class Locate16(Cdb, opcode=0x92, size=16):
    """SSC-5 LOCATE(16), in implicit address mode."""

    dest_type: Annotated[int, bits(1, 4, 3)] = 0
    cp: Annotated[bool, bit(1, 1)] = False
    immed: Annotated[bool, bit(1, 0)] = False
    bam: Annotated[bool, bit(2, 0)] = False
    partition: Annotated[int, octets(3, 3)] = 0
    logical_identifier: Annotated[int, octets(4, 11)] = 0


class ReadPositionShort(Cdb, opcode=0x34, service_action=0x00, size=10):
    """SSC-5 READ POSITION, short form, block ID."""


class ReadPositionVendor(Cdb, opcode=0x34, service_action=0x01, size=10):
    """SSC-5 READ POSITION, short form, vendor-specific: the same identifiers."""


class ReadPositionLong(Cdb, opcode=0x34, service_action=0x06, size=10):
    """SSC-5 READ POSITION, long form."""


class ReadPositionExtended(Cdb, opcode=0x34, service_action=0x08, size=10):
    """SSC-5 READ POSITION, extended form."""

    allocation_length: Annotated[int, octets(7, 8)] = 0


class ShortForm(Structure, size=20):
    """READ POSITION data, short form."""

    bop: Annotated[bool, bit(0, 7)] = False
    eop: Annotated[bool, bit(0, 6)] = False
    locu: Annotated[bool, bit(0, 5)] = False
    bycu: Annotated[bool, bit(0, 4)] = False
    lolu: Annotated[bool, bit(0, 2)] = False
    perr: Annotated[bool, bit(0, 1)] = False
    bpew: Annotated[bool, bit(0, 0)] = False
    partition: Annotated[int, octets(1, 1)] = 0
    first_logical_object: Annotated[int, octets(4, 7)] = 0
    last_logical_object: Annotated[int, octets(8, 11)] = 0
    buffered_objects: Annotated[int, octets(13, 15)] = 0
    buffered_bytes: Annotated[int, octets(16, 19)] = 0


class LongForm(Structure, size=32):
    """READ POSITION data, long form."""

    bop: Annotated[bool, bit(0, 7)] = False
    eop: Annotated[bool, bit(0, 6)] = False
    mpu: Annotated[bool, bit(0, 3)] = False
    lonu: Annotated[bool, bit(0, 2)] = False
    bpew: Annotated[bool, bit(0, 0)] = False
    partition: Annotated[int, octets(4, 7)] = 0
    logical_object: Annotated[int, octets(8, 15)] = 0
    logical_file: Annotated[int, octets(16, 23)] = 0


class ExtendedForm(Structure, size=32):
    """READ POSITION data, extended form."""

    bop: Annotated[bool, bit(0, 7)] = False
    eop: Annotated[bool, bit(0, 6)] = False
    locu: Annotated[bool, bit(0, 5)] = False
    bycu: Annotated[bool, bit(0, 4)] = False
    lolu: Annotated[bool, bit(0, 2)] = False
    perr: Annotated[bool, bit(0, 1)] = False
    bpew: Annotated[bool, bit(0, 0)] = False
    partition: Annotated[int, octets(1, 1)] = 0
    additional_length: Annotated[int, octets(2, 3)] = 0x1C
    buffered_objects: Annotated[int, octets(5, 7)] = 0
    first_logical_object: Annotated[int, octets(8, 15)] = 0
    last_logical_object: Annotated[int, octets(16, 23)] = 0
    buffered_bytes: Annotated[int, octets(24, 31)] = 0


async def rewind(drive: DriveState, task: Task, cdb: Rewind) -> None:
    """To the beginning of the partition, when all that was written is durable."""
    await drive.run(task, drive.tape.rewind, immed=cdb.immed)


async def space(drive: DriveState, task: Task, cdb: Space6 | Space16) -> None:
    """Pass objects in either direction; what ends it early says how many were not passed."""
    if cdb.code not in set(SpaceCode):
        raise invalid_field(cdb, "code")
    if isinstance(cdb, Space16) and cdb.parameter_list_length:
        raise invalid_field(cdb, "parameter_list_length")
    tape = drive.tape
    if cdb.code == SpaceCode.END_OF_DATA:
        if not tape.at_end_of_writing or tape.writer_failure is not None:
            await tape.locate_end(tape.position.partition)
        return
    if cdb.count:
        motions = {
            SpaceCode.LOGICAL_BLOCKS: tape.medium.space_records,
            SpaceCode.FILEMARKS: tape.medium.space_filemarks,
            SpaceCode.SEQUENTIAL_FILEMARKS: tape.medium.space_sequential_filemarks,
        }
        _report(cdb.count, await tape.space(motions[SpaceCode(cdb.code)], cdb.count))


def _report(count: int, motion: Motion) -> None:
    """Raise what stopped a motion, with the number of objects that were not passed."""
    missing = abs(count) - motion.moved
    match motion.stopped_by:
        case None:
            return
        case Filemark():
            raise CheckCondition(
                Sense(asc=Asc.FILEMARK_DETECTED, information=missing, filemark=True)
            )
        case EndOfData():
            raise CheckCondition(
                Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=missing)
            )
        case BeginningOfPartition():
            raise CheckCondition(
                Sense(
                    asc=Asc.BEGINNING_OF_PARTITION_MEDIUM_DETECTED,
                    information=missing,
                    end_of_medium=True,
                )
            )


async def locate_10(drive: DriveState, task: Task, cdb: Locate10) -> None:
    """To a logical object by its identifier."""
    partition = _partition(drive, cdb)
    await drive.run(
        task, lambda: _to_object(drive, partition, cdb.logical_object_identifier), immed=cdb.immed
    )


async def locate_16(drive: DriveState, task: Task, cdb: Locate16) -> None:
    """To a logical object, a logical file, or the end of data."""
    partition = _partition(drive, cdb)
    if cdb.bam:
        raise invalid_field(cdb, "bam")
    identifier = cdb.logical_identifier
    match cdb.dest_type:
        case DestinationType.LOGICAL_OBJECT:
            await drive.run(task, lambda: _to_object(drive, partition, identifier), immed=cdb.immed)
        case DestinationType.LOGICAL_FILE:
            await drive.run(task, lambda: _to_file(drive, partition, identifier), immed=cdb.immed)
        case DestinationType.END_OF_DATA:
            await drive.run(task, lambda: _to_end(drive, partition), immed=cdb.immed)
        case _:
            raise invalid_field(cdb, "dest_type")


async def _to_object(drive: DriveState, partition: int, identifier: int) -> None:
    reached = await drive.tape.locate(partition, identifier)
    _check_reached(reached.object_number, identifier)


async def _to_file(drive: DriveState, partition: int, identifier: int) -> None:
    reached = await drive.tape.locate_file(partition, identifier)
    _check_reached(reached.file_number, identifier)


async def _to_end(drive: DriveState, partition: int) -> None:
    await drive.tape.locate_end(partition)


def _partition(drive: DriveState, cdb: Locate10 | Locate16) -> int:
    """CP says that the partition is to change to the one named; without it, it stays."""
    if not cdb.cp:
        return drive.tape.position.partition
    if cdb.partition >= drive.tape.partitions:
        raise invalid_field(cdb, "partition")
    return cdb.partition


def _check_reached(reached: int, asked: int) -> None:
    if reached < asked:
        raise CheckCondition(Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED))


async def read_position_short(
    drive: DriveState, task: Task, cdb: ReadPositionShort | ReadPositionVendor
) -> None:
    """First the object that the host transfers next, last the one that the medium does."""
    position, objects, size = _position(drive)
    overflow = position.object_number > LARGEST_SHORT
    form = ShortForm(
        bop=position.object_number == 0,
        eop=drive.tape.past_early_warning,
        perr=overflow,
        bpew=drive.tape.past_early_warning,
        partition=position.partition,
        first_logical_object=0 if overflow else position.object_number,
        last_logical_object=0 if overflow else position.object_number - objects,
        buffered_objects=min(objects, 0xFF_FFFF),
        buffered_bytes=size,
    )
    task.data_in = (form.encode(),)


async def read_position_long(drive: DriveState, task: Task, cdb: ReadPositionLong) -> None:
    """Logical object and logical file identifiers, which are always known."""
    position = drive.tape.position
    form = LongForm(
        bop=position.object_number == 0,
        eop=drive.tape.past_early_warning,
        bpew=drive.tape.past_early_warning,
        partition=position.partition,
        logical_object=position.object_number,
        logical_file=position.file_number,
    )
    task.data_in = (form.encode(),)


async def read_position_extended(drive: DriveState, task: Task, cdb: ReadPositionExtended) -> None:
    """As the short form, with wider identifiers."""
    position, objects, size = _position(drive)
    form = ExtendedForm(
        bop=position.object_number == 0,
        eop=drive.tape.past_early_warning,
        bpew=drive.tape.past_early_warning,
        partition=position.partition,
        buffered_objects=min(objects, 0xFF_FFFF),
        first_logical_object=position.object_number,
        last_logical_object=position.object_number - objects,
        buffered_bytes=size,
    )
    task.answer(form.encode(), cdb.allocation_length)


def _position(drive: DriveState) -> tuple[Position, int, int]:
    """The position, and the objects and bytes in the buffer that are to be written before it."""
    writer = drive.tape.writer
    if writer is None or writer.failure is not None:
        return drive.tape.position, 0, 0
    return drive.tape.position, writer.buffered_objects, writer.buffered_bytes
