"""REWIND, SPACE, LOCATE, READ POSITION, SSC-5: what the model of the drive cannot show."""

import pytest

from pyvtl.device.drive.position import (
    Locate10,
    Locate16,
    ReadPositionExtended,
    ReadPositionShort,
    ReadPositionVendor,
    Rewind,
    ShortForm,
    Space6,
    Space16,
)
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6
from pyvtl.media.medium import Filemark, Position
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.sense import Asc, Sense, SenseKey
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run, send, sense_of
from tests.tape_client import condition_of, tape

TO_THE_END = 0x7FFFFF


async def test_the_end_is_found_by_spacing_over_more_filemarks_than_there_are(load: Load) -> None:
    drive = await load(b"one", Filemark(), b"two", Filemark())
    task = await send(drive, Space6(code=1, count=TO_THE_END))
    assert task.sense.hex() == "f00008007ffffd0a00000000000500000000"
    form = await run(drive, ReadPositionShort())
    assert form.hex() == "0000000000000004000000040000000000000000"


async def test_backwards_over_a_filemark_stands_before_it(load: Load) -> None:
    drive = await load(b"one", Filemark(), b"two")
    await run(drive, Space6(code=3))
    await run(drive, bytes.fromhex("1101ffffff00"))
    sense = Sense(asc=Asc.FILEMARK_DETECTED, information=9, filemark=True)
    assert await condition_of(drive, Read6(transfer_length=9)) == sense


async def test_the_beginning_stops_a_motion(load: Load) -> None:
    drive = await load(b"one", b"two")
    await run(drive, Read6(transfer_length=3))
    task = await send(drive, Space6(count=-3))
    assert task.sense.hex() == "f0004000000002" + "0a00000000000400000000"


async def test_a_residual_too_large_for_fixed_format_is_not_valid(load: Load) -> None:
    drive = await load(b"one")
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED)
    assert await condition_of(drive, Space16(count=1 << 40)) == sense


async def test_spacing_forwards_where_the_drive_writes_meets_the_end(load: Load) -> None:
    drive = await load()
    await run(drive, Write6(transfer_length=3), b"one")
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=2)
    assert await condition_of(drive, Space6(count=2)) == sense


@pytest.mark.parametrize(
    ("cdb", "where"),
    [
        (Space6(code=4), "cdb[1].3"),
        (Space16(count=1, parameter_list_length=8), "cdb[12].7"),
        (Locate10(cp=True, partition=1), "cdb[8].7"),
        (Locate16(cp=True, partition=1), "cdb[3].7"),
        (Locate16(dest_type=0b10), "cdb[1].4"),
        (Locate16(bam=True), "cdb[2].0"),
    ],
)
async def test_what_there_is_not_is_pointed_at(load: Load, cdb: Cdb, where: str) -> None:
    assert await sense_of(await load(), cdb) == f"05/24/00 {where}"


async def test_locates_by_every_kind_of_destination(load: Load) -> None:
    drive = await load(b"one", Filemark(), b"two")
    await run(drive, bytes.fromhex("2b000000000002000000"))
    assert await run(drive, Read6(transfer_length=3)) == b"two"
    await run(drive, bytes.fromhex("92000000000000000000000000000000"))
    assert await run(drive, Read6(transfer_length=3)) == b"one"
    await run(drive, bytes.fromhex("92080000000000000000000100000000"))
    assert await run(drive, Read6(transfer_length=3)) == b"two"
    await run(drive, Rewind())
    await run(drive, bytes.fromhex("92180000000000000000000000000000"))
    assert (await run(drive, ReadPositionShort()))[7] == 3


async def test_locate_changes_the_partition_when_told_to(load: Load) -> None:
    medium = MemoryMedium(partitions=2)
    drive = await load(medium=medium)
    await run(drive, Locate16(cp=True, partition=1))
    await run(drive, Write6(transfer_length=3), b"two")
    await run(drive, Rewind())
    assert (await run(drive, ReadPositionShort()))[:2].hex() == "8001"
    await run(drive, Locate10(cp=True, partition=0))
    assert medium.end_of_data(1) == Position(1, 1, 0, 3)
    assert (await run(drive, ReadPositionShort()))[:2].hex() == "8000"


async def test_partitions_share_the_capacity(load: Load) -> None:
    drive = await load(medium=MemoryMedium(capacity_bytes=10, partitions=2))
    await run(drive, Write6(transfer_length=4), b"four")
    await run(drive, Locate16(cp=True, partition=1))
    assert await sense_of(drive, Write6(transfer_length=7), b"7 bytes") == "0d/00/02"


async def test_locate_beyond_the_end_of_data_stops_there(load: Load) -> None:
    drive = await load(b"one", b"two")
    cdb = Locate16(logical_identifier=(1 << 64) - 1)
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED)
    assert await condition_of(drive, cdb) == sense
    assert (await run(drive, ReadPositionShort()))[7] == 2


async def test_an_unanswered_locate_reports_its_failure_later(load: Load) -> None:
    drive = await load(b"one")
    await run(drive, Locate10(immed=True, logical_object_identifier=9))
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, deferred=True)
    assert await condition_of(drive, ReadPositionShort()) == sense
    assert (await run(drive, ReadPositionShort()))[7] == 1


async def test_the_short_forms_tell_what_is_in_the_buffer(load: Load) -> None:
    drive = await load()
    await run(drive, Write6(transfer_length=3), b"one")
    form = ShortForm.decode(await run(drive, ReadPositionVendor()))
    assert form.first_logical_object == 1
    assert form.last_logical_object + form.buffered_objects == 1
    assert form.buffered_bytes == 3 * form.buffered_objects


async def test_a_number_too_large_for_the_short_form_is_an_error_in_it(load: Load) -> None:
    drive = await load()
    drive.tape.position = Position(object_number=1 << 32)
    form = await run(drive, ReadPositionShort())
    assert form.hex() == "02" + "00" * 19


async def test_the_extended_form_is_cut_to_the_allocation_length(load: Load) -> None:
    drive = await load(b"one", b"two")
    await run(drive, Read6(transfer_length=3))
    form = await run(drive, ReadPositionExtended(allocation_length=32))
    one = "0000000000000001"
    assert form.hex() == "0000001c00000000" + one + one + "0000000000000000"
    assert await run(drive, ReadPositionExtended(allocation_length=4)) == form[:4]


async def test_position_survives_reset_and_session_loss(load: Load) -> None:
    drive = await load(medium=tape(b"one", b"two"))
    await run(drive, Read6(transfer_length=3))
    drive.reset()
    assert await sense_of(drive, ReadPositionShort()) == "06/29/03"
    assert (await run(drive, ReadPositionShort()))[7] == 1


async def test_a_write_that_wrote_nothing_does_not_make_an_end_of_data(load: Load) -> None:
    drive = await load(b"one")
    assert await sense_of(drive, Write6(transfer_length=9), b"short") == "05/0e/03"
    await run(drive, Space6(code=3))
    assert (await run(drive, ReadPositionShort()))[7] == 1
    assert drive.tape.data_ends == [Position(0, 1, 0, 3)]
