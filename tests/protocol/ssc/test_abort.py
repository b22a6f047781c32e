"""Commands that are aborted before they have begun (SAM-5 ABORT TASK, I_T nexus loss)."""

import asyncio

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.position import Rewind
from pyvtl.device.drive.read import Verify6
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.primary import PreventAllowMediumRemoval, Reserve6
from pyvtl.scsi.task import Task, TaskAborted
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import ALICE, READY, run, sense_of
from tests.tape_client import abort_while_it_runs, keep_busy


async def lose_while_it_waits(drive: TapeDrive, cdb: Cdb) -> asyncio.Task[None]:
    """The session of a command ends, and another of the same nexus takes its place."""
    task = Task(ALICE, cdb.encode())
    running = asyncio.create_task(drive.execute(task))
    await asyncio.sleep(0)
    task.aborted = True
    drive.lose(ALICE)
    drive.establish(ALICE)
    return running


@pytest.mark.parametrize("cdb", [Reserve6(), PreventAllowMediumRemoval(prevent=1), READY], ids=repr)
async def test_while_the_library_has_the_drive(load: Load, cdb: Cdb) -> None:
    drive = await load(b"record")
    async with drive.gate:
        running = await lose_while_it_waits(drive, cdb)
        drive.attentions.post(ALICE, Asc.MODE_PARAMETERS_CHANGED)
    with pytest.raises(TaskAborted):
        await running
    assert (drive.reserved_by, drive.removal_prevented) == (None, False)
    assert await sense_of(drive, READY) == "06/2a/01"


@pytest.mark.parametrize("cdb", [Reserve6(), PreventAllowMediumRemoval(prevent=1), READY], ids=repr)
async def test_while_a_rewind_with_immed_goes_on(load: Load, cdb: Cdb) -> None:
    drive = await load()
    await run(drive, bytes([0x0A, 0, 0, 0, 4, 0]), b"data")
    go = keep_busy(drive)
    await run(drive, Rewind(immed=True))
    running = await lose_while_it_waits(drive, cdb)
    drive.attentions.post(ALICE, Asc.MODE_PARAMETERS_CHANGED)
    go.set()
    with pytest.raises(TaskAborted):
        await running
    assert (drive.reserved_by, drive.removal_prevented) == (None, False)
    assert await sense_of(drive, READY) == "06/2a/01"


async def test_a_verify_of_the_whole_tape_ends_soon(load: Load) -> None:
    """SAM-5 ABORT TASK: the answer does not wait for what could take hours."""
    drive = await load(*[bytes(65536)] * 512, block_length=65536)
    task = Task(ALICE, Verify6(fixed=True, verification_length=512).encode())
    with pytest.raises(TaskAborted):
        await abort_while_it_runs(drive, task)
    assert drive.tape.position.object_number < 512
    await run(drive, READY)
