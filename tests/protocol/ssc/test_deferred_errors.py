"""Failures after GOOD, SPC-5 Deferred errors: told once, never swallowed, never written over."""

from dataclasses import replace

import pytest

from pyvtl.device.drive.erase import Erase6
from pyvtl.device.drive.medium import LoadUnload
from pyvtl.device.drive.position import ReadPositionShort, Rewind, Space6, SpaceCode
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.media.medium import DamagedError, StorageFailedError, UnavailableError
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.task import Given, Task
from tests.failing_media import FailingMedium
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import ALICE, BOB, introduce, run, sense_of
from tests.tape_client import abort_while_it_runs, condition_of, end_of

DEFERRED = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, deferred=True)
CURRENT = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR)
WRITE, SYNC = Write6(transfer_length=4), WriteFilemarks6()
POSITION = ReadPositionShort()


@pytest.fixture
def medium() -> FailingMedium:
    return FailingMedium()


async def test_a_lost_record_is_told_to_the_nexus_that_wrote_it(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    introduce(drive, ALICE, BOB)
    await run(drive, WRITE, b"kept")
    await run(drive, SYNC)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    await drive.transport.call(lambda: None)
    form = await run(drive, POSITION, nexus=BOB)
    assert form[7] == 1
    assert await condition_of(drive, POSITION) == DEFERRED
    assert (await run(drive, POSITION)) == form


async def test_the_wire_format_says_deferred(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    assert drive.encode_sense(await condition_of(drive, SYNC))[0] == 0x71


@pytest.mark.parametrize(
    "cdb", [SYNC, Rewind(), LoadUnload(), Space6(count=-1), Read6(transfer_length=4)]
)
async def test_what_makes_durable_fails_when_it_cannot(
    load: Load, medium: FailingMedium, cdb: Cdb
) -> None:
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    medium.sync_error = OSError("EIO")
    assert await condition_of(drive, cdb) == DEFERRED
    medium.sync_error = None


async def test_nothing_is_written_until_the_tape_is_repositioned(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    medium.append_error = DamagedError("bad frame")
    await run(drive, WRITE, b"lost")
    assert await condition_of(drive, SYNC) == DEFERRED
    medium.append_error = None
    for cdb, data in ((WRITE, b"more"), (SYNC, b""), (Erase6(), b"")):
        assert await condition_of(drive, cdb, data) == CURRENT
    blank = Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=4)
    assert await condition_of(drive, Read6(transfer_length=4)) == blank
    await run(drive, Rewind())
    await run(drive, WRITE, b"anew")
    await run(drive, SYNC)
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=4)) == b"anew"


async def test_after_a_disk_failed_the_tape_is_read_only_until_reloaded(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    assert await condition_of(drive, SYNC) == DEFERRED
    medium.append_error = None
    await run(drive, Rewind())
    assert await condition_of(drive, WRITE, b"more") == CURRENT
    assert await condition_of(drive, Erase6()) == CURRENT
    await run(drive, LoadUnload())
    await run(drive, LoadUnload(load=True))
    await run(drive, WRITE, b"anew")
    await run(drive, SYNC)


async def test_the_library_is_told_before_the_cartridge_goes(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    with pytest.raises(StorageFailedError):
        await drive.unload()
    assert drive.loaded == "MEM001L5"
    await drive.unload()
    assert drive.loaded is None
    assert await condition_of(drive, bytes(6)) == DEFERRED


async def test_what_the_host_was_told_does_not_stop_the_library(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    assert await condition_of(drive, SYNC) == DEFERRED
    await drive.unload()
    assert drive.loaded is None


async def test_a_medium_that_does_not_close_stays_once(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    medium.close_error = StorageFailedError("EIO")
    with pytest.raises(StorageFailedError):
        await drive.unload()
    await drive.unload()
    assert drive.loaded is None


async def test_who_loses_the_session_is_told_on_coming_back(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    introduce(drive, ALICE, BOB)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    assert await condition_of(drive, SYNC, nexus=BOB) == CURRENT
    drive.lose(ALICE)
    drive.establish(ALICE)
    assert await condition_of(drive, POSITION) == DEFERRED
    assert await end_of(drive, POSITION) == await end_of(drive, POSITION, nexus=BOB)


async def test_unbuffered_writes_fail_themselves(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    drive.buffered_mode = 0
    await run(drive, WRITE, b"kept")
    medium.crash()
    assert medium.end_of_data(0).object_number == 1
    medium.sync_error = StorageFailedError("EIO")
    sense = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, information=4)
    assert await condition_of(drive, WRITE, b"lost") == sense
    medium.sync_error = None
    await run(drive, POSITION)


async def test_a_full_disk_is_met_before_data_is_accepted(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    medium.reservable_bytes = 0
    assert await condition_of(drive, WRITE, b"none") == CURRENT
    medium.reservable_bytes = 1 << 40
    await run(drive, WRITE, b"some")
    await run(drive, SYNC)


async def test_damage_is_reported_where_it_lies(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    medium.read_error = DamagedError("bad checksum")
    sense = Sense(SenseKey.MEDIUM_ERROR, Asc.UNRECOVERED_READ_ERROR, information=4)
    assert await condition_of(drive, Read6(transfer_length=4)) == sense
    medium.read_error = None
    assert await sense_of(drive, Read6(transfer_length=4)) == "08/00/05"


async def test_an_unanswered_rewind_reports_its_failure_later(
    load: Load, medium: FailingMedium
) -> None:
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    medium.sync_error = OSError("EIO")
    await run(drive, Rewind(immed=True))
    assert await condition_of(drive, POSITION) == DEFERRED
    medium.sync_error = None


async def test_every_nexus_that_wrote_is_told(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    introduce(drive, ALICE, BOB)
    nexuses: tuple[Nexus, ...] = (ALICE, BOB)
    for nexus in nexuses:
        await run(drive, WRITE, b"lost", nexus=nexus)
    medium.sync_error = OSError("EIO")
    assert [await condition_of(drive, SYNC, nexus=nexus) for nexus in nexuses] == [DEFERRED] * 2
    medium.sync_error = None


async def test_closing_lets_go_of_a_tape_that_failed(load: Load, medium: FailingMedium) -> None:
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    medium.sync_error = StorageFailedError("EIO")
    with pytest.raises(StorageFailedError):
        await drive.close()
    assert drive.loaded is None


async def test_another_nexus_does_not_unload_data_that_was_lost_without_being_told(
    load: Load, medium: FailingMedium
) -> None:
    """Who wrote may never come back: whoever unloads is told, and can unload then."""
    drive = await load(medium=medium)
    introduce(drive, ALICE, BOB)
    medium.append_error = StorageFailedError("EIO")
    await run(drive, WRITE, b"lost")
    await drive.transport.call(lambda: None)
    drive.lose(ALICE)
    assert await condition_of(drive, LoadUnload(), nexus=BOB) == CURRENT
    await run(drive, LoadUnload(), nexus=BOB)
    await drive.unload()
    drive.establish(ALICE)
    assert await condition_of(drive, POSITION) == DEFERRED


async def test_what_is_out_of_reach_aborts_the_command_and_breaks_nothing(
    load: Load, medium: FailingMedium
) -> None:
    """SPC-5 Sense key ABORTED COMMAND: the application client may send the same again."""
    drive = await load(medium=medium)
    await run(drive, WRITE, b"kept")
    await run(drive, Rewind())
    medium.read_error = UnavailableError("the store does not answer")
    out_of_reach = Sense(SenseKey.ABORTED_COMMAND, Asc.LOGICAL_UNIT_COMMUNICATION_TIME_OUT)
    read = Read6(transfer_length=4)
    assert await condition_of(drive, read) == replace(out_of_reach, information=4)
    medium.read_error = None
    assert await run(drive, read) == b"kept"
    assert drive.read_errors == 0
    await run(drive, WRITE, b"more")


async def test_an_aborted_command_keeps_no_deferred_error_to_itself(
    load: Load, medium: FailingMedium
) -> None:
    """SAM-5 ABORT TASK: there is no response to carry the sense data, so it is still to be told."""
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    medium.sync_error = StorageFailedError("EIO")
    await abort_while_it_runs(drive, Task(ALICE, SYNC.encode()))
    assert await condition_of(drive, LoadUnload()) == DEFERRED


async def test_an_aborted_unbuffered_write_keeps_no_deferred_error_to_itself(
    load: Load, medium: FailingMedium
) -> None:
    """SSC-5 buffered mode 0 after mode 1: the records before it were answered."""
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    drive.buffered_mode = 0
    medium.sync_error = StorageFailedError("EIO")
    await abort_while_it_runs(drive, Task(ALICE, WRITE.encode(), data_out=Given(b"more")))
    assert await condition_of(drive, LoadUnload()) == DEFERRED


async def test_the_library_is_told_when_an_unanswered_rewind_found_the_data_lost(
    load: Load, medium: FailingMedium
) -> None:
    """SPC-5 Deferred errors: kept for who wrote is not yet told, and the cartridge stays once."""
    drive = await load(medium=medium)
    await run(drive, WRITE, b"lost")
    medium.sync_error = StorageFailedError("EIO")
    await run(drive, Rewind(immed=True))
    drive.lose(ALICE)
    with pytest.raises(StorageFailedError):
        await drive.unload()
    await drive.unload()
    assert await condition_of(drive, bytes(6)) == DEFERRED


async def test_space_to_end_of_data_repositions_the_tape(load: Load, medium: FailingMedium) -> None:
    """SSC-5 SPACE, end-of-data: after a failed write an appending host goes on from there."""
    drive = await load(medium=medium)
    await run(drive, WRITE, b"kept")
    await run(drive, SYNC)
    medium.append_error = DamagedError("bad frame")
    await run(drive, WRITE, b"lost")
    assert await condition_of(drive, SYNC) == DEFERRED
    medium.append_error = None
    await run(drive, Space6(code=SpaceCode.END_OF_DATA))
    await run(drive, WRITE, b"more")
    await run(drive, SYNC)
    await run(drive, Rewind())
    read = Read6(transfer_length=4)
    assert [await run(drive, read) for _ in range(2)] == [b"kept", b"more"]
