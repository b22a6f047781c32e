"""A whole gateway in this process: start, stop, and what is still there afterwards."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pyvtl import Config, Gateway
from pyvtl.cli.welcome import welcome
from pyvtl.gateway.errors import (
    BarcodeTakenError,
    GatewayError,
    NoFreeSlotError,
    TapeInUseError,
    TapeNotFoundError,
)
from pyvtl.gateway.library import Library
from pyvtl.media.vault import Vault
from tests.initiator import Changer, Tape
from tests.initiator.chap import Chap
from tests.initiator.session import LoginError

BLOCK = bytes(range(256)) * 256


def config(folder: Path, **sections: Mapping[str, object]) -> Config:
    """A small library on a free port."""
    small = {"drives": 2, "slots": 4, "import_export_slots": 3}
    portal: dict[str, object] = {"listen": ["127.0.0.1:0"]}
    return Config.model_validate(
        {"gateway": {"data_dir": folder}, "portal": portal, "library": small} | sections
    )


async def tapes(library: Library, *barcodes: str) -> None:
    """Blank tapes of 64 MiB."""
    for barcode in barcodes:
        await library.create_tapes(barcode=barcode, size_bytes=64 << 20)


async def move(gateway: Gateway, source: int, destination: int) -> None:
    """A host has the changer move a tape."""

    def as_host() -> None:
        with Changer("127.0.0.1", gateway.portals[0].port, gateway.changer_name) as changer:
            changer.must_move(source, destination)

    await asyncio.to_thread(as_host)


def drive(gateway: Gateway, number: int = 0) -> Tape:
    """A host logs in to a drive; to be called off the event loop."""
    tape = Tape("127.0.0.1", gateway.portals[0].port, gateway.drive_names[number])
    tape.ready()
    return tape


async def test_a_loaded_tape_is_still_loaded_after_a_restart_at_its_beginning(
    tmp_path: Path,
) -> None:
    def write(gateway: Gateway) -> None:
        with drive(gateway) as tape:
            assert tape.write(BLOCK).status == 0
            assert tape.write_filemarks().status == 0

    def read(gateway: Gateway) -> bytes:
        with drive(gateway) as tape:
            assert tape.position() == 0
            return tape.read().data

    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "KEPT0001")
        await move(gateway, 30000, 10000)
        await asyncio.to_thread(write, gateway)
    async with Gateway(config(tmp_path)) as gateway:
        tape = await gateway.library.show_tape("KEPT0001")
        assert (tape.drive, tape.home_slot) == (0, 1)
        assert await asyncio.to_thread(read, gateway) == BLOCK


async def test_names_and_places_are_kept_across_a_restart(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "FIRST001", "SECOND01")
        await move(gateway, 30000, 20002)
        names = (gateway.changer_name, *gateway.drive_names)
        before = await gateway.library.list_tapes()
    async with Gateway(config(tmp_path)) as gateway:
        assert (gateway.changer_name, *gateway.drive_names) == names
        assert await gateway.library.list_tapes() == before
        assert [tape.slot for tape in before] == [3, 6]


async def test_a_full_library_refuses_a_tape_by_name_and_makes_none(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001", "TAPE0002", "TAPE0003")
        with pytest.raises(NoFreeSlotError, match="for tape TAPE0004: 3 of 3 are full"):
            await tapes(gateway.library, "TAPE0004")
        assert len(await gateway.library.list_tapes()) == 3


async def test_a_barcode_is_never_given_twice(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
        with pytest.raises(BarcodeTakenError):
            await tapes(gateway.library, "TAPE0001")
        await gateway.library.delete_tape("TAPE0001")
    async with Gateway(config(tmp_path)) as gateway:
        with pytest.raises(BarcodeTakenError, match="not even after the first is deleted"):
            await tapes(gateway.library, "TAPE0001")


async def test_what_is_not_there_cannot_be_managed(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        for attempt in (
            gateway.library.show_tape("NOTHERE1"),
            gateway.library.delete_tape("NOTHERE1"),
            gateway.library.protect_tape("NOTHERE1", True),
        ):
            with pytest.raises(TapeNotFoundError, match="there is no tape NOTHERE1"):
                await attempt


async def test_a_tape_in_a_drive_is_not_deleted(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
        await move(gateway, 30000, 10001)
        with pytest.raises(TapeInUseError, match="tape TAPE0001 is in drive 1: unload it first"):
            await gateway.library.delete_tape("TAPE0001")


async def test_protection_reaches_a_tape_that_is_loaded_and_stays(tmp_path: Path) -> None:
    def refused(gateway: Gateway) -> tuple[int, int]:
        with drive(gateway) as tape:
            return tape.write(BLOCK).condition

    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
        await move(gateway, 30000, 10000)
        protected = await gateway.library.protect_tape("TAPE0001", True)
        assert protected.write_protected
        assert await asyncio.to_thread(refused, gateway) == (7, 0x2700)
    async with Gateway(config(tmp_path)) as gateway:
        assert (await gateway.library.show_tape("TAPE0001")).write_protected
        assert await asyncio.to_thread(refused, gateway) == (7, 0x2700)


async def test_status_tells_who_is_logged_in(tmp_path: Path) -> None:
    def logged_in(gateway: Gateway) -> Iterator[None]:
        with Changer("127.0.0.1", gateway.portals[0].port, gateway.changer_name):
            yield

    async with Gateway(config(tmp_path)) as gateway:
        session = logged_in(gateway)
        await asyncio.to_thread(next, session)
        changer, *drives = gateway.status().devices
        assert [s.initiator for s in changer.sessions] == ["iqn.2026-01.example:initiator"]
        assert [list(device.sessions) for device in drives] == [[], []]
        await asyncio.to_thread(next, session, None)


async def test_with_chap_only_who_knows_the_secret_gets_in(tmp_path: Path) -> None:
    def log_in(gateway: Gateway, secret: str) -> None:
        chap = Chap("host1", secret)
        Changer("127.0.0.1", gateway.portals[0].port, gateway.changer_name, chap=chap).close()

    account = {"user": "host1", "secret": "correct-horse-1"}
    async with Gateway(config(tmp_path, chap=account)) as gateway:
        await asyncio.to_thread(log_in, gateway, "correct-horse-1")
        with pytest.raises(LoginError, match="0201"):
            await asyncio.to_thread(log_in, gateway, "something-else1")


async def test_a_library_with_fewer_slots_than_tapes_lie_in_does_not_start(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
    smaller = config(tmp_path, library={"first_import_export_address": 31000})
    with pytest.raises(GatewayError, match="TAPE0001 lies in 30000, which is no element"):
        await Gateway(smaller).start()
    async with Gateway(config(tmp_path)) as gateway:
        assert len(await gateway.library.list_tapes()) == 1


async def test_a_damaged_catalog_stops_the_start_with_the_reason(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)):
        pass
    (tmp_path / "catalog.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(GatewayError, match="catalog"):
        await Gateway(config(tmp_path)).start()


async def test_a_wrong_encryption_key_stops_the_start_with_the_reason(tmp_path: Path) -> None:
    def encrypting(key: str) -> Config:
        return config(tmp_path, store={"encryption": "on", "encryption_key": key * 32})

    async with Gateway(encrypting("00")) as gateway:
        await tapes(gateway.library, "TAPE0001")
    with pytest.raises(GatewayError, match="encrypted with another key than the one given"):
        await Gateway(encrypting("11")).start()
    async with Gateway(encrypting("00")) as gateway:
        assert (await gateway.library.shred_tape("TAPE0001")).status == "SHREDDED"


async def test_a_tape_that_a_crash_left_nowhere_is_placed_at_the_next_start(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
    vault = Vault(tmp_path)
    vault.place({"TAPE0001": None})
    vault.close()
    async with Gateway(config(tmp_path)) as gateway:
        assert (await gateway.library.show_tape("TAPE0001")).slot == 5


async def test_a_second_gateway_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)):
        with pytest.raises(GatewayError, match="is used by process"):
            await Gateway(config(tmp_path)).start()


async def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)):
        pass
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left
    async with Gateway(config(tmp_path)):
        pass


async def test_the_welcome_tells_the_commands_that_attach_a_host(tmp_path: Path) -> None:
    async with Gateway(config(tmp_path)) as gateway:
        told = welcome(gateway)
        serial = gateway.gateway_id.upper()
        assert f"iscsiadm --mode node --portal {gateway.portals[0]} --login" in told
        assert f"mtx -f $(readlink -f /dev/tape/by-id/scsi-{serial}00) status" in told
        assert f"mt -f /dev/tape/by-id/scsi-{serial}01-nst status" in told
        assert f"pyvtl library status --data-dir {tmp_path}" in told
        assert "CHAP" not in told


async def test_with_chap_the_welcome_tells_what_the_host_needs_but_not_the_secret(
    tmp_path: Path,
) -> None:
    account = {"user": "host1", "secret": "correct-horse-1"}
    everywhere = {"listen": ["0.0.0.0:0"], "advertise": ["tape.example:3260"]}
    async with Gateway(config(tmp_path, chap=account, portal=everywhere)) as gateway:
        told = welcome(gateway)
        assert "node.session.auth.username = host1" in told
        assert "sendtargets --portal tape.example:3260" in told
        assert "correct-horse" not in told


async def test_a_tape_can_be_protected_after_the_host_has_unloaded_it(tmp_path: Path) -> None:
    def unload(gateway: Gateway) -> None:
        with drive(gateway) as tape:
            assert tape.load(load=False).status == 0

    def load_and_write(gateway: Gateway) -> tuple[int, int]:
        with Tape("127.0.0.1", gateway.portals[0].port, gateway.drive_names[0]) as tape:
            tape.good(bytes([0x1B, 0, 0, 0, 1, 0]))
            tape.ready()
            return tape.write(BLOCK).condition

    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
        await move(gateway, 30000, 10000)
        await asyncio.to_thread(unload, gateway)
        assert (await gateway.library.protect_tape("TAPE0001", True)).write_protected
        assert await asyncio.to_thread(load_and_write, gateway) == (7, 0x2700)


async def test_an_unloaded_tape_tells_what_was_written_on_it_and_can_be_deleted(
    tmp_path: Path,
) -> None:
    def write(gateway: Gateway) -> None:
        with drive(gateway) as tape:
            assert tape.write(BLOCK).status == 0

    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001")
        await move(gateway, 30000, 10000)
        await asyncio.to_thread(write, gateway)
        await move(gateway, 10000, 20001)
        tape = await gateway.library.show_tape("TAPE0001")
        assert (tape.used_bytes, tape.slot, tape.drive) == (len(BLOCK), 2, None)
        await gateway.library.delete_tape("TAPE0001")
        assert await gateway.library.list_tapes() == []


async def test_a_tape_that_cannot_be_loaded_again_does_not_keep_the_others(tmp_path: Path) -> None:
    def read(gateway: Gateway) -> tuple[int, int]:
        with Tape("127.0.0.1", gateway.portals[0].port, gateway.drive_names[1]) as tape:
            tape.ready()
            return tape.read().condition

    async with Gateway(config(tmp_path)) as gateway:
        await tapes(gateway.library, "TAPE0001", "TAPE0002")
        await move(gateway, 30000, 10000)
        await move(gateway, 30001, 10001)
    shutil.rmtree(tmp_path / "tapes" / "TAPE0001")
    async with Gateway(config(tmp_path)) as gateway:
        assert await asyncio.to_thread(read, gateway) == (8, 5)
        assert len(await gateway.library.list_tapes()) == 2
