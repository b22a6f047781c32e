"""How fast one drive stores records on a cartridge, for each kind of data: goal text >= half.

python -m benchmarks.drive_speed FOLDER

The host is in the same process and never waits, so the drive's buffer is always full: the drive
has to store most of the text as it is to keep up.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from benchmarks.cartridge_speed import TOTAL, UNIT, text
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.media.cartridge import Cartridge
from pyvtl.scsi.task import Given, Task
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder
from tests.scsi_client import ALICE
from tests.tape_client import empty_drive

BLOCKS = 64


def blocks_of(kind: str) -> list[memoryview]:
    random = Random(1)
    make = random.randbytes if kind == "random" else lambda size: text(random, size)
    return [memoryview(make(UNIT)) for _ in range(BLOCKS)]


async def write(drive: TapeDrive, blocks: list[memoryview]) -> float:
    """Seconds to write TOTAL bytes and make them durable."""
    cdb = Write6(fixed=True, transfer_length=1).encode()
    began = time.perf_counter()
    for number in range(TOTAL // UNIT):
        task = Task(ALICE, cdb, data_out=Given(blocks[number % BLOCKS]))
        await drive.execute(task)
        assert not task.sense, task.sense.hex()
    await drive.execute(Task(ALICE, WriteFilemarks6(filemark_count=1).encode()))
    return time.perf_counter() - began


def stored_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def measure(parent: str, kind: str) -> None:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = TapeFolder(LocalFiles(), Path(name), bytes(32), bytes(16), "BENCH1L5")
        cartridge = Cartridge(folder, AttributesFrame(capacity_0=TOTAL * 2))
        drive = empty_drive()
        await drive.load(lambda: cartridge, cartridge.barcode)
        drive.attentions.take(ALICE)
        seconds = await write(drive, blocks_of(kind))
        await drive.unload()
        stored = stored_bytes(Path(name))
        await drive.close()
        print(f"{kind}: {TOTAL / seconds / 1e6:.0f} MB/s, stored in {stored / TOTAL:.0%}")


if __name__ == "__main__":
    for data in ("random", "text"):
        asyncio.run(measure(sys.argv[1], data))
