"""What the transport costs a 64 KiB WRITE and READ: all of the server but socket and medium.

`buffer_updated` to `writelines`: framing, numbering, routing, an empty command, the response.
The copy of the data into the buffer stands for the kernel's.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pyvtl.iscsi.node import Node, TargetName
from pyvtl.iscsi.pdu import LoginRequest, ScsiCommand
from pyvtl.iscsi.session import Limits
from pyvtl.scsi.command import ALWAYS, CommandTable, command
from pyvtl.scsi.target import Target
from pyvtl.scsi.task import Task
from pyvtl.server.carrier import Carrier, Service
from tests.ramdisk import RamDisk, Read10, Write10

TARGET = "iqn.2026-01.example:disk"
BLOCK = bytes(65536)
TEXT = (
    b"InitiatorName=iqn.2026-01.example:i\0SessionType=Normal\0TargetName=%s\0"
    b"InitialR2T=No\0ImmediateData=Yes\0FirstBurstLength=262144\0"
    b"MaxRecvDataSegmentLength=262144\0"
) % TARGET.encode()


async def take(unit: RamDisk, task: Task, cdb: Write10) -> None:
    """A WRITE that keeps nothing."""
    await task.receive(len(BLOCK))


async def give(unit: RamDisk, task: Task, cdb: Read10) -> None:
    """A READ of what is there."""
    task.data_in = (BLOCK,)


class Sink(RamDisk):
    """A unit that costs as little as one can."""

    COMMANDS = CommandTable(
        command(Write10, take, ignores=ALWAYS), command(Read10, give, ignores=ALWAYS)
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


def feed(carrier: Carrier, data: memoryview) -> None:
    """Bytes as asyncio brings them."""
    while data:
        buffer = carrier.get_buffer(-1)
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        carrier.buffer_updated(count)
        data = data[count:]


@pytest.fixture
def run() -> Iterator[Callable[[ScsiCommand, bytes], Callable[[], None]]]:
    """Make the function that the benchmark repeats: one command, over and over."""
    loop = asyncio.new_event_loop()
    carriers: list[Carrier] = []

    async def begin() -> Carrier:
        carrier = Carrier(
            Service(Node.of(TargetName(TARGET)), {TARGET: Target({0: Sink()})}, Limits(), 1)
        )
        carrier.connection_made(Wire())
        login = LoginRequest(
            transit=True, current_stage=1, next_stage=3, cmd_sn=1, data_length=len(TEXT)
        )
        feed(carrier, memoryview(login.encode() + TEXT + bytes(-len(TEXT) % 4)))
        assert carrier.initiator is not None
        return carrier

    def make(pdu: ScsiCommand, data: bytes) -> Callable[[], None]:
        carrier = loop.run_until_complete(begin())
        carriers.append(carrier)
        raw = bytearray(pdu.encode() + data)
        view, number = memoryview(raw), 0

        def step() -> None:
            nonlocal number
            number += 1
            struct.pack_into(">I", raw, 24, number)
            feed(carrier, view)

        return step

    yield make
    for carrier in carriers:
        carrier.connection_lost(None)
    loop.close()


def test_write_of_64_kib_with_immediate_data(
    benchmark: Any, run: Callable[[ScsiCommand, bytes], Callable[[], None]]
) -> None:
    """One WRITE, its data in the same PDU."""
    pdu = ScsiCommand(
        final=True,
        write=True,
        attribute=1,
        data_length=len(BLOCK),
        expected_data_transfer_length=len(BLOCK),
        cdb=Write10(blocks=128).encode().ljust(16, b"\0"),
    )
    benchmark(run(pdu, BLOCK))


def test_read_of_64_kib(
    benchmark: Any, run: Callable[[ScsiCommand, bytes], Callable[[], None]]
) -> None:
    """One READ, its data in one PDU that carries the status too."""
    pdu = ScsiCommand(
        final=True,
        read=True,
        attribute=1,
        expected_data_transfer_length=len(BLOCK),
        cdb=Read10(blocks=128).encode().ljust(16, b"\0"),
    )
    benchmark(run(pdu, b""))
