"""READ(6), SSC-5: records, and every way in which one can be other than was asked for."""

import pytest

from pyvtl.device.drive.position import ReadPositionLong
from pyvtl.device.drive.read import Read6
from pyvtl.media.medium import EndOfData, Filemark, Position, Record
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.sense import Asc, Sense, SenseKey
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run, send, sense_of
from tests.tape_client import condition_of, end_of


async def test_returns_one_record(load: Load) -> None:
    drive = await load(b"hello", b"world")
    assert await run(drive, Read6(transfer_length=5)) == b"hello"
    assert await run(drive, bytes.fromhex("080000000500")) == b"world"


async def test_data_is_handed_over_by_reference(load: Load) -> None:
    drive = await load(bytes(70000))
    task = await send(drive, Read6(transfer_length=65536))
    assert [type(buffer) for buffer in task.data_in] == [memoryview]


async def test_a_filemark_ends_the_command_and_is_passed_over(load: Load) -> None:
    drive = await load(Filemark(), b"after")
    task = await send(drive, Read6(transfer_length=10))
    assert task.sense.hex() == "f000800000000a0a00000000000100000000"
    assert await run(drive, Read6(transfer_length=5)) == b"after"


async def test_the_end_of_data_is_a_blank_check_and_nothing_moves(load: Load) -> None:
    drive = await load(b"all")
    await run(drive, Read6(transfer_length=3))
    before = await run(drive, ReadPositionLong())
    for _ in range(2):
        task = await send(drive, Read6(transfer_length=3))
        assert task.sense.hex() == "f00008000000030a00000000000500000000"
    assert await run(drive, ReadPositionLong()) == before


@pytest.mark.parametrize(("asked", "data", "residual"), [(10, b"hello", 5), (3, b"hel", -2)])
async def test_a_wrong_length_is_delivered_and_reported(
    load: Load, asked: int, data: bytes, residual: int
) -> None:
    drive = await load(b"hello", b"next")
    sense = Sense(information=residual, incorrect_length=True)
    assert await end_of(drive, Read6(transfer_length=asked)) == (data, sense)
    assert await run(drive, Read6(transfer_length=4)) == b"next"


class InPieces(MemoryMedium):
    """Gives each record as two buffers, as a medium that stores blocks may."""

    def read(self, at: Position, byte_limit: int) -> list[Record | Filemark | EndOfData]:
        found: list[Record | Filemark | EndOfData] = []
        for item in super().read(at, byte_limit):
            if isinstance(item, Record):
                (whole,) = item.data
                found.append(Record((whole[:3], whole[3:]), item.size))
            else:
                found.append(item)
        return found


@pytest.mark.parametrize(("asked", "data"), [(2, b"he"), (3, b"hel"), (4, b"hell"), (5, b"hello")])
async def test_a_record_in_pieces_is_cut_where_it_was_asked_for(
    load: Load, asked: int, data: bytes
) -> None:
    medium = InPieces()
    medium.append([Record((b"hello",), 5)])
    drive = await load(medium=medium)
    assert (await end_of(drive, Read6(transfer_length=asked)))[0] == data


async def test_sili_passes_over_a_short_record(load: Load) -> None:
    drive = await load(b"hello", block_length=65536)
    assert await run(drive, Read6(transfer_length=10, sili=True)) == b"hello"


async def test_sili_passes_over_a_long_record_in_variable_mode(load: Load) -> None:
    drive = await load(b"hello", block_length=0)
    assert await run(drive, Read6(transfer_length=2, sili=True)) == b"he"


async def test_sili_reports_a_long_record_when_a_block_length_is_set(load: Load) -> None:
    drive = await load(b"hello", block_length=4)
    sense = Sense(information=-3, incorrect_length=True)
    assert await end_of(drive, Read6(transfer_length=2, sili=True)) == (b"he", sense)


async def test_fixed_with_sili_points_at_the_sili_bit(load: Load) -> None:
    drive = await load(b"hello", block_length=5)
    cdb = Read6(transfer_length=1, fixed=True, sili=True)
    assert await sense_of(drive, cdb) == "05/24/00 cdb[1].1"


async def test_fixed_without_a_block_length_points_at_the_fixed_bit(load: Load) -> None:
    drive = await load(b"hello", block_length=0)
    assert await sense_of(drive, Read6(transfer_length=1, fixed=True)) == "05/24/00 cdb[1].0"


async def test_more_than_the_drive_holds_at_once_is_refused(load: Load) -> None:
    drive = await load(b"hello", block_length=65536)
    assert await sense_of(drive, Read6(transfer_length=257, fixed=True)) == "05/24/00 cdb[2].7"


async def test_fixed_returns_a_row_of_records(load: Load) -> None:
    drive = await load(b"one.", b"two.", b"3333", block_length=4)
    assert await run(drive, Read6(transfer_length=3, fixed=True)) == b"one.two.3333"


@pytest.mark.parametrize(("odd", "delivered"), [(b"no", b"no"), (b"longer", b"long")])
async def test_fixed_stops_after_a_record_of_another_length(
    load: Load, odd: bytes, delivered: bytes
) -> None:
    drive = await load(b"one.", odd, b"3333", block_length=4)
    sense = Sense(information=2, incorrect_length=True)
    cdb = Read6(transfer_length=3, fixed=True)
    assert await end_of(drive, cdb) == (b"one." + delivered, sense)
    assert await run(drive, Read6(transfer_length=1, fixed=True)) == b"3333"


async def test_fixed_reports_a_filemark_with_the_blocks_not_read(load: Load) -> None:
    drive = await load(b"one.", Filemark(), b"3333", block_length=4)
    sense = Sense(asc=Asc.FILEMARK_DETECTED, information=4, filemark=True)
    assert await end_of(drive, Read6(transfer_length=5, fixed=True)) == (b"one.", sense)


async def test_fixed_reports_the_end_of_data_with_the_blocks_not_read(load: Load) -> None:
    drive = await load(b"one.", block_length=4)
    sense = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=4)
    assert await end_of(drive, Read6(transfer_length=5, fixed=True)) == (b"one.", sense)


@pytest.mark.parametrize("fixed", [False, True])
async def test_zero_length_moves_nothing(load: Load, fixed: bool) -> None:
    drive = await load(b"hell", block_length=4)
    assert await run(drive, Read6(transfer_length=0, fixed=fixed)) == b""
    assert await run(drive, Read6(transfer_length=4)) == b"hell"


async def test_without_a_medium_is_not_ready(load: Load) -> None:
    drive = await load()
    await drive.unload()
    sense = Sense(SenseKey.NOT_READY, Asc.MEDIUM_NOT_PRESENT)
    assert await condition_of(drive, Read6(transfer_length=1)) == sense


async def test_a_long_tape_is_read_in_order(load: Load) -> None:
    records = [bytes([n % 251]) * (n * 37 % 9000 + 1) for n in range(2000)]
    drive = await load(*records)
    for record in records:
        assert await run(drive, Read6(transfer_length=10000, sili=True)) == record
