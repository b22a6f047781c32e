"""Threads read packs of a store that lives on an event loop."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pyvtl.cloud.errors import AccessDeniedError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.wrapping import Call, Result, Wrapper
from pyvtl.store.errors import DamageError
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.stored import StoredPack
from tests.faulty_store import FailsOnce

PACK = StoredPack(bytes(16), "0a0b0c0d", 10, 0, "maps/DEMO01L5/0-0-1", 3, 4)


async def holding() -> MemoryStore:
    store = MemoryStore()
    await store.put(pack_key(PACK.gateway, PACK.pack_id.hex()), b"0123456789")
    await store.put(PACK.map, b"...MAPS...")
    return store


async def reason_of(kind: type[Exception], source: StoreSource, length: int = 5) -> str:
    with pytest.raises(kind) as raised:
        await asyncio.to_thread(source.fetch, PACK, 2, length)
    return str(raised.value)


async def test_a_thread_reads_spans_and_maps() -> None:
    source = StoreSource(await holding(), asyncio.get_running_loop())
    assert await asyncio.to_thread(source.fetch, PACK, 2, 5) == b"23456"
    assert await asyncio.to_thread(source.fetch_map, PACK) == b"MAPS"


async def test_what_is_not_there_or_too_short_is_damage() -> None:
    loop = asyncio.get_running_loop()
    missing = await reason_of(DamageError, StoreSource(MemoryStore(), loop))
    assert missing == f"there is no object {pack_key(PACK.gateway, PACK.pack_id.hex())}"
    short = await reason_of(DamageError, StoreSource(await holding(), loop), 9)
    assert short.endswith("in the store ends before byte 11")


async def test_a_store_that_does_not_answer_is_out_of_reach() -> None:
    source = StoreSource(FailsOnce(await holding(), 1), asyncio.get_running_loop())
    assert "no answer to get" in await reason_of(UnreachableError, source)
    assert await asyncio.to_thread(source.fetch, PACK, 2, 5) == b"23456"


class Silent(Wrapper):
    """Never answers."""

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        await asyncio.Event().wait()
        return await attempt()


async def test_a_reader_waits_for_a_set_time_and_no_longer() -> None:
    source = StoreSource(Silent(MemoryStore()), asyncio.get_running_loop(), 0.01)
    assert await reason_of(UnreachableError, source) == (
        "the object store gave no answer for 0.01 seconds"
    )


class Denying(Wrapper):
    """Refuses everybody."""

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        raise AccessDeniedError("the credentials need the permission s3:GetObject")


async def test_a_refusal_is_no_damage_and_says_what_is_missing() -> None:
    source = StoreSource(Denying(MemoryStore()), asyncio.get_running_loop())
    assert "s3:GetObject" in await reason_of(UnreachableError, source)


def test_nothing_is_read_when_the_loop_is_gone() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(UnreachableError, match="was let go of"):
        StoreSource(MemoryStore(), loop).fetch(PACK, 0, 1)
