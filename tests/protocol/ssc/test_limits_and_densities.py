"""READ BLOCK LIMITS and REPORT DENSITY SUPPORT, SSC-5."""

from pyvtl.device.drive.density import ReportDensitySupport
from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.drive.position import ReadPositionShort
from pyvtl.device.drive.read import ReadBlockLimits
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.task import Status
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import BOB, run, send, sense_of
from tests.tape_client import condition_of


async def test_records_may_be_from_0_to_1_mib(drive: TapeDrive) -> None:
    assert (await run(drive, bytes.fromhex("050000000000"))).hex() == "001000000000"


async def test_identifiers_may_be_of_64_bits(drive: TapeDrive) -> None:
    data = await run(drive, bytes.fromhex("050100000000"))
    assert data.hex() == "00" * 12 + "ff" * 8


async def test_the_drive_records_lto_5(drive: TapeDrive) -> None:
    data = await run(drive, ReportDensitySupport(allocation_length=255))
    assert data[:20].hex() == "00360000" + "5858a00000003b26007f05000016e360"
    assert data[20:] == b"LTO-CVE U-516   Ultrium 5/16T       "


async def test_a_loaded_tape_tells_its_own_capacity(load: Load) -> None:
    drive = await load(capacity_bytes=100 << 30)
    data = await run(drive, ReportDensitySupport(media=True, allocation_length=255))
    assert int.from_bytes(data[16:20], "big") == (100 << 30) // 10**6


async def test_without_a_tape_there_is_none_to_tell_of(drive: TapeDrive) -> None:
    sense = Sense(SenseKey.NOT_READY, Asc.MEDIUM_NOT_PRESENT)
    assert await condition_of(drive, ReportDensitySupport(media=True)) == sense


async def test_medium_types_are_not_reported(drive: TapeDrive) -> None:
    cdb = ReportDensitySupport(medium_type=True)
    assert await sense_of(drive, cdb) == "05/24/00 cdb[1].1"


async def test_another_ones_reservation_hides_neither(drive: TapeDrive) -> None:
    """SSC-5 Commands allowed in the presence of reservations."""
    drive.reserved_by = BOB
    for cdb in (ReadBlockLimits(), ReportDensitySupport(allocation_length=99)):
        await run(drive, cdb)
    assert (await send(drive, ReadPositionShort())).status == Status.RESERVATION_CONFLICT
