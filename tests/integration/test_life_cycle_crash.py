"""A gateway that is cut off from its store, or killed, at any step: a tape is never lost or double.

After a restart the tape ends in the state that the operation aimed at, or in the one before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.wrapping import Call, Result, Wrapper
from pyvtl.gateway.errors import StoreUnavailableError
from tests.pushing import noise
from tests.sites import TAPE, Site

WRITTEN: list[bytes | None] = [noise(70_000), None, b"last", None]


class CutOff(Wrapper):
    """From the n-th call on that is about the tape nothing is answered; `lost` says it is so.

    With `lose_answer` the first of them was done all the same.
    """

    def __init__(self, inner: ObjectStore, fail_at: int, *, lose_answer: bool) -> None:
        super().__init__(inner)
        self._fail_at, self._lose_answer = fail_at, lose_answer
        self.calls, self.lost = 0, asyncio.Event()

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        if not self._fail_at or call.operation == "list":
            return await attempt()
        self.calls += 1
        if self.calls < self._fail_at:
            return await attempt()
        if self._lose_answer and self.calls == self._fail_at:
            await attempt()
        self.lost.set()
        raise UnavailableError(f"no answer to {call.operation} of {call.subject}")


async def prepared(store: ObjectStore, folder: Path, *, archived: bool) -> Site:
    """A gateway with a tape that was written, in the library or archived."""
    site = Site(folder, store)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        if archived:
            await site.export()
            await site.settled()
    return site


async def until_lost_or_settled(site: Site, store: CutOff) -> None:
    waiting = [
        asyncio.create_task(site.settled()),
        asyncio.create_task(store.lost.wait()),
    ]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def check_one_place(site: Site) -> None:
    """The tape is here, whole and in one slot, or in the archive alone."""
    (state,) = [site.status(), *[t.status for t in await site.life.list_archived()]][:1]
    if state is None:
        assert await site.archived() == "ARCHIVED"
        assert TAPE not in site.library.changer.inventory
        await site.life.retrieve(TAPE)
        await site.settled()
    assert site.status() in ("AVAILABLE", "RETRIEVED")
    assert TAPE in site.library.changer.inventory
    assert site.read() == WRITTEN


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_archiving_goes_on_wherever_it_was_cut_off(tmp_path: Path, lose_answer: bool) -> None:
    fail_at, lost = 0, True
    while lost:
        fail_at += 1
        store = MemoryStore()
        site = await prepared(store, tmp_path / str(fail_at), archived=False)
        site.store = faulty = CutOff(store, 0, lose_answer=lose_answer)
        async with site.running():
            faulty._fail_at = fail_at
            await site.export()
            await until_lost_or_settled(site, faulty)
            assert TAPE not in site.library.changer.inventory
        lost = faulty.lost.is_set()
        site.store = store
        async with site.running():
            await site.settled()
            assert (site.status(), await site.archived()) == (None, "ARCHIVED")
            await check_one_place(site)
    assert fail_at > 10


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_retrieving_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, lost = 0, True
    while lost:
        fail_at += 1
        store = MemoryStore()
        site = await prepared(store, tmp_path / str(fail_at), archived=True)
        site.store = faulty = CutOff(store, 0, lose_answer=lose_answer)
        async with site.running():
            faulty._fail_at = fail_at
            with suppress(StoreUnavailableError):
                await site.life.retrieve(TAPE)
            await until_lost_or_settled(site, faulty)
        lost = faulty.lost.is_set()
        site.store = store
        async with site.running():
            await site.settled()
            await check_one_place(site)
    assert fail_at > 8


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_cancelling_a_retrieval_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, lost = 0, True
    while lost:
        fail_at += 1
        store = MemoryStore()
        site = await prepared(store, tmp_path / str(fail_at), archived=True)
        site.store = faulty = CutOff(store, 0, lose_answer=lose_answer)
        async with site.running():
            await site.life.retrieve(TAPE)
            faulty._fail_at = fail_at
            await site.life.cancel_retrieval(TAPE)
            await until_lost_or_settled(site, faulty)
        lost = faulty.lost.is_set()
        site.store = store
        async with site.running():
            await site.settled()
            assert (site.status(), await site.archived()) == (None, "ARCHIVED")
            await check_one_place(site)
    assert fail_at > 2


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_deleting_an_archive_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, lost = 0, True
    while lost:
        fail_at += 1
        store = MemoryStore()
        site = await prepared(store, tmp_path / str(fail_at), archived=True)
        site.store = faulty = CutOff(store, 0, lose_answer=lose_answer)
        async with site.running():
            faulty._fail_at = fail_at
            with suppress(StoreUnavailableError):
                await site.life.delete_archived(TAPE)
            await until_lost_or_settled(site, faulty)
        lost = faulty.lost.is_set()
        site.store = store
        async with site.running():
            await site.settled()
            if site.life.events.recent or not lost:
                assert await site.life.list_archived() == []
                assert (await store.list("archive/")).entries == ()
            else:
                await check_one_place(site)
    assert fail_at > 2
