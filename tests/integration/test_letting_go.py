"""A tape that the archive has can be used from there at once, whatever is left of it here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import head_key
from pyvtl.cloud.wrapping import Call
from pyvtl.gateway.life_cycle import LifeCycle
from tests.faulty_store import Halt, Recorded
from tests.sites import TAPE, Site
from tests.waiting import until

HEAD = head_key(TAPE)


async def retrieved(site: Site) -> None:
    assert site.status() == "RETRIEVED"


async def deleted(site: Site) -> None:
    assert await site.life.list_archived() == []


async def in_deep_archive(site: Site) -> None:
    assert (await site.life.show_archived(TAPE)).pool == "DEEP_ARCHIVE"


async def tagged(site: Site) -> None:
    assert (await site.life.show_archived(TAPE)).tags == {"site": "here"}


requests = pytest.mark.parametrize(
    ("ask", "check"),
    [
        (lambda life: life.retrieve(TAPE), retrieved),
        (lambda life: life.delete_archived(TAPE), deleted),
        (lambda life: life.assign_pool(TAPE, "DEEP_ARCHIVE"), in_deep_archive),
        (lambda life: life.tags.add(f"tape/{TAPE}", {"site": "here"}), tagged),
    ],
    ids=["retrieve", "delete", "assign", "tag"],
)


@asynccontextmanager
async def letting_go(site: Site) -> AsyncIterator[None]:
    """The tape is ARCHIVED, and what is here of it cannot be removed yet."""
    await site.create(TAPE)
    with site.life.events.following() as events:
        await site.export()
        while (event := await events.get()) is None or event.newStatus != "ARCHIVED":
            pass
        async with site.library.standing_still:
            assert site.status() == "ARCHIVED"
            yield


@requests
async def test_a_request_waits_until_nothing_is_left_here(
    tmp_path: Path,
    ask: Callable[[LifeCycle], Awaitable[None]],
    check: Callable[[Site], Awaitable[None]],
) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        async with letting_go(site):
            asked = asyncio.ensure_future(ask(site.life))
            await asyncio.wait([asked], timeout=0.05)
            assert not asked.done()
        await asked
        await site.settled()
        await check(site)


@requests
async def test_a_request_waits_although_this_gateway_does_not_know_yet_that_it_is_archived(
    tmp_path: Path,
    ask: Callable[[LifeCycle], Awaitable[None]],
    check: Callable[[Site], Awaitable[None]],
) -> None:
    memory, archived, go_on, looks = MemoryStore(), asyncio.Event(), asyncio.Event(), []

    async def hold(call: Call) -> None:
        """Stop this gateway where it looks at the head of which it made an archived one."""
        if archived.is_set():
            looks.append(call)
        elif (call.operation, call.subject) == ("get", HEAD) and site.status() == "ARCHIVING":
            held = await read_head(memory, TAPE)
            if held is not None and held.head.state == "archived":
                archived.set()
                await go_on.wait()

    site = Site(tmp_path / "one", Recorded(memory, hold))
    async with site.running():
        await site.create(TAPE)
        await site.export()
        await archived.wait()
        asked = asyncio.ensure_future(ask(site.life))
        await until(lambda: any(call.subject == HEAD for call in looks))
        go_on.set()
        await asked
        await site.settled()
        await check(site)


async def test_tags_that_a_tape_is_given_while_it_is_archived_go_along(tmp_path: Path) -> None:
    halt = Halt(lambda call: call.operation == "copy")
    site = Site(tmp_path / "one", Recorded(MemoryStore(), halt))
    async with site.running():
        await site.create(TAPE, b"data", None)
        await site.export()
        await halt.halted.wait()
        await site.life.tags.add(f"tape/{TAPE}", {"site": "here"})
        halt.go.set()
        await site.settled()
        await tagged(site)


async def test_tags_that_a_tape_is_given_while_its_retrieval_is_cancelled_stay(
    tmp_path: Path,
) -> None:
    halt = Halt()
    site = Site(tmp_path / "one", Recorded(MemoryStore(), halt))
    async with site.running():
        await site.create(TAPE, b"data", None)
        await site.export()
        await site.settled()
        halt.meant = lambda call: call.operation == "get" and "/packs/" in call.subject
        await site.life.retrieve(TAPE)
        await halt.halted.wait()
        await site.life.tags.add(f"tape/{TAPE}", {"site": "here"})
        await site.life.cancel_retrieval(TAPE)
        await site.settled()
        await tagged(site)


class CutOff:
    """Gives no answer once the head of the tape is an archived one, until `over`."""

    def __init__(self, memory: MemoryStore) -> None:
        self.memory, self.archived, self.over = memory, asyncio.Event(), asyncio.Event()

    async def __call__(self, _call: Call) -> None:
        held = await read_head(self.memory, TAPE)
        if not self.over.is_set() and held is not None and held.head.state == "archived":
            self.archived.set()
            await self.over.wait()
            raise UnavailableError("no answer")


async def test_a_tape_that_another_gateway_retrieved_before_the_archival_was_noted_is_let_go_of(
    tmp_path: Path,
) -> None:
    cut_off = CutOff(memory := MemoryStore())
    site, other = Site(tmp_path / "one", Recorded(memory, cut_off)), Site(tmp_path / "o", memory)
    async with other.running():
        async with site.running():
            await site.create(TAPE, b"data", None)
            await site.life.tags.add(f"tape/{TAPE}", {"site": "here"})
            await site.export()
            await cut_off.archived.wait()
        cut_off.over.set()
        await other.life.tags.replace(f"tape/{TAPE}", {"site": "there"})
        await other.life.retrieve(TAPE)
        await other.settled()
        async with site.running():
            await site.settled()
            assert (site.status(), other.status()) == (None, "RETRIEVED")


async def test_an_archival_that_goes_on_leaves_tags_alone_that_others_set_meanwhile(
    tmp_path: Path,
) -> None:
    cut_off = CutOff(memory := MemoryStore())
    site, other = Site(tmp_path / "one", Recorded(memory, cut_off)), Site(tmp_path / "o", memory)
    async with other.running():
        async with site.running():
            await site.create(TAPE, b"data", None)
            await site.export()
            await cut_off.archived.wait()
        cut_off.over.set()
        await other.life.tags.add(f"tape/{TAPE}", {"site": "here"})
        async with site.running():
            await site.settled()
            await tagged(site)
