"""SBC-4, as far as the RAM disk of the tests goes."""

import pytest

from tests.ramdisk import RamDisk
from tests.scsi_client import ALICE, introduce, run, sense_of


@pytest.fixture
def disk() -> RamDisk:
    disk = RamDisk(blocks=1024)
    introduce(disk, ALICE)
    return disk


@pytest.mark.parametrize(
    ("write", "read"),
    [
        ("0a0000020100", "080000020100"),
        ("2a000000000200000100", "28000000000200000100"),
        ("aa0000000002000000010000", "a80000000002000000010000"),
        ("8a000000000000000002000000010000", "88000000000000000002000000010000"),
        ("2e000000000200000100", "28000000000200000100"),
        ("ae0000000002000000010000", "a80000000002000000010000"),
        ("8e000000000000000002000000010000", "88000000000000000002000000010000"),
    ],
)
async def test_what_is_written_is_read(disk: RamDisk, write: str, read: str) -> None:
    """READ and WRITE of block 2, in CDBs of every length."""
    block = bytes(range(256)) * 2
    await run(disk, bytes.fromhex(write), block)
    assert await run(disk, bytes.fromhex(read)) == block
    assert bytes(disk.contents) == bytes(1024) + block + bytes(1021 * 512)


async def test_capacity(disk: RamDisk) -> None:
    """READ CAPACITY(10) and (16): the last block and the block length."""
    assert (await run(disk, bytes([0x25]))).hex() == "000003ff00000200"
    sixteen = bytes.fromhex("9e100000000000000000000000200000")
    assert (await run(disk, sixteen)).hex() == "00000000000003ff00000200" + "00" * 20


async def test_blocks_beyond_the_end_are_refused(disk: RamDisk) -> None:
    assert await sense_of(disk, bytes.fromhex("2800000003ff00000200")) == "05/21/00"


async def test_protection_is_refused(disk: RamDisk) -> None:
    assert await sense_of(disk, bytes.fromhex("28200000000000000100")) == "05/24/00 cdb[1].7"


async def test_the_medium_goes_and_comes(disk: RamDisk) -> None:
    """START STOP UNIT with LOEJ, unless removal is prevented."""
    ready, eject, load = bytes(6), bytes.fromhex("1b0000000200"), bytes.fromhex("1b0000000300")
    prevent, allow = bytes.fromhex("1e0000000100"), bytes.fromhex("1e0000000000")
    await run(disk, prevent)
    assert await sense_of(disk, eject) == "05/53/02"
    await run(disk, allow)
    await run(disk, eject)
    assert await sense_of(disk, ready) == "02/3a/00"
    await run(disk, load)
    await run(disk, ready)
