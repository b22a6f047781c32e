"""What a 64 KiB block costs the event loop in the drive: goal 12 microseconds each way.

Wall time is measured: the drive's thread, which has a core of its own, must not be in the way.
"""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.position import Rewind
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6
from pyvtl.media.medium import Filemark, Position, Record
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.task import Given, Task
from tests.scsi_client import ALICE
from tests.tape_client import empty_drive

BLOCK = memoryview(bytes(65536))
COMMANDS = 2000


class Nowhere(MemoryMedium):
    """Stores nothing, so that only the drive is measured."""

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        """Gone."""


async def _loaded(medium: MemoryMedium) -> TapeDrive:
    drive = empty_drive()
    await drive.load(lambda: medium, medium.barcode)
    drive.attentions.take(ALICE)
    return drive


async def _execute(drive: TapeDrive, cdb: bytes) -> None:
    await drive.execute(Task(ALICE, Rewind().encode()))
    for _ in range(COMMANDS):
        task = Task(ALICE, cdb, data_out=Given(BLOCK))
        await drive.execute(task)
        assert not task.sense


@pytest.mark.parametrize("direction", ["write", "read"])
def test_64_kib_commands(benchmark: Callable[..., None], direction: str) -> None:
    """One round is 2,000 commands from the beginning of the tape; divide by as many."""
    medium = Nowhere() if direction == "write" else MemoryMedium()
    kind = Write6 if direction == "write" else Read6
    medium.start_writing(Position())
    medium.append([Record((BLOCK,), len(BLOCK))] * COMMANDS)
    cdb = kind(fixed=True, transfer_length=1).encode()
    with asyncio.Runner() as runner:
        drive = runner.run(_loaded(medium))
        benchmark(lambda: runner.run(_execute(drive, cdb)))
        runner.run(drive.close())
