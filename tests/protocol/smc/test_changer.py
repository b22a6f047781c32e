"""The changer as a device: who it is, how it is built, and what management does to it."""

import pytest

from pyvtl.device.changer.cdb import InitializeElementStatusWithRange
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.profile import aws_changer
from pyvtl.media.inventory import (
    ElementFullError,
    Geometry,
    Inventory,
    Place,
    UnknownVolumeError,
    VolumeLoadedError,
)
from pyvtl.media.medium import DamagedError, StorageFailedError
from tests.protocol.smc.library import Library
from tests.scsi_client import ALICE, BOB, READY, run, sense_of


async def test_inquiry_is_that_of_the_aws_gateway(library: Library) -> None:
    """Medium changer, removable; vendor, product, revision; SMC-3 among the standards."""
    data = await run(library.changer, bytes.fromhex("120000006000"))
    assert data[:8] == bytes.fromhex("088006025b000002")
    assert data[8:36] == b"AWS     Gateway-VTL     0100"
    assert data[58:66] == bytes.fromhex("00a0 0960 0460 0480")


async def test_serial_number(library: Library) -> None:
    assert await run(library.changer, bytes.fromhex("12018000ff00")) == (
        bytes.fromhex("0880000a") + b"1FAD487600"
    )


async def test_mode_pages_of_the_whole_library() -> None:
    """1Dh: 0, 20000, 30000 and 10000 with their numbers; 1Eh; 1Fh."""
    changer = Library({}, Geometry()).changer
    data = await run(changer, bytes.fromhex("1a003f00ff00"))
    assert data[4 + 24 :] == bytes.fromhex(
        "1d12 0000 0001 4e20 0640 7530 0640 2710 000a 0000"
        "1e02 0000"
        "1f12 0e00 000e0e0e 00000000 000e0e0e 00000000"
    )


async def test_no_tape_alert_is_raised(library: Library) -> None:
    """LOG SENSE page 2Eh: flags 1 to 64, one byte each."""
    data = await run(library.changer, bytes.fromhex("4d006e00000000ffff00"))
    assert data[:9] == bytes.fromhex("ae000140 0001030100")
    assert data[-5:] == bytes.fromhex("0040030100")


async def test_it_is_always_ready(library: Library) -> None:
    assert await run(library.changer, READY) == b""


async def test_initialize_element_status(library: Library) -> None:
    assert await run(library.changer, bytes.fromhex("070000000000")) == b""


async def test_initialize_element_status_with_range(library: Library) -> None:
    """RANGE, from 00C8h (200), two elements."""
    assert await run(library.changer, bytes.fromhex("370100c8000000020000")) == b""
    outside = InitializeElementStatusWithRange(range_given=True, starting_address=999)
    assert await sense_of(library.changer, outside) == "05/21/01"
    everything = InitializeElementStatusWithRange(starting_address=999)
    assert await run(library.changer, everything) == b""


async def test_new_tapes_turn_up_in_import_slots(library: Library) -> None:
    """SMC-3: IMPORT OR EXPORT ELEMENT ACCESSED for every nexus."""
    assert await library.changer.insert(["D"]) == {"D": 301}
    assert library.places["D"] == Place(301, imported=True)
    for nexus in (ALICE, BOB):
        assert await sense_of(library.changer, READY, nexus=nexus) == "06/28/01"


async def test_new_tapes_are_put_in_all_or_none(library: Library) -> None:
    with pytest.raises(ElementFullError, match="tape E"):
        await library.changer.insert(["D", "E"])
    assert "D" not in library.places
    assert await run(library.changer, READY) == b""


async def test_a_tape_is_taken_out(library: Library) -> None:
    await library.changer.remove("A")
    assert sorted(library.places) == ["B", "C"]
    assert await sense_of(library.changer, READY) == "06/28/01"


async def test_what_cannot_be_taken_out(library: Library) -> None:
    with pytest.raises(VolumeLoadedError, match="tape B is in drive 0"):
        await library.changer.remove("B")
    with pytest.raises(UnknownVolumeError):
        await library.changer.remove("Z")
    library.journal.broken = True
    with pytest.raises(StorageFailedError):
        await library.changer.remove("A")
    assert sorted(library.places) == ["A", "B", "C"]


async def test_after_a_start_the_drives_hold_their_tapes_again(library: Library) -> None:
    again = Library({**library.places, "A": Place(101, home=200)})
    for bay in again.bays.values():
        bay.loaded = None
    again.bays[101].failure = DamagedError("frame 7")
    failed = await again.changer.restore()
    assert {barcode: str(reason) for barcode, reason in failed.items()} == {"A": "frame 7"}
    assert again.bays[100].loaded == "B"


def test_every_drive_element_needs_a_drive(library: Library) -> None:
    with pytest.raises(ValueError, match="needs a drive"):
        MediumChanger(
            aws_changer.identity("1fad4876"), Inventory(Geometry()), library.bays, library.journal
        )


async def test_settling_without_a_move_is_done_at_once(library: Library) -> None:
    await library.changer.settle()
