"""INQUIRY of a drive, and the commands it says it takes."""

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.scsi.primary import Inquiry
from tests.scsi_client import run


async def test_stands_in_for_an_lto_5_drive_of_ibm(drive: TapeDrive) -> None:
    data = await run(drive, Inquiry(allocation_length=96))
    assert data[:2].hex() == "0180"
    assert data[8:36] == b"IBM     ULT3580-TD5     PV10"


async def test_the_serial_number_is_the_same_everywhere(drive: TapeDrive) -> None:
    for code in (0x80, 0x83, 0xB1):
        page = await run(drive, Inquiry(evpd=True, page_code=code, allocation_length=255))
        assert b"AB12CD34EF" in page


async def test_sequential_access_pages(drive: TapeDrive) -> None:
    pages = await run(drive, Inquiry(evpd=True, allocation_length=255))
    assert pages.hex() == "01000006" + "00808386b0b1"
    page = await run(drive, Inquiry(evpd=True, page_code=0xB0, allocation_length=255))
    assert page.hex() == "01b00002" + "0000"


async def test_every_command_of_a_drive_is_in_the_table(drive: TapeDrive) -> None:
    codes = {row.cdb.OPCODE for row in drive.COMMANDS}
    mandatory = "00 01 03 05 08 0a 10 11 12 13 15 19 1a 1b 1d 1e 2b 34 44 4d 55 5a 91 92 a0 a3"
    assert codes >= set(bytes.fromhex(mandatory))
