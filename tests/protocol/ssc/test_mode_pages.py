"""Mode parameters of a drive, SSC-5: what `st` and `mt` ask for and set."""

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.write import Write6, WriteFilemarks6
from pyvtl.media.medium import Attributes
from pyvtl.scsi.primary import ModeSelect6, ModeSelect10, ModeSense6, ModeSense10
from tests.failing_media import CompressionLog
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import ALICE, BOB, introduce, run, sense_of
from tests.tape_client import tape


def select(block_length: int, *, density: int = 0, buffered_mode: int = 1) -> bytes:
    """A MODE SELECT(6) parameter list: header and block descriptor."""
    header = bytes([0, 0, buffered_mode << 4, 8])
    return header + bytes([density, 0, 0, 0, 0]) + block_length.to_bytes(3, "big")


SELECT = ModeSelect6(pf=True, parameter_list_length=12)


async def test_st_reads_header_and_block_descriptor(drive: TapeDrive) -> None:
    data = await run(drive, bytes.fromhex("1a0000000c00"))
    assert data.hex() == "0b001008" + "0000000000010000"


async def test_a_protected_tape_shows_in_the_header(load: Load) -> None:
    medium = tape()
    medium.set_attributes(Attributes(write_protected=True))
    drive = await load(medium=medium)
    assert (await run(drive, bytes.fromhex("1a0000000c00")))[2] == 0x90
    await drive.protect(write_protected=False)
    assert (await run(drive, bytes.fromhex("1a0000000c00")))[2] == 0x10
    assert not medium.attributes.write_protected


async def test_the_block_length_is_set_and_the_others_are_told(drive: TapeDrive) -> None:
    introduce(drive, BOB)
    await run(drive, SELECT, select(0))
    assert await sense_of(drive, bytes.fromhex("1a0000000c00"), nexus=BOB) == "06/2a/01"
    assert (await run(drive, bytes.fromhex("1a0000000c00")))[9:] == bytes(3)


async def test_a_reset_brings_the_defaults_back(drive: TapeDrive) -> None:
    await run(drive, SELECT, select(512, buffered_mode=0))
    drive.reset()
    assert await sense_of(drive, bytes(6)) == "06/29/03"
    data = await run(drive, bytes.fromhex("1a0000000c00"))
    assert data.hex() == "0b001008" + "0000000000010000"


async def test_what_the_drive_does_not_take_is_pointed_at(drive: TapeDrive) -> None:
    for data, where in (
        (select(1 << 21), "data[9].7"),
        (select(0, density=0x46), "data[4].7"),
        (select(0, buffered_mode=3), "data[2].6"),
    ):
        assert await sense_of(drive, SELECT, data) == f"05/26/00 {where}"
    await run(drive, SELECT, select(1024, density=0x58))
    await run(drive, SELECT, select(1024, density=0x7F))


HEADER = bytes([0, 0, 0x10, 0])
COMPRESSION = "0f0ec080" + "00000001" + "00000001" + "00000000"
NO_COMPRESSION = "0f0e4080" + "00000001" + "00000001" + "00000000"
CONFIGURATION = "100e" + "000000000000" + "4000" + "10" + "000000" + "0100"
NO_ALGORITHM = "100e" + "000000000000" + "4000" + "10" + "000000" + "0000"


async def page(drive: TapeDrive, code: int) -> str:
    """The current values of a mode page."""
    cdb = ModeSense6(dbd=True, page_code=code, allocation_length=255)
    return (await run(drive, cdb))[4:].hex()


async def select_pages(drive: TapeDrive, *pages: str) -> None:
    data = HEADER + bytes.fromhex("".join(pages))
    await run(drive, ModeSelect6(pf=True, parameter_list_length=len(data)), data)


async def test_compression_is_switched_by_either_page_and_shown_in_both(drive: TapeDrive) -> None:
    assert [await page(drive, 0x0F), await page(drive, 0x10)] == [COMPRESSION, CONFIGURATION]
    for off, on in ((NO_COMPRESSION, COMPRESSION), (NO_ALGORITHM, CONFIGURATION)):
        await select_pages(drive, off)
        assert [await page(drive, 0x0F), await page(drive, 0x10)] == [NO_COMPRESSION, NO_ALGORITHM]
        await select_pages(drive, on)
        assert [await page(drive, 0x0F), await page(drive, 0x10)] == [COMPRESSION, CONFIGURATION]


async def test_of_two_pages_sent_together_the_one_that_changes_decides(drive: TapeDrive) -> None:
    """A host sends back all the pages that it read, with one bit changed."""
    await select_pages(drive, NO_COMPRESSION, CONFIGURATION)
    assert [await page(drive, 0x0F), await page(drive, 0x10)] == [NO_COMPRESSION, NO_ALGORITHM]
    await select_pages(drive, NO_COMPRESSION, CONFIGURATION)
    assert [await page(drive, 0x0F), await page(drive, 0x10)] == [COMPRESSION, CONFIGURATION]


async def test_only_dce_of_the_compression_page_may_be_set(drive: TapeDrive) -> None:
    cdb = ModeSense6(dbd=True, page_control=1, page_code=0x0F, allocation_length=255)
    assert (await run(drive, cdb))[4:].hex() == "0f0e" + "8000" + "00" * 12


async def test_an_algorithm_other_than_none_and_the_default_is_refused(drive: TapeDrive) -> None:
    data = HEADER + bytes.fromhex(CONFIGURATION.removesuffix("0100") + "0300")
    cdb = ModeSelect6(pf=True, parameter_list_length=len(data))
    assert await sense_of(drive, cdb, data) == "05/26/00 data[18].7"


async def test_compression_is_switched_from_the_next_record_on(load: Load) -> None:
    medium = CompressionLog()
    drive = await load(medium=medium)
    await run(drive, Write6(transfer_length=3), b"one")
    await select_pages(drive, NO_COMPRESSION)
    await run(drive, Write6(transfer_length=3), b"two")
    drive.reset()
    drive.attentions.take(ALICE)
    await run(drive, Write6(transfer_length=4), b"four")
    await run(drive, WriteFilemarks6())
    assert medium.appended == [(b"one", True), (b"two", False), (b"four", True)]


async def test_a_tape_that_is_loaded_meets_the_switch_as_it_stands(load: Load) -> None:
    medium = CompressionLog()
    drive = await load()
    await select_pages(drive, NO_COMPRESSION)
    await drive.unload()
    await load(medium=medium)
    await run(drive, Write6(transfer_length=3), b"raw")
    await run(drive, WriteFilemarks6())
    assert medium.appended == [(b"raw", False)]


async def test_the_device_configuration_page_supports_locate(drive: TapeDrive) -> None:
    data = await run(drive, ModeSense10(dbd=True, page_code=0x10, allocation_length=255))
    assert data[8:].hex() == "100e" + "000000000000" + "4000" + "10" + "000000" + "0100"


async def test_all_pages_are_given_in_order(drive: TapeDrive) -> None:
    data = await run(drive, ModeSense10(dbd=True, page_code=0x3F, allocation_length=255))
    codes, at = [], 8
    while at < len(data):
        codes.append(data[at] & 0x3F)
        at += 2 + data[at + 1]
    assert codes == [0x01, 0x02, 0x0A, 0x0F, 0x10, 0x1C]


async def test_a_header_of_ten_takes_the_same_descriptor(drive: TapeDrive) -> None:
    data = bytes([0, 0, 0, 0x10, 0, 0, 0, 8]) + select(4096)[4:]
    await run(drive, ModeSelect10(pf=True, parameter_list_length=16), data)
    assert drive.block_length == 4096
