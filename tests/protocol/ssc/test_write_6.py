"""WRITE(6), SSC-5: records, early warning and the end of the medium, and what is refused."""

from pyvtl.device.drive.position import ReadPositionLong, Rewind
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.media.medium import Attributes, Filemark
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.task import Task
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import ALICE, run, send, sense_of
from tests.tape_client import condition_of, end_of, tape

MIB = 1 << 20
EARLY_WARNING = Sense(asc=Asc.END_OF_PARTITION_MEDIUM_DETECTED, information=0, end_of_medium=True)


def overflow(missing: int) -> Sense:
    asc = Asc.END_OF_PARTITION_MEDIUM_DETECTED
    return Sense(SenseKey.VOLUME_OVERFLOW, asc, information=missing, end_of_medium=True)


class Generous:
    """Offers more than it is asked for: the expected data transfer length is the larger one."""

    async def receive(self, length: int) -> memoryview:
        return memoryview(b"only three of these")


async def test_a_record_is_read_back(load: Load) -> None:
    drive = await load()
    await run(drive, bytes.fromhex("0a0000000500"), b"hello")
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=5)) == b"hello"


async def test_fixed_writes_a_row_of_records(load: Load) -> None:
    drive = await load(block_length=4)
    await run(drive, bytes.fromhex("0a0100000200"), b"one.two.")
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=4)) == b"one."
    assert await run(drive, Read6(transfer_length=4)) == b"two."


async def test_what_followed_is_gone(load: Load) -> None:
    drive = await load(b"old", b"older", Filemark(), b"oldest")
    await run(drive, Read6(transfer_length=3))
    await run(drive, Write6(transfer_length=3), b"new")
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=9)
    assert await condition_of(drive, Read6(transfer_length=9)) == sense


async def test_zero_length_writes_nothing(load: Load) -> None:
    drive = await load(b"kept", block_length=4)
    await run(drive, Write6())
    await run(drive, Write6(fixed=True))
    assert await run(drive, Read6(transfer_length=4)) == b"kept"


async def test_less_data_than_the_command_asks_for_writes_nothing(load: Load) -> None:
    drive = await load(b"kept")
    task = await send(drive, Write6(transfer_length=9), b"short")
    assert (task.sense.hex(), task.data_out_length) == ("700005000000000a000000000e0300000000", 9)
    assert await run(drive, Read6(transfer_length=4)) == b"kept"


async def test_more_data_than_the_command_asks_for_is_cut(load: Load) -> None:
    drive = await load()
    task = Task(ALICE, Write6(transfer_length=3).encode(), data_out=Generous())
    await drive.execute(task)
    await run(drive, Rewind())
    assert await end_of(drive, Read6(transfer_length=3)) == (b"onl", None)


async def test_lengths_beyond_the_limits_are_pointed_at(load: Load) -> None:
    drive = await load(block_length=65536)
    assert await sense_of(drive, Write6(transfer_length=MIB + 1)) == "05/24/00 cdb[2].7"
    cdb = Write6(transfer_length=257, fixed=True)
    assert await sense_of(drive, cdb) == "05/24/00 cdb[2].7"


async def test_fixed_without_a_block_length_points_at_the_fixed_bit(load: Load) -> None:
    drive = await load(block_length=0)
    assert await sense_of(drive, Write6(transfer_length=1, fixed=True)) == "05/24/00 cdb[1].0"


async def test_a_protected_tape_is_not_written(load: Load) -> None:
    medium = tape(b"kept")
    medium.set_attributes(Attributes(write_protected=True))
    drive = await load(medium=medium)
    for cdb in (Write6(transfer_length=1), WriteFilemarks6(filemark_count=1)):
        assert await sense_of(drive, cdb, b"x") == "07/27/00"
    assert await run(drive, Read6(transfer_length=4)) == b"kept"


async def test_early_warning_tells_that_the_block_was_written(load: Load) -> None:
    drive = await load(capacity_bytes=256 * MIB, block_length=0)
    cdb, data = Write6(transfer_length=MIB), bytes(MIB)
    ends = [(await end_of(drive, cdb, data))[1] for _ in range(194)]
    assert ends == [None] * 192 + [EARLY_WARNING] * 2
    form = await run(drive, ReadPositionLong())
    assert (form[0], form[15]) == (0x41, 194)


async def test_the_end_of_the_medium_takes_only_what_fits(load: Load) -> None:
    drive = await load(capacity_bytes=10, block_length=4)
    cdb = Write6(transfer_length=3, fixed=True)
    assert await end_of(drive, cdb, b"one.two.3333") == (b"", overflow(1))
    assert await condition_of(drive, Write6(transfer_length=3), b"abc") == overflow(3)
    assert await condition_of(drive, Write6(transfer_length=2), b"ab") == EARLY_WARNING
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=2, fixed=True)) == b"one.two."
    assert await run(drive, Read6(transfer_length=2)) == b"ab"


async def test_filemarks_fit_on_a_full_tape(load: Load) -> None:
    drive = await load(b"full", capacity_bytes=4)
    await run(drive, Read6(transfer_length=4))
    assert await condition_of(drive, WriteFilemarks6(filemark_count=1)) == EARLY_WARNING
    await run(drive, WriteFilemarks6())
