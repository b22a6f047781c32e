"""A gateway that is cut off from its store, or killed, at any step: a tape is never lost or double.

After a restart the tape ends in the state that the operation aimed at, or in the one before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from pyvtl.cloud.adopting import adopt
from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.wrapping import Call, Result, Wrapper
from pyvtl.gateway.errors import StoreUnavailableError
from tests.pushing import noise
from tests.sites import TAPE, Site

WRITTEN: list[bytes | None] = [noise(70_000), None, b"last", None]


class CutOff(Wrapper):
    """From the n-th call on that is about the tape nothing is answered; `lost` says it is so.

    They are counted once `counting` is set.  With `lose_answer` the n-th was done all the same.
    """

    def __init__(self, inner: ObjectStore, fail_at: int, *, lose_answer: bool) -> None:
        super().__init__(inner)
        self._fail_at, self._lose_answer = fail_at, lose_answer
        self.counting, self._calls, self.lost = False, 0, asyncio.Event()

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        if not self.counting or call.operation == "list":
            return await attempt()
        self._calls += 1
        if self._calls < self._fail_at:
            return await attempt()
        if self._lose_answer and self._calls == self._fail_at:
            await attempt()
        self.lost.set()
        raise UnavailableError(f"no answer to {call.operation} of {call.subject}")


Prepare = Callable[[ObjectStore, Path], Awaitable[Site]]


async def in_library(store: ObjectStore, folder: Path) -> Site:
    """A gateway with a tape that was written."""
    site = Site(folder, store)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
    return site


async def in_archive(store: ObjectStore, folder: Path) -> Site:
    """A gateway that has archived the tape."""
    site = await in_library(store, folder)
    async with site.running():
        await site.export()
        await site.settled()
    return site


async def lost_elsewhere(store: ObjectStore, folder: Path) -> Site:
    """A gateway on a store that has the tape of another one, which is disabled."""
    lost = await in_library(store, folder.with_name(f"{folder.name}-lost"))
    async with lost.running():
        await lost.push()
    site = Site(folder, store, source=StoreSource(store, asyncio.get_running_loop()))
    async with site.running():
        await adopt(store, site.id, lost.id)
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


async def cut_off_everywhere(
    folder: Path,
    act: Callable[[Site, CutOff], Awaitable[None]],
    check: Callable[[Site, bool], Awaitable[None]],
    *,
    prepare: Prepare,
    lose_answer: bool,
) -> int:
    """Let a tape be acted on, and cut that off at its first call, its second, until none is left.

    After each time the gateway starts again and goes on; `check` is told whether it was cut off.
    Returns how many calls there were to cut off.
    """
    for fail_at in count(1):
        store = MemoryStore()
        site = await prepare(store, folder / str(fail_at))
        site.store = faulty = CutOff(store, fail_at, lose_answer=lose_answer)
        async with site.running():
            await act(site, faulty)
            await until_lost_or_settled(site, faulty)
        cut_off = faulty.lost.is_set()
        site.store = store
        async with site.running():
            await site.settled()
            await check(site, cut_off)
        if not cut_off:
            break
    return fail_at - 1


async def check_archived(site: Site, _cut_off: bool) -> None:
    assert (site.status(), await site.archived()) == (None, "ARCHIVED")
    await check_one_place(site)


losing_answers = pytest.mark.parametrize("lose_answer", [False, True])


@losing_answers
async def test_archiving_goes_on_wherever_it_was_cut_off(tmp_path: Path, lose_answer: bool) -> None:
    async def act(site: Site, store: CutOff) -> None:
        store.counting = True
        await site.export()
        assert TAPE not in site.library.changer.inventory

    calls = await cut_off_everywhere(
        tmp_path, act, check_archived, prepare=in_library, lose_answer=lose_answer
    )
    assert calls > 9


@losing_answers
async def test_retrieving_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    async def act(site: Site, store: CutOff) -> None:
        store.counting = True
        with suppress(StoreUnavailableError):
            await site.life.retrieve(TAPE)

    async def check(site: Site, _cut_off: bool) -> None:
        await check_one_place(site)

    calls = await cut_off_everywhere(
        tmp_path, act, check, prepare=in_archive, lose_answer=lose_answer
    )
    assert calls > 7


@losing_answers
async def test_cancelling_a_retrieval_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    async def act(site: Site, store: CutOff) -> None:
        await site.life.retrieve(TAPE)
        store.counting = True
        await site.life.cancel_retrieval(TAPE)

    calls = await cut_off_everywhere(
        tmp_path, act, check_archived, prepare=in_archive, lose_answer=lose_answer
    )
    assert calls > 1


@losing_answers
async def test_deleting_an_archive_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    async def act(site: Site, store: CutOff) -> None:
        store.counting = True
        with suppress(StoreUnavailableError):
            await site.life.delete_archived(TAPE)

    async def check(site: Site, cut_off: bool) -> None:
        if site.life.events.recent or not cut_off:
            assert await site.life.list_archived() == []
            assert site.store is not None
            assert (await site.store.list("archive/")).entries == ()
        else:
            await check_one_place(site)

    calls = await cut_off_everywhere(
        tmp_path, act, check, prepare=in_archive, lose_answer=lose_answer
    )
    assert calls > 1


@losing_answers
async def test_recovering_goes_on_wherever_it_was_cut_off(
    tmp_path: Path, lose_answer: bool
) -> None:
    async def act(site: Site, store: CutOff) -> None:
        store.counting = True
        with suppress(StoreUnavailableError):
            await site.life.recover(TAPE)

    async def check(site: Site, _cut_off: bool) -> None:
        if site.status() is None:
            await site.life.recover(TAPE)
            await site.settled()
        assert site.status() == "RECOVERED"
        assert TAPE in site.library.changer.inventory
        assert await asyncio.to_thread(site.read) == WRITTEN

    calls = await cut_off_everywhere(
        tmp_path, act, check, prepare=lost_elsewhere, lose_answer=lose_answer
    )
    assert calls > 5
