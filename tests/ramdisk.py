"""A disk in memory on the SCSI layer, so that suites made for disks can try what carries it.

Just enough of SBC-4 for that: capacity, transfers of 6, 10, 12 and 16 byte CDBs, start and stop.
"""

import asyncio
from enum import IntEnum
from types import MappingProxyType
from typing import Protocol, cast

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.cdb import Annotated, Cdb, bit, bits, octets
from pyvtl.scsi.command import ALWAYS, CommandTable, Needs, command
from pyvtl.scsi.identity import DeviceType, Identity
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.mode_page import Control, DisconnectReconnect, ModeParameters
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, illegal_request, invalid_field
from pyvtl.scsi.table import PRIMARY_COMMANDS
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Structure

BLOCK = 512
DPO_AND_FUA = 0x10
"""The device-specific parameter: DPO and FUA are understood (SBC-4 Mode parameters)."""


class DiskAsc(IntEnum):
    """Codes of disks alone, which the project has no need of."""

    LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE = 0x2100


class Transfer(Protocol):
    """What the CDBs of reads and writes have in common."""

    @property
    def lba(self) -> int: ...
    @property
    def blocks(self) -> int: ...


class Read6(Cdb, opcode=0x08, size=6):
    """SBC-3 READ(6); a length of 0 is 256 blocks."""

    lba: Annotated[int, octets(1, 3)] = 0
    blocks: Annotated[int, octets(4, 4)] = 0


class Write6(Cdb, opcode=0x0A, size=6):
    """SBC-3 WRITE(6); a length of 0 is 256 blocks."""

    lba: Annotated[int, octets(1, 3)] = 0
    blocks: Annotated[int, octets(4, 4)] = 0


class Read10(Cdb, opcode=0x28, size=10):
    """SBC-4 READ(10)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(7, 8)] = 0


class Write10(Cdb, opcode=0x2A, size=10):
    """SBC-4 WRITE(10)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(7, 8)] = 0


class WriteAndVerify10(Cdb, opcode=0x2E, size=10):
    """SBC-4 WRITE AND VERIFY(10)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    byte_check: Annotated[int, bits(1, 2, 1)] = 0
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(7, 8)] = 0


class Read12(Cdb, opcode=0xA8, size=12):
    """SBC-4 READ(12)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(6, 9)] = 0


class Write12(Cdb, opcode=0xAA, size=12):
    """SBC-4 WRITE(12)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(6, 9)] = 0


class WriteAndVerify12(Cdb, opcode=0xAE, size=12):
    """SBC-4 WRITE AND VERIFY(12)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    byte_check: Annotated[int, bits(1, 2, 1)] = 0
    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(6, 9)] = 0


class Read16(Cdb, opcode=0x88, size=16):
    """SBC-4 READ(16)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 9)] = 0
    blocks: Annotated[int, octets(10, 13)] = 0


class Write16(Cdb, opcode=0x8A, size=16):
    """SBC-4 WRITE(16)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    fua: Annotated[bool, bit(1, 3)] = False
    lba: Annotated[int, octets(2, 9)] = 0
    blocks: Annotated[int, octets(10, 13)] = 0


class WriteAndVerify16(Cdb, opcode=0x8E, size=16):
    """SBC-4 WRITE AND VERIFY(16)."""

    protect: Annotated[int, bits(1, 7, 5)] = 0
    dpo: Annotated[bool, bit(1, 4)] = False
    byte_check: Annotated[int, bits(1, 2, 1)] = 0
    lba: Annotated[int, octets(2, 9)] = 0
    blocks: Annotated[int, octets(10, 13)] = 0


class ReadCapacity10(Cdb, opcode=0x25, size=10):
    """SBC-4 READ CAPACITY(10)."""


class ReadCapacity16(Cdb, opcode=0x9E, service_action=0x10, size=16):
    """SBC-4 READ CAPACITY(16)."""

    allocation_length: Annotated[int, octets(10, 13)] = 0


class StartStopUnit(Cdb, opcode=0x1B, size=6):
    """SBC-4 START STOP UNIT."""

    immed: Annotated[bool, bit(1, 0)] = False
    power_condition: Annotated[int, bits(4, 7, 4)] = 0
    no_flush: Annotated[bool, bit(4, 2)] = False
    load_eject: Annotated[bool, bit(4, 1)] = False
    start: Annotated[bool, bit(4, 0)] = False


class SynchronizeCache10(Cdb, opcode=0x35, size=10):
    """SBC-4 SYNCHRONIZE CACHE(10)."""

    lba: Annotated[int, octets(2, 5)] = 0
    blocks: Annotated[int, octets(7, 8)] = 0


class Hold(Cdb, opcode=0xC0, size=6):
    """Vendor specific: wait until the test opens the gate."""


class Fail(Cdb, opcode=0xC1, size=6):
    """Vendor specific: break in a way that no standard knows."""


class Capacity10(Structure, size=8):
    """SBC-4 READ CAPACITY(10) parameter data."""

    last_block: Annotated[int, octets(0, 3)]
    block_length: Annotated[int, octets(4, 7)] = BLOCK


class Capacity16(Structure, size=32):
    """SBC-4 READ CAPACITY(16) parameter data."""

    last_block: Annotated[int, octets(0, 7)]
    block_length: Annotated[int, octets(8, 11)] = BLOCK


async def _read(disk: "RamDisk", task: Task, cdb: Transfer) -> None:
    start, length = disk.extent(cdb)
    task.data_in = (memoryview(disk.contents)[start : start + length],)


async def _write(disk: "RamDisk", task: Task, cdb: Transfer) -> None:
    start, length = disk.extent(cdb)
    data = await task.receive(length)
    whole = len(data) - len(data) % BLOCK
    disk.contents[start : start + whole] = data[:whole]


async def _read_capacity_10(disk: "RamDisk", task: Task, cdb: ReadCapacity10) -> None:
    task.answer(Capacity10(last_block=disk.blocks - 1).encode(), Capacity10.SIZE)


async def _read_capacity_16(disk: "RamDisk", task: Task, cdb: ReadCapacity16) -> None:
    task.answer(Capacity16(last_block=disk.blocks - 1).encode(), cdb.allocation_length)


async def _start_stop_unit(disk: "RamDisk", task: Task, cdb: StartStopUnit) -> None:
    if cdb.power_condition or not cdb.load_eject:
        return
    if disk.removal_prevented_by:
        raise illegal_request(Asc.MEDIUM_REMOVAL_PREVENTED)
    disk.loaded = cdb.start


async def _synchronize_cache(disk: "RamDisk", task: Task, cdb: SynchronizeCache10) -> None:
    """Memory is as durable as this disk gets."""


async def _hold(disk: "RamDisk", task: Task, cdb: Hold) -> None:
    await disk.gate.wait()


async def _fail(disk: "RamDisk", task: Task, cdb: Fail) -> None:
    raise RuntimeError("broken on purpose")


class RamDisk(LogicalUnit):
    """A removable disk of `blocks` blocks of 512 bytes; `gate` lets Hold commands end."""

    DEVICE_TYPE = DeviceType.DISK
    VPD_PAGES = MappingProxyType(dict(PRIMARY_VPD_PAGES))
    COMMANDS = CommandTable(
        *PRIMARY_COMMANDS,
        command(Read6, _read, Needs.MEDIUM),
        command(Read10, _read, Needs.MEDIUM),
        command(Read12, _read, Needs.MEDIUM),
        command(Read16, _read, Needs.MEDIUM),
        command(Write6, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(Write10, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(Write12, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(Write16, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(WriteAndVerify10, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(WriteAndVerify12, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(WriteAndVerify16, _write, Needs.MEDIUM | Needs.WRITABLE),
        command(ReadCapacity10, _read_capacity_10, Needs.MEDIUM),
        command(ReadCapacity16, _read_capacity_16, Needs.MEDIUM),
        command(StartStopUnit, _start_stop_unit),
        command(SynchronizeCache10, _synchronize_cache, Needs.MEDIUM),
        command(Hold, _hold, ignores=ALWAYS),
        command(Fail, _fail, ignores=ALWAYS),
    )

    def __init__(self, blocks: int = 4096, serial: str = "RAM0001") -> None:
        naa = bytes.fromhex("3000000000000001")
        identity = Identity("PYVTL", "RAMDISK", "0001", serial, naa)
        super().__init__(identity, (Control(), DisconnectReconnect()))
        self.blocks = blocks
        self.contents = bytearray(blocks * BLOCK)
        self.loaded = True
        self.gate = asyncio.Event()

    def check(self, needs: Needs) -> None:
        """NOT READY while the medium is ejected."""
        if Needs.MEDIUM in needs and not self.loaded:
            raise CheckCondition(Sense(SenseKey.NOT_READY, Asc.MEDIUM_NOT_PRESENT))

    def mode_parameters(self) -> ModeParameters:
        """The short block descriptor of a disk (SBC-4 Mode parameters)."""
        blocks, length = self.blocks.to_bytes(4, "big"), BLOCK.to_bytes(4, "big")
        return ModeParameters(device_specific=DPO_AND_FUA, block_descriptor=blocks + length)

    def extent(self, cdb: Transfer) -> tuple[int, int]:
        """Where the blocks of a transfer start, and how long they are, in bytes."""
        if getattr(cdb, "protect", 0):
            raise invalid_field(cast(Cdb, cdb), "protect")
        count = cdb.blocks
        if isinstance(cdb, Read6 | Write6):
            count = count or 256
        if cdb.lba + count > self.blocks:
            raise illegal_request(cast(Asc, DiskAsc.LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE))
        return cdb.lba * BLOCK, count * BLOCK
