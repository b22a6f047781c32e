"""A drive in its bay: what the host does with the tape and what the library does never cross."""

import asyncio
import threading

from pyvtl.device.drive.medium import LoadUnload
from pyvtl.gateway.bay import DriveBay
from pyvtl.media.medium import Medium
from pyvtl.media.memory import MemoryMedium
from tests.scsi_client import ALICE, run
from tests.tape_client import empty_drive


async def test_a_tape_on_its_way_under_the_head_is_protected_when_it_is_there() -> None:
    """LOAD UNLOAD with IMMED goes on after its answer: the volume is neither closed nor open."""
    drive, medium, go = empty_drive(), MemoryMedium(), threading.Event()

    def open_volume(barcode: str) -> Medium:
        go.wait()
        return medium

    def protect_closed() -> None:
        raise AssertionError("the volume is being opened")

    bay = DriveBay(drive, open_volume)
    go.set()
    await bay.load("MEM001L5")
    drive.attentions.take(ALICE)
    await run(drive, LoadUnload())
    go.clear()
    await run(drive, LoadUnload(load=True, immed=True))
    protecting = asyncio.create_task(bay.protect("MEM001L5", True, protect_closed))
    await asyncio.sleep(0)
    go.set()
    await protecting
    assert medium.attributes.write_protected
    await drive.close()
