"""Parts of the block path, each by itself: what the micro benchmarks time and the guard counts.

A part is a context manager that gives a step: a function that does the part's work for so many
64 KiB blocks.
"""

import asyncio
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.position import Rewind
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6
from pyvtl.iscsi.node import Node, TargetName
from pyvtl.iscsi.pdu import LoginRequest, ScsiCommand
from pyvtl.iscsi.session import Limits
from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import Filemark, Position, Record
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.command import ALWAYS, CommandTable, command
from pyvtl.scsi.target import Target
from pyvtl.scsi.task import Given, Task
from pyvtl.server.carrier import Carrier, Service
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder
from tests.ramdisk import RamDisk, Read10, Write10
from tests.scsi_client import ALICE
from tests.tape_client import empty_drive

BLOCK_SIZE: Final = 65536
BLOCK: Final = memoryview(bytes(BLOCK_SIZE))
BATCH: Final = 16
"""Blocks that the drive's thread hands to the medium at once, about."""

Step = Callable[[int], None]
Part = Callable[[], AbstractContextManager[Step]]

# The transport: `buffer_updated` to `writelines`, all of the server but socket and medium.  The
# copy of the data into the buffer stands for the kernel's.

TARGET: Final = "iqn.2026-01.example:disk"
LOGIN_TEXT: Final = (
    b"InitiatorName=iqn.2026-01.example:i\0SessionType=Normal\0TargetName=%s\0"
    b"InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=262144\0"
    b"MaxRecvDataSegmentLength=262144\0"
) % TARGET.encode()


async def _take(unit: RamDisk, task: Task, cdb: Write10) -> None:
    """A WRITE that keeps nothing."""
    await task.receive(BLOCK_SIZE)


async def _give(unit: RamDisk, task: Task, cdb: Read10) -> None:
    """A READ of what is there."""
    task.data_in = (BLOCK,)


class Unit(RamDisk):
    """A unit that costs as little as one can."""

    COMMANDS = CommandTable(
        command(Write10, _take, ignores=ALWAYS), command(Read10, _give, ignores=ALWAYS)
    )


class Wire:
    """Stands for a transport: counts what is written."""

    def __init__(self) -> None:
        self.written = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Every socket is at home."""
        return ("127.0.0.1", 3260)

    def get_write_buffer_size(self) -> int:
        """The kernel takes all."""
        return 0

    def is_closing(self) -> bool:
        """It stays open."""
        return False

    def writelines(self, buffers: list[Any]) -> None:
        """Count."""
        self.written += sum(map(len, buffers))

    def close(self) -> None:
        """Nothing is open."""

    abort = close


def _feed(carrier: Carrier, data: memoryview) -> None:
    """Bytes as asyncio brings them."""
    while data:
        buffer = carrier.get_buffer(-1)
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        carrier.buffer_updated(count)
        data = data[count:]


async def _logged_in() -> Carrier:
    node = Node.of(TargetName(TARGET))
    carrier = Carrier(Service(node, {TARGET: Target({0: Unit()})}, Limits(), 1))
    carrier.connection_made(Wire())
    length = len(LOGIN_TEXT)
    login = LoginRequest(transit=True, current_stage=1, next_stage=3, cmd_sn=1, data_length=length)
    _feed(carrier, memoryview(login.encode() + LOGIN_TEXT + bytes(-length % 4)))
    assert carrier.initiator is not None
    return carrier


@contextmanager
def _transport(pdu: ScsiCommand, data: memoryview) -> Iterator[Step]:
    with asyncio.Runner() as runner:
        carrier = runner.run(_logged_in())
        raw, number = bytearray(pdu.encode() + bytes(data)), 0
        view = memoryview(raw)

        def step(blocks: int) -> None:
            nonlocal number
            for _ in range(blocks):
                number += 1
                struct.pack_into(">I", raw, 24, number)
                _feed(carrier, view)

        yield step
        carrier.connection_lost(None)


def transport_write() -> AbstractContextManager[Step]:
    """WRITEs of a block, the data in the same PDU."""
    pdu = ScsiCommand(
        final=True,
        write=True,
        attribute=1,
        data_length=BLOCK_SIZE,
        expected_data_transfer_length=BLOCK_SIZE,
        cdb=Write10(blocks=128).encode().ljust(16, b"\0"),
    )
    return _transport(pdu, BLOCK)


def transport_read() -> AbstractContextManager[Step]:
    """READs of a block, the data in one PDU that carries the status too."""
    pdu = ScsiCommand(
        final=True,
        read=True,
        attribute=1,
        expected_data_transfer_length=BLOCK_SIZE,
        cdb=Read10(blocks=128).encode().ljust(16, b"\0"),
    )
    return _transport(pdu, memoryview(b""))


# The drive on the event loop, over a medium that costs nothing.


class Nowhere(MemoryMedium):
    """Stores nothing, so that only the drive is measured."""

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        """Gone."""


async def _loaded(medium: MemoryMedium) -> TapeDrive:
    drive = empty_drive()
    await drive.load(lambda: medium, medium.barcode)
    drive.attentions.take(ALICE)
    return drive


async def _execute(drive: TapeDrive, cdb: bytes, blocks: int) -> None:
    await drive.execute(Task(ALICE, Rewind().encode()))
    for _ in range(blocks):
        task = Task(ALICE, cdb, data_out=Given(BLOCK))
        await drive.execute(task)
        assert not task.sense


@contextmanager
def _drive(medium: MemoryMedium, cdb: bytes) -> Iterator[Step]:
    with asyncio.Runner() as runner:
        drive = runner.run(_loaded(medium))
        yield lambda blocks: runner.run(_execute(drive, cdb, blocks))
        runner.run(drive.close())


def drive_write() -> AbstractContextManager[Step]:
    """REWIND, then WRITE(6) of a block each."""
    return _drive(Nowhere(), Write6(fixed=True, transfer_length=1).encode())


def drive_read() -> AbstractContextManager[Step]:
    """REWIND, then READ(6) of a block each; up to 4,096."""
    medium = MemoryMedium()
    medium.start_writing(Position())
    medium.append([Record((BLOCK,), BLOCK_SIZE)] * 4096)
    return _drive(medium, Read6(fixed=True, transfer_length=1).encode())


# The cartridge: hash, frames and files, without a drive above it.


@contextmanager
def cartridge() -> Iterator[Cartridge]:
    """A blank one in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = TapeFolder(LocalFiles(), Path(name), bytes(32), bytes(16), "BENCH1L5")
        tape = Cartridge(folder, AttributesFrame(capacity_0=1 << 40))
        yield tape
        tape.close()


@contextmanager
def cartridge_write() -> Iterator[Step]:
    """Append random data in batches, as it is; a sync at the end of each step."""
    random = Random(1)
    views = [memoryview(bytearray(random.randbytes(BLOCK_SIZE))) for _ in range(BATCH)]
    batch = [Record((view,), BLOCK_SIZE) for view in views]
    with cartridge() as tape:

        def step(blocks: int) -> None:
            for _ in range(blocks // BATCH):
                tape.append(batch, compress=False)
            tape.sync()

        yield step


@contextmanager
def cartridge_read() -> Iterator[Step]:
    """Read from the beginning, a batch at a time; up to 1,024 blocks."""
    with cartridge() as tape:
        batch = [Record((Random(1).randbytes(BLOCK_SIZE),), BLOCK_SIZE)] * BATCH
        for _ in range(1024 // BATCH):
            tape.append(batch, compress=False)
        tape.sync()

        def step(blocks: int) -> None:
            for first in range(0, blocks, BATCH):
                at = Position(0, first, 0, first * BLOCK_SIZE)
                assert len(tape.read(at, BATCH * BLOCK_SIZE)) >= BATCH

        yield step


PARTS: Final[dict[str, Part]] = {
    "transport write": transport_write,
    "transport read": transport_read,
    "drive write": drive_write,
    "drive read": drive_read,
    "cartridge write": cartridge_write,
    "cartridge read": cartridge_read,
}
