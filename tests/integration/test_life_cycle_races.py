"""Two want something of the same tape at the same moment."""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp.test_utils import make_mocked_request

from pyvtl.cloud.collecting import collect
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import head_key, pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.wrapping import Call
from pyvtl.gateway.control_life import LifeHandlers
from pyvtl.gateway.errors import GatewayError
from tests.faulty_store import Halt, Recorded
from tests.glacier import GlacierStore
from tests.pushing import noise
from tests.sites import DOOR, SLOT, TAPE, Site
from tests.waiting import until

WRITTEN: list[bytes | None] = [noise(70_000), None, b"last", None]
HEAD = head_key(TAPE)


def changes_head(call: Call) -> bool:
    return (call.operation, call.subject) == ("put", HEAD)


async def archived(site: Site) -> None:
    """The tape is in the archive."""
    await site.create(TAPE, *WRITTEN)
    await site.export()
    await site.settled()
    assert (site.status(), await site.archived()) == (None, "ARCHIVED")


def halting(tmp_path: Path, store: ObjectStore | None = None) -> tuple[Site, Halt]:
    """A gateway whose store halts when it is told to."""
    halt = Halt()
    return Site(tmp_path / "one", Recorded(store or MemoryStore(), halt)), halt


async def deleting(site: Site, halt: Halt) -> None:
    """The archived tape is to be deleted, and its head has not been looked at yet."""
    halt.meant = lambda call: call.subject == HEAD and site.status() == "DELETING"
    await site.life.delete_archived(TAPE)
    await halt.halted.wait()


async def test_of_two_requests_to_retrieve_a_tape_the_second_does_not_undo_the_first(
    tmp_path: Path,
) -> None:
    site, halt = halting(tmp_path)
    async with site.running():
        await archived(site)
        halt.meant = lambda call: (call.operation, call.subject) == ("get", HEAD)
        both = [asyncio.create_task(site.life.retrieve(TAPE)) for _ in range(2)]
        await halt.halted.wait()
        halt.go.set()
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        await site.settled()
        assert [isinstance(outcome, GatewayError) for outcome in outcomes] == [False, True]
        assert (site.status(), await site.archived()) == ("RETRIEVED", "RETRIEVED")
        assert site.read() == WRITTEN


async def test_a_tape_is_retrieved_or_deleted_but_not_both(tmp_path: Path) -> None:
    site, halt = halting(tmp_path)
    async with site.running():
        await archived(site)
        halt.meant = lambda call: (call.operation, call.subject) == ("get", HEAD)
        both = [
            asyncio.create_task(site.life.retrieve(TAPE)),
            asyncio.create_task(site.life.delete_archived(TAPE)),
        ]
        await halt.halted.wait()
        halt.go.set()
        outcomes = await asyncio.gather(*both, return_exceptions=True)
        await site.settled()
        assert sorted(isinstance(outcome, GatewayError) for outcome in outcomes) == [False, True]
        retrieved = outcomes[0] is None
        assert site.status() == ("RETRIEVED" if retrieved else None)


async def test_a_retrieval_is_cancelled_while_the_tape_is_being_claimed(tmp_path: Path) -> None:
    site, halt = halting(tmp_path)
    async with site.running():
        await archived(site)
        halt.meant = changes_head
        retrieving = asyncio.create_task(site.life.retrieve(TAPE))
        await halt.halted.wait()
        await site.life.cancel_retrieval(TAPE)
        await asyncio.sleep(0)
        halt.go.set()
        await retrieving
        await site.settled()
        assert (site.status(), await site.archived()) == (None, "ARCHIVED")


async def test_a_request_that_was_cancelled_while_others_were_looked_for_is_not_taken_up(
    tmp_path: Path,
) -> None:
    store, second = GlacierStore(), "DEMO0002"
    asking = Site(tmp_path / "asking", store)
    site, halt = halting(tmp_path, store)
    async with asking.running(), site.running():
        for barcode in (TAPE, second):
            await asking.create(barcode, *WRITTEN)
            await asking.export(barcode)
            await asking.settled(barcode)
            await asking.life.retrieve(barcode, site.id)
        halt.meant = lambda call: call.subject == head_key(second)
        looking = asyncio.create_task(site.life.look_for_requests())
        await halt.halted.wait()
        halt.meant = lambda _call: False
        await site.life.look_for_requests()
        await site.life.cancel_retrieval(TAPE)
        await site.settled()
        assert await site.archived() == "ARCHIVED"
        halt.go.set()
        await looking
        assert (site.status(), await site.archived()) == (None, "ARCHIVED")
        assert site.status(second) == "RETRIEVING"


async def test_a_tape_is_archived_again_while_its_archival_is_being_cancelled(
    tmp_path: Path,
) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE, *WRITTEN)
        with site.vault._claim(TAPE, visit=True):  # What cannot be interrupted waits for its end.
            await site.life.archive(TAPE)
            await until(lambda: site.vault.uploads.of(TAPE) is not None)
            cancelling = asyncio.create_task(site.life.cancel_archival(TAPE))
            await until(lambda: site.status() == "AVAILABLE")
            again = asyncio.create_task(site.life.archive(TAPE))
            await asyncio.wait([again], timeout=0.2)
        assert (await cancelling).slot == 5
        await again
        await site.settled()
        assert (site.status(), await site.archived()) == (None, "ARCHIVED")
        assert TAPE not in site.library.changer.inventory


async def test_archival_is_cancelled_while_the_host_exports_the_tape(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE, *WRITTEN)
        await site.move(DOOR, SLOT)
        with site.vault._catalog._lock:  # So the move is not durable yet, but the export is.
            exporting = asyncio.create_task(site.move(SLOT, DOOR))
            await until(lambda: site.status() == "IN TRANSIT TO VTS")
            cancelling = asyncio.create_task(site.life.cancel_archival(TAPE))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await exporting
        assert (await cancelling).status == "AVAILABLE"


class Impatient:
    """A sleep that takes no time; `go` holds it, and nobody looks for requests."""

    def __init__(self) -> None:
        self.asleep, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, _seconds: float) -> None:
        task = asyncio.current_task()
        if task is None or not task.get_name().startswith("tape"):
            await asyncio.Event().wait()
        self.asleep.set()
        await self.go.wait()


async def test_a_retrieved_tape_waits_for_an_import_export_slot_that_was_filled_meanwhile(
    tmp_path: Path,
) -> None:
    site, halt = halting(tmp_path)
    site.sleep = sleep = Impatient()
    async with site.running():
        await archived(site)
        halt.meant = lambda call: (
            call.subject.startswith("archive/") and site.status() == "RETRIEVING"
        )
        await site.life.retrieve(TAPE)
        await halt.halted.wait()
        full = await site.library.create_tapes(prefix="FULL", count=4, size_bytes=1 << 20)
        halt.go.set()
        done = asyncio.create_task(site.settled())
        waiting = asyncio.create_task(sleep.asleep.wait())
        await asyncio.wait([waiting, done], return_when=asyncio.FIRST_COMPLETED)
        waits = await site.library.show_tape(TAPE)
        assert waits.status == "RETRIEVING"
        assert "4 of 4 are full" in (waits.problem or "")
        await site.library.delete_tape(full[0].barcode)
        sleep.go.set()
        await done
        assert (await site.library.show_tape(TAPE)).slot == full[0].slot
        assert site.read() == WRITTEN


async def test_a_tape_that_is_asked_for_again_before_it_is_let_go_of(tmp_path: Path) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    other = Site(tmp_path / "other", store)
    async with site.running(), other.running():
        await site.create(TAPE, *WRITTEN)
        halt.meant = lambda call: call.subject == HEAD and site.status() == "ARCHIVED"
        await site.export()
        either = [asyncio.create_task(site.settled()), asyncio.create_task(halt.halted.wait())]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await other.life.retrieve(TAPE, site.id)
        halt.go.set()
        await site.settled()
        await site.life.look_for_requests()
        await site.settled()
        assert (site.status(), await site.archived()) == ("RETRIEVED", "RETRIEVED")


async def test_what_a_host_exports_while_the_gateway_stops_is_archived_after_the_next_start(
    tmp_path: Path,
) -> None:
    site = Site(tmp_path / "one", MemoryStore())
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        assert site.life.works is not None
        await site.life.works.stop()
        await site.export()
        await asyncio.sleep(0)
        at_work = [task.get_name() for task in asyncio.all_tasks()]
        assert f"tape {TAPE}" not in at_work
        assert site.status() == "IN TRANSIT TO VTS"
    async with site.running():
        await site.settled()
        assert await site.archived() == "ARCHIVED"


async def test_a_tape_that_gets_under_a_lock_before_it_is_deleted_stays(tmp_path: Path) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    site.sleep = sleep = Impatient()
    sleep.go.set()
    other = Site(tmp_path / "other", store)
    async with site.running(), other.running():
        await archived(site)
        pool = await other.life.pools.create("kept", "GLACIER", "COMPLIANCE", 10)
        halt.meant = changes_head
        await site.life.delete_archived(TAPE)
        await halt.halted.wait()
        await other.life.assign_pool(TAPE, pool.id)
        halt.go.set()
        await site.settled()
        assert (site.status(), await other.archived()) == (None, "ARCHIVED")
        assert "COMPLIANCE retention lock" in (site.life.events.recent[-1].reason or "")


async def test_a_tape_that_another_gateway_retrieves_first_is_not_deleted(tmp_path: Path) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    other = Site(tmp_path / "other", store)
    async with site.running(), other.running():
        await archived(site)
        await deleting(site, halt)
        await other.life.retrieve(TAPE)
        await other.settled()
        halt.go.set()
        await site.settled()
        assert (site.status(), await other.archived()) == (None, "RETRIEVED")
        assert other.read() == WRITTEN


async def test_nobody_is_told_of_a_collection_that_comes_while_a_tape_is_archived(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        await store.put(pack_key(site.id, "0" * 32), b"nobody needs it")
        halt.meant = lambda call: call.operation == "copy"
        await site.export()
        await halt.halted.wait()
        collected = await collect(store, site.id, site.vault.needed)
        assert collected.packs == 1
        halt.go.set()
        await site.settled()
        assert await site.archived() == "ARCHIVED"
        assert [event.reason for event in site.life.events.recent if event.reason] == []


async def test_nobody_is_told_of_a_collection_that_comes_while_a_tape_is_deleted(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        assert site.life.shelf is not None
        await site.life.shelf.push(TAPE)
        await store.put(pack_key(site.id, "0" * 32), b"nobody needs it")
        halt.meant = changes_head
        await site.life.delete_tape(TAPE)
        await halt.halted.wait()
        await collect(store, site.id, site.vault.needed)
        halt.go.set()
        await site.settled()
        assert site.status() is None
        assert [event.reason for event in site.life.events.recent if event.reason] == []


class HoldsOne(ThreadPoolExecutor):
    """Threads for the event loop, of which one waits before it makes the call that is `meant`."""

    def __init__(self, meant: Callable[..., object]) -> None:
        super().__init__()
        self._meant, self.held, self.go = meant, threading.Event(), threading.Event()

    def submit(self, fn: Any, /, *args: Any, **named: Any) -> Future[Any]:
        def late() -> object:
            self.go.wait()
            return fn(*args, **named)

        if self._meant not in fn.args or self.held.is_set():
            return super().submit(fn, *args, **named)
        self.held.set()
        return super().submit(late)


async def test_a_tape_that_is_archived_before_the_answer_is_made_up_is_told_of(
    tmp_path: Path,
) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE, *WRITTEN)
        threads = HoldsOne(site.vault.volumes)
        asyncio.get_running_loop().set_default_executor(threads)
        request = make_mocked_request("POST", "/", match_info={"barcode": TAPE})
        asking = asyncio.create_task(LifeHandlers(site.life).archive(request))
        await until(threads.held.is_set)
        await site.settled()
        threads.go.set()
        assert json.loads((await asking).text or "")["status"] == "IN TRANSIT TO VTS"
        await site.settled()
        assert await site.archived() == "ARCHIVED"


async def test_a_tape_that_is_asked_for_here_before_it_is_deleted_comes_here(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    site, halt = halting(tmp_path, store)
    other = Site(tmp_path / "other", store)
    async with site.running(), other.running():
        await archived(site)
        await deleting(site, halt)
        await other.life.retrieve(TAPE, site.id)
        halt.go.set()
        await site.settled()
        await site.life.look_for_requests()
        await site.settled()
        assert (site.status(), await other.archived()) == ("RETRIEVED", "RETRIEVED")
        assert site.read() == WRITTEN
