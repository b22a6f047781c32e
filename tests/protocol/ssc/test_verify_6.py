"""VERIFY(6), SSC-5: as READ, without the data."""

from pyvtl.device.drive.position import Rewind
from pyvtl.device.drive.read import Read6, Verify6
from pyvtl.media.medium import Filemark
from pyvtl.scsi.sense import Asc, Sense
from tests.protocol.ssc.conftest import Load
from tests.scsi_client import run, sense_of
from tests.tape_client import condition_of


async def test_passes_over_what_it_verifies(load: Load) -> None:
    drive = await load(b"one.", b"two.", b"next", block_length=4)
    assert await run(drive, bytes.fromhex("130100000200")) == b""
    assert await run(drive, Read6(transfer_length=4)) == b"next"


async def test_reports_a_filemark_and_a_wrong_length(load: Load) -> None:
    drive = await load(b"hello", Filemark())
    sense = Sense(information=-1, incorrect_length=True)
    assert await condition_of(drive, Verify6(verification_length=4)) == sense
    sense = Sense(asc=Asc.FILEMARK_DETECTED, information=4, filemark=True)
    assert await condition_of(drive, Verify6(verification_length=4)) == sense


async def test_of_nothing_moves_nothing(load: Load) -> None:
    drive = await load(b"hello")
    await run(drive, Verify6())
    await run(drive, Rewind())
    assert await run(drive, Read6(transfer_length=5)) == b"hello"


async def test_refuses_to_compare_and_to_count_blocks_of_no_length(load: Load) -> None:
    drive = await load(b"hello", block_length=0)
    assert await sense_of(drive, Verify6(bytcmp=True)) == "05/24/00 cdb[1].1"
    assert await sense_of(drive, Verify6(fixed=True)) == "05/24/00 cdb[1].0"
