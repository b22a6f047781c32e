"""WORM cartridges (SSC-5, WORM mode): appended to, never changed."""

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.erase import Erase6
from pyvtl.device.drive.position import Rewind, Space6
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.media.medium import Attributes, Position, Record
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.cdb import Cdb
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run, sense_of

END_OF_DATA = Space6(code=3)


def worm() -> MemoryMedium:
    """One record, and nothing behind it."""
    medium = MemoryMedium(worm=True)
    medium.start_writing(Position())
    medium.append([Record((b"kept",), 4)])
    medium.sync()
    return medium


async def read_all(drive: TapeDrive) -> bytes:
    await run(drive, Rewind())
    return await run(drive, Read6(transfer_length=4))


@pytest.mark.parametrize(
    "cdb", [Write6(transfer_length=1), WriteFilemarks6(filemark_count=1), Erase6()]
)
async def test_what_is_recorded_is_not_overwritten(load: Load, cdb: Cdb) -> None:
    drive = await load(medium=worm())
    assert await sense_of(drive, cdb, b"x") == "07/30/0c"
    assert await read_all(drive) == b"kept"


async def test_at_the_end_of_data_it_is_written(load: Load) -> None:
    drive = await load(medium=worm())
    await run(drive, END_OF_DATA)
    await run(drive, Write6(transfer_length=3), b"new")
    await run(drive, WriteFilemarks6(filemark_count=1))
    assert await read_all(drive) == b"kept"
    assert await run(drive, Read6(transfer_length=3)) == b"new"
    await run(drive, Rewind())
    assert await sense_of(drive, Write6(transfer_length=1), b"x") == "07/30/0c"


async def test_a_blank_one_is_written_once(load: Load) -> None:
    drive = await load(medium=MemoryMedium(worm=True))
    await run(drive, Write6(transfer_length=4), b"kept")
    await run(drive, Rewind())
    assert await sense_of(drive, Write6(transfer_length=1), b"x") == "07/30/0c"
    assert await read_all(drive) == b"kept"


async def test_erasing_at_the_end_of_data_erases_nothing(load: Load) -> None:
    drive = await load(medium=worm())
    await run(drive, END_OF_DATA)
    await run(drive, Erase6())
    assert await read_all(drive) == b"kept"


async def test_the_header_of_mode_sense_tells_the_medium_type(load: Load) -> None:
    drive = await load(medium=worm())
    assert (await run(drive, bytes.fromhex("1a0000000c00")))[1] == 0x5C
    assert (await run(drive, bytes.fromhex("5a000000000000001000")))[2] == 0x5C


async def test_a_protected_one_tells_of_the_protection_first(load: Load) -> None:
    medium = worm()
    medium.set_attributes(Attributes(write_protected=True))
    drive = await load(medium=medium)
    assert await sense_of(drive, Write6(transfer_length=1), b"x") == "07/27/00"
    await drive.protect(write_protected=False)
    assert await sense_of(drive, Write6(transfer_length=1), b"x") == "07/30/0c"
