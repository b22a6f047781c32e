"""A whole gateway on a disk that stalls or fails: nobody is held up, nothing answered is lost."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import pytest

from pyvtl import Config, Gateway
from pyvtl.gateway.errors import StorageError
from tests.disks import DiskInHand
from tests.initiator import Changer, Tape
from tests.initiator.session import GOOD
from tests.waiting import PATIENCE_SECONDS

T = TypeVar("T")
MIB = 1 << 20
BLOCK = bytes(range(256)) * 256
LONGEST_LAG = 0.1
STALL_SECONDS = 0.3
WRITE_ERROR, DEFERRED = (3, 0x0C00), 0x71


class Bench:
    """A gateway with two drives and two tapes, the first of which is loaded."""

    def __init__(self, folder: Path) -> None:
        self.disk = DiskInHand()
        portal = {"listen": ["127.0.0.1:0"]}
        library = {"drives": 2, "slots": 4, "import_export_slots": 3}
        self.config = Config.model_validate(
            {
                "gateway": {"data_dir": folder},
                "portal": portal,
                "library": library,
                "store": {"segment_size": "16MiB"},
            }
        )
        self.gateway = Gateway(self.config, self.disk)

    @asynccontextmanager
    async def started(self) -> AsyncIterator["Bench"]:
        """The gateway serves."""
        self.gateway = Gateway(self.config, self.disk)
        async with self.gateway:
            try:
                yield self
            finally:
                self.disk.failing.clear()
                self.disk.running.set()

    async def host(self, steps: Callable[[Tape], T], number: int = 0, **options: Any) -> T:
        """What a host does with a drive, while the loop goes on."""

        def work() -> T:
            name = self.gateway.drive_names[number]
            with Tape("127.0.0.1", self.gateway.portals[0].port, name, **options) as tape:
                with suppress(Exception):
                    tape.ready()
                return steps(tape)

        return await asyncio.to_thread(work)

    async def move(self, source: int, destination: int) -> tuple[int, int]:
        """A host moves a tape; sense key and additional sense code, zeros for none."""

        def work() -> tuple[int, int]:
            name, port = self.gateway.changer_name, self.gateway.portals[0].port
            with Changer("127.0.0.1", port, name) as changer:
                changer.command(bytes(6))
                return changer.move(source, destination).condition

        return await asyncio.to_thread(work)

    async def lag_during(self, action: Awaitable[object]) -> float:
        """The longest that the loop was held up while the disk stalled in the middle of it."""
        self.disk.stalled.clear()
        self.disk.running.clear()
        acting = asyncio.ensure_future(action)
        worst, stalled_at = 0.0, float("inf")
        async with asyncio.timeout(PATIENCE_SECONDS):  # That long, the disk had nothing to do.
            while (turn := time.monotonic()) - stalled_at < STALL_SECONDS:
                await asyncio.sleep(0.005)
                worst = max(worst, time.monotonic() - turn - 0.005)
                if self.disk.stalled.is_set():
                    stalled_at = min(stalled_at, time.monotonic())
        self.disk.running.set()
        await acting
        return worst


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path).started() as bench:
        for barcode in ("DISK0001", "DISK0002"):
            await bench.gateway.library.create_tapes(barcode=barcode, size_bytes=1 << 30)
        assert await bench.move(30000, 10000) == (0, 0)
        yield bench


def whole(tape: Tape) -> list[bytes | None]:
    """All objects of the tape."""
    tape.block_length(0)
    tape.rewind()
    found: list[bytes | None] = []
    while (response := tape.read(MIB, block=None, sili=True)).condition != (8, 0x0005):
        assert response.condition in ((0, 0), (0, 1)), response
        found.append(response.data if response.status == GOOD else None)
    tape.block_length(len(BLOCK))
    return found


# A disk that stalls.  What measures time is slow, so that no other test runs beside it.


def append(tape: Tape) -> None:
    for _ in range(100):
        assert tape.write(BLOCK).status == GOOD


def sync(tape: Tape) -> None:
    assert tape.write(BLOCK).status == GOOD
    assert tape.write_filemarks().status == GOOD


@pytest.mark.slow
@pytest.mark.parametrize("steps", [append, sync])
async def test_the_loop_goes_on_while_the_disk_stalls_in_writing(
    bench: Bench, steps: Callable[[Tape], None]
) -> None:
    await bench.host(sync)
    assert await bench.lag_during(bench.host(steps)) < LONGEST_LAG


@pytest.mark.slow
async def test_the_loop_goes_on_while_a_tape_is_opened(bench: Bench) -> None:
    await bench.host(sync)
    assert await bench.lag_during(bench.move(10000, 20000)) < LONGEST_LAG
    assert await bench.lag_during(bench.move(20000, 10001)) < LONGEST_LAG


@pytest.mark.slow
async def test_the_loop_goes_on_while_tapes_are_managed(bench: Bench) -> None:
    library = bench.gateway.library
    for action in (
        library.create_tapes(prefix="NEW", count=1, size_bytes=MIB),
        library.protect_tape("DISK0001", True),
        library.protect_tape("DISK0002", True),
        library.delete_tape("DISK0002"),
    ):
        assert await bench.lag_during(action) < LONGEST_LAG


async def test_a_write_that_waits_for_the_disk_ends_with_its_session(bench: Bench) -> None:
    """SAM-5 I_T nexus loss: data that was never sent is not waited for, and the drive goes on."""
    bench.disk.running.clear()

    def leave(tape: Tape) -> None:
        tape.submit(bytes([0x0A, 1, 0, 0, 1, 0]), BLOCK)
        assert bench.disk.stalled.wait(10)

    await bench.host(leave, keys={"InitialR2T": "Yes", "ImmediateData": "No"})
    bench.disk.running.set()
    await bench.host(sync)
    assert await bench.host(whole) == [BLOCK, None]


# A disk that fails


async def test_a_failed_sync_is_told_and_takes_nothing_that_was_answered(bench: Bench) -> None:
    def fail(tape: Tape) -> None:
        sync(tape)
        assert tape.write(BLOCK[::-1]).status == GOOD
        bench.disk.failing["fdatasync"] = errno.EIO
        failed = tape.write_filemarks()
        assert (failed.sense[0] & 0x7F, failed.condition) == (DEFERRED, WRITE_ERROR)
        assert tape.write(BLOCK).condition == WRITE_ERROR
        assert whole(tape) == [BLOCK, None]

    await bench.host(fail)
    bench.disk.failing.clear()
    assert await bench.move(10000, 20000) == (0, 0)
    assert await bench.move(20000, 10001) == (0, 0)
    assert await bench.host(whole, 1) == [BLOCK, None]
    await bench.host(sync, 1)


async def test_a_move_fails_once_when_data_is_lost_that_nobody_was_told_of(bench: Bench) -> None:
    def lose(tape: Tape) -> None:
        sync(tape)
        assert tape.write(BLOCK).status == GOOD

    await bench.host(lose)
    bench.disk.failing["fdatasync"] = errno.EIO
    assert await bench.move(10000, 20000) != (0, 0)
    bench.disk.failing.clear()
    assert await bench.move(10000, 20000) == (0, 0)
    assert await bench.move(20000, 10000) == (0, 0)
    assert await bench.host(whole) == [BLOCK, None]


async def test_a_full_disk_is_told_before_data_is_taken(bench: Bench) -> None:
    def fill(tape: Tape) -> int:
        sync(tape)
        bench.disk.failing["fallocate"] = errno.ENOSPC
        taken = 0
        while (response := tape.write(BLOCK)).status == GOOD:
            taken += 1
        assert response.condition == WRITE_ERROR
        assert response.sense[0] & 0x7F == 0x70
        assert tape.write_filemarks().status == GOOD
        return taken

    taken = await bench.host(fill)
    assert await bench.host(whole) == [BLOCK, None, *[BLOCK] * taken, None]
    assert await bench.move(10000, 20000) == (0, 0)


async def test_a_deletion_that_failed_is_asked_for_again_and_leaves_nothing(bench: Bench) -> None:
    library, folder = bench.gateway.library, bench.config.gateway.data_dir / "tapes" / "DISK0001"
    await bench.host(sync)
    assert await bench.move(10000, 20000) == (0, 0)
    bench.disk.failing["unlink"] = errno.EIO
    with pytest.raises(StorageError):
        await library.delete_tape("DISK0001")
    assert (await library.show_tape("DISK0001")).status == "DELETING"
    assert {path.suffix for path in folder.iterdir()} == {".json", ".segment"}
    bench.disk.failing.clear()
    await library.delete_tape("DISK0001")
    assert [path.name for path in folder.iterdir()] == ["tape.json"]
    assert [tape.barcode for tape in await library.list_tapes()] == ["DISK0002"]


# Stopping


async def test_a_stop_in_the_middle_of_writing_keeps_all_that_was_answered(tmp_path: Path) -> None:
    bench, answered, enough = Bench(tmp_path), 0, Event()

    def write_on(tape: Tape) -> None:
        nonlocal answered
        with suppress(ConnectionError, TimeoutError):
            while tape.write(BLOCK).status == GOOD:
                answered += 1
                if answered == 50:
                    enough.set()

    async with bench.started():
        await bench.gateway.library.create_tapes(barcode="DISK0001", size_bytes=1 << 30)
        await bench.move(30000, 10000)
        writing = asyncio.create_task(bench.host(write_on))
        await asyncio.to_thread(enough.wait, 10)
    await writing
    async with bench.started():
        found = await bench.host(whole)
        assert set(found) == {BLOCK}
        assert answered <= len(found) <= answered + 1


async def test_a_deleted_catalog_is_made_anew_at_the_next_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.started():
        for barcode in ("DISK0001", "DISK0002"):
            await bench.gateway.library.create_tapes(barcode=barcode, size_bytes=64 * MIB)
        await bench.move(30000, 10000)
        await bench.host(sync)
        await bench.gateway.library.protect_tape("DISK0002", True)
        before = await bench.gateway.library.list_tapes()
    (tmp_path / "catalog.sqlite3").unlink()
    async with bench.started():
        after = await bench.gateway.library.list_tapes()
        facts = [(t.barcode, t.used_bytes, t.size_bytes, t.write_protected) for t in before]
        assert [(t.barcode, t.used_bytes, t.size_bytes, t.write_protected) for t in after] == facts
        assert [tape.slot for tape in after] == [5, 6]
        await bench.move(30000, 10000)
        assert await bench.host(whole) == [BLOCK, None]
