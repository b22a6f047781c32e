"""The store is gone for a whole backup, and the upload buffer is small."""

import asyncio
import select
from pathlib import Path

from pyvtl import Gateway
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.upload_buffer import UploadBuffer
from pyvtl.config.model import Config
from tests.disks import allocated_by
from tests.faulty_store import Recorded
from tests.initiator import Tape
from tests.integration.test_uploading import (
    BLOCK,
    Outage,
    blocks,
    config,
    loaded,
    restored,
    uploaded,
)
from tests.pushing import MIB, noise
from tests.waiting import until

LIMIT, CACHE_LIMIT = 64 * MIB, 8 * MIB
ABORT_TASK, COMPLETE = 1, 0


def small(folder: Path) -> Config:
    """One drive; its segments have 16 MiB."""
    buffer = config(folder, upload_buffer_limit=LIMIT, segment_size=256 * MIB, stop_seconds=1)
    library = buffer.library.model_copy(update={"drives": 1})
    cache = buffer.cache.model_copy(update={"limit": CACHE_LIMIT})
    return buffer.model_copy(update={"library": library, "cache": cache})


def on_disk(gateway: Gateway) -> int:
    """Bytes allocated under the folders of the tapes."""
    return allocated_by((gateway.config.gateway.data_dir / "tapes").glob("*/*.segment"))


def host(gateway: Gateway) -> Tape:
    tape = Tape("127.0.0.1", gateway.portals[0].port, gateway.drive_names[0])
    tape.ready()
    return tape


async def test_a_backup_larger_than_the_buffer_waits_for_the_store_and_is_whole(
    tmp_path: Path,
) -> None:
    outage, memory = Outage(), MemoryStore()
    data = noise(2 * LIMIT)
    most = 0

    def backup(gateway: Gateway) -> None:
        with host(gateway) as tape:
            for start in range(0, len(data), BLOCK):
                assert tape.write(data[start : start + BLOCK]).status == 0
            assert tape.write_filemarks().status == 0

    async with Gateway(small(tmp_path / "data"), objects=Recorded(memory, outage)) as gateway:
        assert gateway.uploader is not None
        buffer = gateway.uploader.buffer
        await loaded(gateway)
        outage.over.clear()
        writing = asyncio.create_task(asyncio.to_thread(backup, gateway))
        await until(lambda: buffer.pressed)
        assert not writing.done()
        outage.over.set()
        while not writing.done():
            most = max(most, await asyncio.to_thread(on_disk, gateway))
            await asyncio.sleep(0.01)
        await writing
        await until(lambda: uploaded(memory, len(data)))
    assert await restored(memory, tmp_path / "other") == [*blocks(data), None]
    assert 0 < most <= LIMIT + CACHE_LIMIT


def held_write(tape: Tape, buffer: UploadBuffer) -> int:
    """Write until a command is held; its tag.

    What is left of the reserve is taken away, which would else last for a while.
    """
    while True:
        if buffer.pressed:
            buffer.limit_bytes = buffer.used_bytes
        tag = tape.submit(bytes([0x0A, 1, 0, 0, 1, 0]), noise(BLOCK))
        while not select.select([tape.socket], [], [], 0.05)[0]:
            if buffer.full:
                return tag
        assert tape.wait(tag).status == 0


async def test_a_held_write_can_be_aborted_while_pings_are_answered_and_filemarks_are_not_held(
    tmp_path: Path,
) -> None:
    outage, memory = Outage(), MemoryStore()

    def as_host(gateway: Gateway, buffer: UploadBuffer) -> None:
        with host(gateway) as tape:
            tag = held_write(tape, buffer)
            assert tape.nop() == b"ping"
            assert tape.task_management(ABORT_TASK, tag) == COMPLETE
            assert tape.write_filemarks().status == 0

    async with Gateway(small(tmp_path / "data"), objects=Recorded(memory, outage)) as gateway:
        assert gateway.uploader is not None
        await loaded(gateway)
        outage.over.clear()
        await asyncio.to_thread(as_host, gateway, gateway.uploader.buffer)
