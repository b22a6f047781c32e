"""A drive in its bay: what the host does with the tape and what the library does never cross."""

import asyncio
import threading
from collections.abc import Callable

from pyvtl.device.changer.cdb import MoveMedium
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.medium import LoadUnload
from pyvtl.device.drive.position import Rewind
from pyvtl.device.profile import aws_changer
from pyvtl.gateway.bay import DriveBay
from pyvtl.media.inventory import Geometry, Inventory, Place
from pyvtl.media.medium import Medium
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.primary import PreventAllowMediumRemoval
from tests.protocol.smc.library import ListJournal
from tests.scsi_client import ALICE, BOB, READY, introduce, run, sense_of
from tests.tape_client import empty_drive, keep_busy


async def on_its_way_under_the_head(
    open_volume: Callable[[], Medium],
) -> tuple[TapeDrive, DriveBay, threading.Event]:
    """A drive that was told to load MEM001L5, and has answered; it loads once the event is set."""
    drive, go = empty_drive(), threading.Event()

    def open_late(_barcode: str) -> Medium:
        go.wait()
        return open_volume()

    bay = DriveBay(drive, open_late)
    go.set()
    await bay.load("MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, LoadUnload())
    go.clear()
    await run(drive, LoadUnload(load=True, immed=True))
    return drive, bay, go


async def test_a_tape_on_its_way_under_the_head_is_protected_when_it_is_there() -> None:
    """LOAD UNLOAD with IMMED goes on after its answer: the volume is neither closed nor open."""
    medium = MemoryMedium()

    def protect_closed() -> None:
        raise AssertionError("the volume is being opened")

    drive, bay, go = await on_its_way_under_the_head(lambda: medium)
    protecting = asyncio.create_task(bay.protect("MEM001L5", True, protect_closed))
    await asyncio.sleep(0)
    go.set()
    await protecting
    assert medium.attributes.write_protected
    await drive.close()


async def test_removal_that_is_prevented_before_the_move_begins_is_prevented() -> None:
    """SMC-3 MOVE MEDIUM, SPC-4 PREVENT ALLOW MEDIUM REMOVAL: who is answered first prevails."""
    drive = empty_drive()
    bay = DriveBay(drive, lambda _barcode: MemoryMedium())
    places = {"MEM001L5": Place(100, home=200)}
    geometry = Geometry(
        drives=range(100, 101), slots=range(200, 203), import_export=range(300, 301)
    )
    changer = MediumChanger(
        aws_changer.identity("1fad4876"),
        Inventory(geometry, places),
        {100: bay},
        ListJournal(places),
    )
    introduce(changer, BOB)
    await bay.load("MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, bytes([0x0A, 0, 0, 0, 4, 0]), b"data")
    go = keep_busy(drive)
    await run(drive, Rewind(immed=True))
    preventing = asyncio.create_task(run(drive, PreventAllowMediumRemoval(prevent=1)))
    await asyncio.sleep(0)
    move = MoveMedium(source_address=100, destination_address=201)
    moving = asyncio.create_task(sense_of(changer, move, nexus=BOB))
    await asyncio.sleep(0)
    assert not drive.removal_prevented
    go.set()
    await preventing
    assert await moving == "05/53/02"
    assert (drive.loaded, changer.inventory.volume_at(100)) == ("MEM001L5", "MEM001L5")
    await run(drive, PreventAllowMediumRemoval())
    await run(changer, move, nexus=BOB)
    assert drive.loaded is None
    await drive.close()


async def test_a_drive_that_prevents_removal_can_be_closed() -> None:
    """The end of the server waits for no initiator."""
    drive = empty_drive()
    bay = DriveBay(drive, lambda _barcode: MemoryMedium())
    await bay.load("MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, PreventAllowMediumRemoval(prevent=1))
    await drive.close()
    assert drive.loaded is None


async def test_a_tape_on_its_way_under_the_head_is_refused_when_it_is_there() -> None:
    """SPC-5 02/04/03: another gateway took the tape while a host loaded it with IMMED."""
    drive, bay, go = await on_its_way_under_the_head(MemoryMedium)
    await bay.refuse("MEM001L5")
    go.set()
    await drive.settle()
    assert await sense_of(drive, READY) == "02/04/03"
    await bay.unload()
    await bay.load("MEM002L5")
    drive.attentions.take(ALICE)
    await run(drive, READY)
    await drive.close()
