"""Log pages of a drive, SSC-5: true values, and sizes that other programs count on."""

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.position import Rewind
from pyvtl.device.drive.read import Read6
from pyvtl.device.drive.write import Write6
from pyvtl.scsi.primary import LogSense
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run

MB = 10**6


async def page(drive: TapeDrive, code: int) -> dict[int, bytes]:
    """The parameters of one page by their codes."""
    data = await run(drive, LogSense(page_control=1, page_code=code, allocation_length=65535))
    assert (data[0] & 0x3F, int.from_bytes(data[2:4], "big")) == (code, len(data) - 4)
    parameters, at = {}, 4
    while at < len(data):
        end = at + 4 + data[at + 3]
        parameters[int.from_bytes(data[at : at + 2], "big")] = data[at + 4 : end]
        at = end
    return parameters


async def test_the_pages_are_listed(drive: TapeDrive) -> None:
    data = await run(drive, LogSense(page_control=1, allocation_length=255))
    assert data.hex() == "00000007" + "0002030c172e31"


async def test_bytes_are_counted_over_loads(load: Load) -> None:
    drive = await load()
    await run(drive, Write6(transfer_length=5), b"hello")
    await run(drive, Rewind())
    for _ in range(2):
        await run(drive, Rewind())
        await run(drive, Read6(transfer_length=5))
    for loaded in (True, False):
        counters = await page(drive, 0x0C)
        assert [int.from_bytes(counters[code], "big") for code in range(4)] == [5, 5, 10, 10]
        assert (await page(drive, 0x02))[5] == (5).to_bytes(8, "big")
        assert (await page(drive, 0x03))[5] == (10).to_bytes(8, "big")
        if loaded:
            await drive.unload()


async def test_the_volume_tells_what_is_used_and_what_is_left(load: Load) -> None:
    drive = await load(capacity_bytes=100 * MB)
    for _ in range(2):
        await run(drive, Write6(transfer_length=MB), bytes(MB))
    statistics = await page(drive, 0x17)
    assert statistics[0x0202].hex() == "07000000" + (100).to_bytes(4, "big").hex()
    assert statistics[0x0203].hex() == "07000000" + (2).to_bytes(4, "big").hex()
    assert statistics[0x0204].hex() == "07000000" + (98).to_bytes(4, "big").hex()
    assert statistics[0x0010] == (2).to_bytes(4, "big")


async def test_without_a_tape_the_volume_page_says_so(drive: TapeDrive) -> None:
    assert await page(drive, 0x17) == {0: b"\0"}
    assert (await page(drive, 0x31))[1] == bytes(4)


async def test_capacity_is_told_in_mebibytes(load: Load) -> None:
    drive = await load(capacity_bytes=100 << 20)
    await run(drive, Write6(transfer_length=1 << 20), bytes(1 << 20))
    capacity = await page(drive, 0x31)
    assert [int.from_bytes(capacity[code], "big") for code in range(1, 5)] == [99, 0, 100, 0]


async def test_no_tape_alert_is_raised(drive: TapeDrive) -> None:
    assert await page(drive, 0x2E) == dict.fromkeys(range(1, 65), b"\x00")
