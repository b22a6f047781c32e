"""LOAD UNLOAD, SSC-5, and the library that puts cartridges in and takes them out."""

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.medium import LoadUnload
from pyvtl.device.drive.position import ReadPositionShort, Rewind
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6
from pyvtl.media.medium import DamagedError
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.primary import PreventAllowMediumRemoval
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import ALICE, BOB, introduce, run, sense_of
from tests.tape_client import empty_drive, tape

READY = bytes(6)
UNLOAD, LOAD = bytes.fromhex("1b0000000000"), bytes.fromhex("1b0000000100")


async def test_a_loaded_tape_is_announced_to_every_nexus() -> None:
    drive = empty_drive(ALICE, BOB)
    assert await sense_of(drive, READY) == "02/3a/00"
    await drive.load(tape, "MEM001L5")
    for nexus in (ALICE, BOB):
        assert await sense_of(drive, READY, nexus=nexus) == "06/28/00"
        await run(drive, READY, nexus=nexus)
    assert drive.loaded == "MEM001L5"
    await drive.close()
    assert drive.loaded is None


async def test_a_tape_loaded_before_the_first_session_is_at_its_beginning() -> None:
    drive = empty_drive(ALICE)
    await drive.load(lambda: tape(b"one"), "MEM001L5")
    drive.attentions.take(ALICE)
    drive.establish(BOB)
    assert await sense_of(drive, READY, nexus=BOB) == "06/29/00"
    assert (await run(drive, ReadPositionShort(), nexus=BOB))[0] == 0x80
    await drive.close()


async def test_the_host_unloads_and_loads_again(load: Load) -> None:
    drive = await load(medium=tape(b"one", b"two"))
    introduce(drive, ALICE, BOB)
    await run(drive, Read6(transfer_length=3))
    await run(drive, UNLOAD)
    assert await sense_of(drive, READY) == "02/3a/00"
    assert drive.loaded == "MEM001L5"
    await run(drive, UNLOAD)
    await run(drive, LOAD)
    assert await sense_of(drive, READY, nexus=BOB) == "06/28/00"
    assert await run(drive, Read6(transfer_length=3)) == b"one"


async def test_loading_what_is_loaded_rewinds(load: Load) -> None:
    drive = await load(b"one", b"two")
    await run(drive, Read6(transfer_length=3))
    await run(drive, LOAD)
    assert await run(drive, Read6(transfer_length=3)) == b"one"


async def test_a_load_that_is_not_waited_for_is_becoming_ready(load: Load) -> None:
    drive = await load(b"one")
    await run(drive, UNLOAD)
    await run(drive, LoadUnload(load=True, immed=True))
    assert await sense_of(drive, READY) == "02/04/01"
    assert await sense_of(drive, LOAD) == "02/04/01"
    await drive.settle()
    assert await run(drive, Read6(transfer_length=3)) == b"one"


async def test_hold_keeps_the_tape_off_the_head(load: Load) -> None:
    drive = await load(b"one")
    await run(drive, LoadUnload(hold=True))
    await run(drive, LoadUnload(load=True, hold=True))
    assert await sense_of(drive, READY) == "02/3a/00"


async def test_an_empty_drive_has_nothing_to_load(drive: TapeDrive) -> None:
    assert await sense_of(drive, LOAD) == "02/3a/00"
    assert await sense_of(drive, UNLOAD) == "02/3a/00"


async def test_loading_to_the_end_of_tape_is_refused(load: Load) -> None:
    assert await sense_of(await load(), LoadUnload(load=True, eot=True)) == "05/24/00 cdb[4].2"


async def test_prevented_removal_stops_unloading(load: Load) -> None:
    drive = await load(b"one")
    await run(drive, PreventAllowMediumRemoval(prevent=1))
    assert drive.removal_prevented
    assert await sense_of(drive, UNLOAD) == "05/53/02"
    await run(drive, PreventAllowMediumRemoval(prevent=0))
    await run(drive, UNLOAD)


async def test_unloading_makes_durable_what_was_written(load: Load) -> None:
    medium = tape()
    drive = await load(medium=medium)
    await run(drive, Write6(transfer_length=3), b"one")
    await drive.unload()
    medium.crash()
    assert medium.end_of_data(0).object_number == 1


async def test_a_cartridge_that_cannot_be_opened_does_not_stay(drive: TapeDrive) -> None:
    def damaged() -> MemoryMedium:
        raise DamagedError("no label")

    with pytest.raises(DamagedError):
        await drive.load(damaged, "BAD001L5")
    assert drive.loaded is None
    assert await sense_of(drive, READY) == "02/3a/00"


async def test_a_thousand_loads_leave_the_drive_usable(load: Load) -> None:
    drive = await load(b"one")
    for _ in range(1000):
        await run(drive, UNLOAD)
        await run(drive, LOAD)
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=3)) == b"one"
    assert drive.account.held_bytes == 0
