"""Writing behind and reading ahead: what is answered when, and what the loop never does."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from pyvtl.device.drive.position import ReadPositionShort, Rewind, ShortForm
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.device.memory import MIB, MemoryPool
from pyvtl.media.medium import (
    DamagedError,
    EndOfData,
    Filemark,
    Position,
    Record,
    StorageFailedError,
)
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.task import Status
from tests.failing_media import CompressionLog, FailingMedium, StallingMedium
from tests.scsi_client import ALICE, run, send, sense_of
from tests.tape_client import condition_of, empty_drive, keep_busy, tape

WRITE = Write6(transfer_length=MIB)
DATA = bytes(MIB)


async def test_a_write_is_answered_while_the_disk_stalls() -> None:
    drive, medium = empty_drive(), StallingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(8):
        await run(drive, WRITE, DATA)
    form = ShortForm.decode(await run(drive, ReadPositionShort()))
    assert (form.first_logical_object, form.buffered_objects) == (8, 8)
    assert form.buffered_bytes == 8 * MIB
    medium.go.set()
    await drive.close()
    assert medium.end_of_data(0).object_number == 8


async def test_a_full_buffer_holds_back_the_answer_and_the_loop_stays_free() -> None:
    """Of several tries the best: what else the machine has to do only ever makes one worse."""
    assert min([await longest_turn_with_a_full_buffer() for _ in range(5)]) < 0.1


async def longest_turn_with_a_full_buffer() -> float:
    """Seconds that the loop takes at most to come back to who sleeps for 5 ms."""
    drive, medium = empty_drive(memory=MemoryPool(16 * MIB, 4 * MIB, 8 * MIB)), StallingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(8):
        await run(drive, WRITE, DATA)
    held_back = asyncio.create_task(send(drive, WRITE, DATA))
    worst = 0.0
    for _ in range(20):
        began = time.monotonic()
        await asyncio.sleep(0.005)
        worst = max(worst, time.monotonic() - began)
    assert not held_back.done()
    medium.go.set()
    assert (await held_back).status == Status.GOOD
    await drive.close()
    assert medium.end_of_data(0).object_number == 9
    return worst


async def test_records_are_compressed_only_while_little_waits() -> None:
    """With four records of 1 MiB waiting, compressing begins when two are left."""
    drive, medium = empty_drive(), CompressionLog()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, Write6(transfer_length=1), b"1")
    await run(drive, WriteFilemarks6())
    go = keep_busy(drive)
    for _ in range(4):
        await run(drive, WRITE, DATA)
    go.set()
    await run(drive, WriteFilemarks6())
    assert [compress for _, compress in medium.appended] == [True, False, False, True, True]
    await drive.close()


async def test_an_aborted_write_that_was_not_answered_writes_nothing() -> None:
    drive, medium = empty_drive(memory=MemoryPool(16 * MIB, 4 * MIB, 8 * MIB)), StallingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(8):
        await run(drive, WRITE, DATA)
    held_back = asyncio.create_task(send(drive, WRITE, DATA))
    await asyncio.sleep(0)
    held_back.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held_back
    medium.go.set()
    await run(drive, WriteFilemarks6(filemark_count=1))
    await drive.close()
    assert medium.end_of_data(0).object_number == 9


async def test_answered_blocks_survive_reset_and_session_loss() -> None:
    drive, medium = empty_drive(), StallingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, WRITE, DATA)
    drive.reset()
    drive.lose(ALICE)
    medium.go.set()
    await drive.unload()
    assert medium.end_of_data(0).object_number == 1
    await drive.close()


async def test_drives_share_the_memory_and_each_gets_on() -> None:
    memory = MemoryPool(16 * MIB, 4 * MIB, 12 * MIB)
    stalled, running = empty_drive(memory=memory), empty_drive(memory=memory)
    stalling, flowing = StallingMedium(), tape()
    await stalled.load(lambda: stalling, "A")
    await running.load(lambda: flowing, "B")
    for drive in (stalled, running):
        drive.attentions.take(ALICE)
    for _ in range(12):
        await run(stalled, WRITE, DATA)
    for _ in range(32):
        await run(running, WRITE, DATA)
    stalling.go.set()
    await stalled.close()
    await running.close()
    assert flowing.end_of_data(0).object_number == 32


async def test_memory_comes_back_after_reading_and_writing() -> None:
    drive = empty_drive()
    await drive.load(tape, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(40):
        await run(drive, WRITE, DATA)
    await run(drive, Rewind())
    assert drive.account.held_bytes == 0
    for _ in range(20):
        await run(drive, Read6(transfer_length=MIB))
    assert 0 < drive.account.held_bytes <= 32 * MIB
    await run(drive, Rewind())
    assert drive.account.held_bytes == 0
    await drive.close()


async def test_reading_goes_on_when_the_memory_is_short() -> None:
    memory = MemoryPool(8 * MIB, 4 * MIB, 8 * MIB)
    other = memory.open_account()
    drive = empty_drive(memory=memory)
    await drive.load(lambda: tape(*[DATA] * 16), "MEM001L5")
    drive.attentions.take(ALICE)
    assert memory.try_take(other, 4 * MIB)
    for _ in range(16):
        assert await run(drive, Read6(transfer_length=MIB)) == DATA
    await drive.close()


async def test_records_before_damage_are_read_though_it_is_already_known() -> None:
    drive, medium = empty_drive(), HalfDamaged()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(20):
        assert await run(drive, Read6(transfer_length=MIB)) == DATA
    for _ in range(2):
        assert await sense_of(drive, Read6(transfer_length=MIB)) == "03/11/00"
    await drive.close()


class HalfDamaged(MemoryMedium):
    """Twenty records, and damage behind them."""

    def read(self, at: Position, byte_limit: int) -> Sequence[Record | Filemark | EndOfData]:
        if at.object_number >= 20:
            raise DamagedError("a frame does not hold what was written")
        wanted = min(20 - at.object_number, max(1, byte_limit // MIB))
        return [Record((DATA,), MIB)] * wanted


async def test_sealing_waits_for_no_command_and_takes_in_all_that_was_written_before_it() -> None:
    drive, medium = empty_drive(memory=MemoryPool(16 * MIB, 4 * MIB, 8 * MIB)), StallingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    for _ in range(8):
        await run(drive, WRITE, DATA)
    held_back = asyncio.create_task(send(drive, WRITE, DATA))
    sealing = asyncio.create_task(drive.seal())
    await asyncio.sleep(0)
    medium.go.set()
    await sealing
    medium.crash()
    assert medium.end_of_data(0).object_number >= 8
    assert (await held_back).status == Status.GOOD
    await drive.close()


async def test_sealing_that_fails_is_a_deferred_error_of_who_wrote() -> None:
    drive, medium = empty_drive(), FailingMedium()
    await drive.load(lambda: medium, "MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, WRITE, DATA)
    medium.sync_error = StorageFailedError("EIO")
    with pytest.raises(StorageFailedError):
        await drive.seal()
    assert await condition_of(drive, Rewind()) == Sense(
        SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, deferred=True
    )
    medium.sync_error = None
    await drive.close()
