"""What a host sees of the archive: tapes leave through its moves, and come back read-only."""

import asyncio
from pathlib import Path

from pyvtl import Config, Gateway
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from tests.initiator import Changer, Tape

BLOCK = bytes(range(256)) * 256
WRITE_PROTECTED, WORM_OVERWRITE = (7, 0x2700), (7, 0x300C)
DRIVE, SLOT, DOOR = 10000, 20000, 30000


def gateway_on(folder: Path, store: ObjectStore | None) -> Gateway:
    """A small library on a free port."""
    small = {"drives": 1, "slots": 4, "import_export_slots": 3}
    sections = {
        "gateway": {"data_dir": folder},
        "portal": {"listen": ["127.0.0.1:0"]},
        "library": small,
    }
    return Gateway(Config.model_validate(sections), objects=store)


def changer(gateway: Gateway) -> Changer:
    return Changer("127.0.0.1", gateway.portals[0].port, gateway.changer_name)


def drive(gateway: Gateway) -> Tape:
    tape = Tape("127.0.0.1", gateway.portals[0].port, gateway.drive_names[0])
    tape.ready()
    return tape


def full_elements(gateway: Gateway) -> dict[int, str]:
    """Where READ ELEMENT STATUS says that tapes lie."""
    with changer(gateway) as robot:
        return {e.address: e.barcode for e in robot.elements() if e.full}


def write_and_export(gateway: Gateway) -> dict[int, str]:
    """Load, write, unload into an import/export slot; what the library shows then."""
    with changer(gateway) as robot, drive_after(gateway, robot) as tape:
        assert tape.write(BLOCK).status == 0
        assert tape.write_filemarks().status == 0
    with changer(gateway) as robot:
        robot.must_move(DRIVE, DOOR + 2)
        return {e.address: e.barcode for e in robot.elements() if e.full}


def drive_after(gateway: Gateway, robot: Changer) -> Tape:
    robot.must_move(DOOR, DRIVE)
    return drive(gateway)


def load_read_and_try_to_write(gateway: Gateway) -> tuple[bytes, tuple[int, int], int]:
    """What is read, what a write is told, and the device-specific byte of MODE SENSE."""
    with changer(gateway) as robot, drive_after(gateway, robot) as tape:
        data = tape.read().data
        refusal = tape.write(BLOCK).condition
        header = tape.good(bytes.fromhex("1a0000000c00"), read_length=12)
        return data, refusal, header[2]


async def test_a_tape_unloaded_into_an_import_export_slot_is_archived_and_comes_back_read_only(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    async with gateway_on(tmp_path / "one", store) as one:
        await one.library.create_tapes(barcode="DEMO0001", size_bytes=64 << 20)
        assert await asyncio.to_thread(write_and_export, one) == {}
        assert one.life.works is not None
        await one.life.works.settled("DEMO0001")
        assert (await one.life.show_archived("DEMO0001")).status == "ARCHIVED"
    async with gateway_on(tmp_path / "other", store) as other:
        await other.life.retrieve("DEMO0001")
        assert other.life.works is not None
        await other.life.works.settled("DEMO0001")
        assert await asyncio.to_thread(full_elements, other) == {DOOR: "DEMO0001"}
        data, refusal, header = await asyncio.to_thread(load_read_and_try_to_write, other)
        assert (data, refusal, header & 0x80) == (BLOCK, WRITE_PROTECTED, 0x80)
    async with gateway_on(tmp_path / "other", store) as again:
        (tape,) = await again.library.list_tapes()
        assert (tape.status, tape.write_protected, tape.drive) == ("RETRIEVED", True, 0)


async def test_a_worm_tape_of_a_gateway_is_not_overwritten(tmp_path: Path) -> None:
    def write_twice(gateway: Gateway) -> tuple[int, int]:
        with changer(gateway) as robot, drive_after(gateway, robot) as tape:
            assert tape.write(BLOCK).status == 0
            tape.rewind()
            return tape.write(BLOCK).condition

    async with gateway_on(tmp_path, None) as gateway:
        (tape,) = await gateway.library.create_tapes(
            barcode="WORM0001", size_bytes=64 << 20, worm=True
        )
        assert tape.worm
        assert await asyncio.to_thread(write_twice, gateway) == WORM_OVERWRITE
