"""Any CDB with any data ends in a status, with sense data if that is CHECK CONDITION."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.device.changer.table import COMMANDS as CHANGER
from pyvtl.device.drive.table import COMMANDS as DRIVE
from pyvtl.device.memory import MemoryPool
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.inventory import Place
from pyvtl.scsi.command import CommandTable
from pyvtl.scsi.target import Target
from pyvtl.scsi.task import Status
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder
from tests.disks import RamDisk
from tests.fuzz.budget import share
from tests.protocol.smc.library import Library
from tests.scsi_client import ALICE, BOB, READY, send
from tests.tape_client import empty_drive
from tests.tapes import FOLDER, KEY

Case = tuple[bytes, bytes, int | None]
SMALL_TAPE = 1 << 16

pytestmark = pytest.mark.timeout(600)


@st.composite
def cdbs(draw: st.DrawFn, table: CommandTable) -> bytes:
    """Sixteen bytes; mostly an operation code of the table with anything behind it."""
    known = [(row.cdb.OPCODE, row.cdb.SERVICE_ACTION) for row in table]
    raw = bytearray(draw(st.binary(min_size=16, max_size=16)))
    opcode, action = draw(st.sampled_from([*known, (raw[0], None)]))
    raw[0] = opcode
    if action is not None:
        raw[1] = raw[1] & 0xE0 | action
    for index in draw(st.sets(st.integers(1, 15))):
        raw[index] = 0
    return bytes(raw)


def cases(table: CommandTable) -> st.SearchStrategy[list[Case]]:
    lun = st.sampled_from([0, 0, 0, 1, None])
    return st.lists(st.tuples(cdbs(table), st.binary(max_size=64), lun), max_size=40)


async def every_one_ends(target: Target, tried: list[Case]) -> None:
    for cdb, data, lun in tried:
        task = await send(target, cdb, data, lun=lun)
        assert task.status in (Status.GOOD, Status.CHECK_CONDITION)
        assert bool(task.sense) == (task.status == Status.CHECK_CONDITION)


@share(0.1)
@given(cases(CHANGER))
def test_every_command_of_a_changer_ends(tried: list[Case]) -> None:
    asyncio.run(try_changer(tried))


async def try_changer(tried: list[Case]) -> None:
    """Afterwards the tapes are where the journal says, and the other initiator goes on."""
    library = Library({"A": Place(200), "B": Place(100, home=201)})
    target = Target({0: library.changer})
    await every_one_ends(target, tried)
    library.changer.reset()
    await send(target, READY, nexus=BOB)
    assert (await send(target, READY, nexus=BOB)).status == Status.GOOD
    assert sorted(library.places) == ["A", "B"]


@share(0.15)
@given(cases(DRIVE))
def test_every_command_of_a_drive_ends(tried: list[Case]) -> None:
    asyncio.run(try_drive(tried))


async def try_drive(tried: list[Case]) -> None:
    """Afterwards the other initiator goes on, and no memory, thread or task is held."""
    disk, pool, threads = RamDisk(), MemoryPool(), threading.active_count()
    drive = empty_drive(ALICE, BOB, memory=pool, early_warning_bytes=SMALL_TAPE // 4)

    def open_medium() -> Cartridge:
        folder = TapeFolder(disk, FOLDER, KEY, bytes(16), FOLDER.name, SMALL_TAPE)
        return Cartridge(folder, AttributesFrame(capacity_0=SMALL_TAPE))

    await drive.load(open_medium, FOLDER.name)
    drive.attentions.take(ALICE)
    await every_one_ends(Target({0: drive}), tried)
    drive.reset()
    await send(drive, READY, nexus=BOB)
    assert (await send(drive, bytes([0x1B, 0, 0, 0, 1, 0]), nexus=BOB)).status == Status.GOOD
    assert (await send(drive, READY, nexus=BOB)).status == Status.GOOD
    await drive.close()
    assert drive.account.held_bytes == 0
    assert threading.active_count() == threads
    assert asyncio.all_tasks() == {asyncio.current_task()}
