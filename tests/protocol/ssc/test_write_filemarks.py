"""WRITE FILEMARKS(6) and (16), SSC-5: marks, and what is durable when they are answered."""

from pyvtl.device.drive.position import ReadPositionLong, Rewind, Space6
from pyvtl.device.drive.write import Write6, WriteFilemarks6, WriteFilemarks16
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run, sense_of
from tests.tape_client import tape


async def test_counts_objects_and_files(load: Load) -> None:
    drive = await load()
    await run(drive, bytes.fromhex("100000000300"))
    await run(drive, bytes.fromhex("80010000000000000000000000000200"))
    form = await run(drive, ReadPositionLong())
    assert (form[8:16].hex(), form[16:24].hex()) == ("0000000000000005",) * 2


async def test_what_came_before_survives_power_loss(load: Load) -> None:
    medium = tape()
    drive = await load(medium=medium)
    await run(drive, Write6(transfer_length=5), b"saved")
    await run(drive, WriteFilemarks6(filemark_count=1))
    medium.crash()
    assert medium.end_of_data(0).object_number == 2


async def test_a_count_of_zero_makes_durable_what_was_written(load: Load) -> None:
    medium = tape()
    drive = await load(medium=medium)
    await run(drive, Write6(transfer_length=5), b"saved")
    await run(drive, WriteFilemarks16())
    medium.crash()
    assert medium.end_of_data(0).object_number == 1


async def test_immed_leaves_them_in_the_buffer(load: Load) -> None:
    medium = tape()
    drive = await load(medium=medium)
    await run(drive, WriteFilemarks6(filemark_count=1, immed=True))
    await run(drive, Space6(code=0b011))
    medium.crash()
    assert medium.end_of_data(0).object_number == 0


async def test_rewinding_makes_them_durable(load: Load) -> None:
    medium = tape()
    drive = await load(medium=medium)
    await run(drive, WriteFilemarks6(filemark_count=1, immed=True))
    await run(drive, Rewind())
    medium.crash()
    assert medium.end_of_data(0).object_number == 1


async def test_setmarks_are_refused(load: Load) -> None:
    assert await sense_of(await load(), WriteFilemarks6(wsmk=True)) == "05/24/00 cdb[1].1"
