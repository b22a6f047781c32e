"""The bridge between the event loop and the drive's thread."""

import asyncio
import threading

import pytest

from pyvtl.device.drive.transport import BATCH_BYTES, GATHERED_BYTES, Transport
from pyvtl.media.medium import Filemark, Record

RECORD = Record((b"x" * 1024,), 1024)


class Collecting(Transport):
    """Keeps the batches that it was given to store."""

    def __init__(self) -> None:
        super().__init__("test")
        self.batches: list[list[Record | Filemark]] = []
        self.sink = self.batches.append


def nothing() -> None:
    pass


async def test_calls_and_objects_keep_their_order() -> None:
    transport = Collecting()
    await transport.call(nothing)
    seen = []
    for n in range(3):
        transport.put(RECORD, RECORD.size)
        seen.append(await transport.call(lambda: sum(map(len, transport.batches))))
        assert seen[-1] == n + 1
    await transport.close()


async def test_a_call_is_made_in_another_thread_and_its_exception_comes_back() -> None:
    transport = Transport("drive 1")
    assert await transport.call(lambda: threading.current_thread().name) == "drive 1"
    with pytest.raises(ZeroDivisionError):
        await transport.call(lambda: 1 // 0)
    await transport.close()


async def test_many_objects_are_stored_in_few_batches() -> None:
    transport = Collecting()
    await transport.call(nothing)
    for _ in range(3 * BATCH_BYTES // 1024):
        transport.put(RECORD, RECORD.size)
    await transport.call(nothing)
    assert sum(map(len, transport.batches)) == 3 * BATCH_BYTES // 1024
    assert len(transport.batches) <= 8
    await transport.close()


async def test_objects_that_come_one_by_one_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is enough, or they have waited long, or something is asked of the thread."""
    monkeypatch.setattr("pyvtl.device.drive.transport.GATHERING_SECONDS", 60)
    transport = Collecting()
    await transport.call(nothing)
    for _ in range(5):
        transport.put(RECORD, RECORD.size)
        await asyncio.to_thread(nothing)
    await transport.call(nothing)
    assert transport.batches == [[RECORD] * 5]
    await transport.close()


async def test_enough_objects_are_stored_though_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pyvtl.device.drive.transport.GATHERING_SECONDS", 60)
    transport = Collecting()
    await transport.call(nothing)
    stored = threading.Event()
    transport.sink = lambda _objects: stored.set()
    for _ in range(GATHERED_BYTES // RECORD.size):
        transport.put(RECORD, RECORD.size)
        await asyncio.sleep(0)
    assert await asyncio.to_thread(stored.wait, 10)
    await transport.close()


async def test_an_object_is_stored_though_nothing_follows_it() -> None:
    transport = Collecting()
    await transport.call(nothing)
    stored = threading.Event()
    transport.sink = lambda _objects: stored.set()
    transport.put(Filemark(), 0)
    await asyncio.to_thread(stored.wait, 10)
    assert stored.is_set()
    await transport.close()


async def test_cancelling_does_not_take_a_call_back() -> None:
    transport = Transport("test")
    go, started = threading.Event(), threading.Event()
    results = []

    def slow() -> int:
        started.set()
        go.wait()
        return 1

    async def caller() -> None:
        results.append(await transport.call(slow))

    task = asyncio.create_task(caller())
    await asyncio.to_thread(started.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    await task
    assert results == [1]
    await transport.close()


async def test_closing_works_off_what_is_queued_and_it_may_start_again() -> None:
    transport = Collecting()
    await transport.call(nothing)
    transport.put(RECORD, RECORD.size)
    await transport.close()
    await transport.close()
    assert transport.batches == [[RECORD]]
    assert await transport.call(lambda: 2) == 2
    await transport.close()
