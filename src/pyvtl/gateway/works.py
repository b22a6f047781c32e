"""The work that the status of a tape stands for, done in the background and after restarts.

Each job is a step that may be done again: whatever ends it in the middle, the next attempt goes on
from what the ledger, the object store and the data folder say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import (
    GatewayError,
    NoFreeSlotError,
    RetentionLockedError,
    StorageError,
    TapeNotArchivedError,
    TapeNotFoundError,
    WrongStatusError,
)
from pyvtl.gateway.events import Events
from pyvtl.gateway.ledger import Ledger, TapeRecord
from pyvtl.gateway.library import Library
from pyvtl.gateway.pools import Pools
from pyvtl.gateway.states import UNDER_WAY, Happening, Status
from pyvtl.gateway.tape import Doing
from pyvtl.gateway.tape_shelf import TapeShelf

log = structlog.get_logger()

RETRY_SECONDS: Final = 30.0
"""The longest wait before another attempt; the first is a second, and then they double."""

Sleep = Callable[[float], Awaitable[object]]


class Works:
    """One task for each tape that is under way."""

    def __init__(
        self,
        library: Library,
        events: Events,
        pools: Pools,
        shelf: TapeShelf,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._library, self._events = library, events
        self._pools, self._shelf, self._sleep = pools, shelf, sleep
        self._ledger: Ledger = library.ledger
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopped = False
        self.doing: dict[str, Doing] = {}
        """How far the work on each tape is."""
        self._jobs: Final[Mapping[Status, Callable[[TapeRecord], Awaitable[None]]]] = {
            Status.IN_TRANSIT: self._send,
            Status.ARCHIVING: self._archive,
            Status.ARCHIVED: self._let_go,
            Status.RETRIEVING: self._retrieve,
            Status.DELETING: self._delete,
        }

    def resume(self) -> None:
        """Go on with everything that is under way."""
        for record in self._ledger.tapes().values():
            if record.status in UNDER_WAY:
                self.start(record.barcode)

    def start(self, barcode: str) -> None:
        """Do what the status of a tape asks for, unless that is being done."""
        if barcode not in self._tasks and not self._stopped:
            task = asyncio.create_task(self._take_turn(barcode), name=f"tape {barcode}")
            self._tasks[barcode] = task
            task.add_done_callback(partial(self._ended, barcode))

    async def interrupt(self, barcode: str) -> None:
        """Stop what is being done for a tape."""
        task = self._tasks.get(barcode)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def settled(self, barcode: str) -> None:
        """Wait until there is nothing to do for a tape."""
        while (task := self._tasks.get(barcode)) is not None:
            await asyncio.wait([task])

    async def stop(self) -> None:
        """Stop everything, also what hosts export from now on; it goes on at the next start."""
        self._stopped = True
        for barcode in tuple(self._tasks):
            await self.interrupt(barcode)

    def _ended(self, barcode: str, task: asyncio.Task[None]) -> None:
        del self._tasks[barcode]
        self.doing.pop(barcode, None)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("tape.work_ended", barcode=barcode, exc_info=failure)

    async def _take_turn(self, barcode: str) -> None:
        """Work on it when the uploader is through with it, and keep the uploader from it."""
        async with self._shelf.turns.turn(barcode):
            await self._work(barcode)

    async def _work(self, barcode: str) -> None:
        await self._library.changer.settle()
        attempts = 0
        while (record := self._ledger.find(barcode)) is not None:
            job = self._jobs.get(record.status)
            if job is None:
                return
            try:
                await job(record)
            except (WrongStatusError, TapeNotFoundError):
                continue  # It was cancelled meanwhile.
            except GatewayError as error:
                self._note(record, str(error))
                await self._sleep(min(RETRY_SECONDS, 2.0**attempts))
                attempts += 1
            else:
                attempts = 0

    def _note(self, record: TapeRecord, problem: str) -> None:
        before = self.doing.get(record.barcode, Doing())
        self.doing[record.barcode] = Doing(before.progress, problem)
        if problem != before.problem:
            self._events.work_failed(record.barcode, record.status, problem)

    def _progress(self, barcode: str, share: float) -> None:
        self.doing[barcode] = Doing(share)

    async def _move(self, barcode: str, happening: Happening, **changes: Any) -> None:
        await in_thread(self._ledger.move, barcode, happening, **changes)
        self._library.tell([barcode])

    async def _send(self, record: TapeRecord) -> None:
        """IN TRANSIT TO VTS: have the store hold all of it."""
        await self._shelf.push(record.barcode)
        await self._move(record.barcode, Happening.UPLOADED)

    async def _archive(self, record: TapeRecord) -> None:
        """ARCHIVING: have the archive hold all of it, on its own."""
        barcode = record.barcode
        if await self._shelf.was_archived(barcode):
            await self._move(barcode, Happening.ARCHIVED, archived=False)
            return
        if not await self._shelf.came_from_archive(barcode):
            await self._shelf.push(barcode)
        pool = await self._pools.show(record.pool)
        tags = await in_thread(self._ledger.tags, f"tape/{barcode}")
        tape = await self._library.show_tape(barcode)
        progress = partial(self._progress, barcode)
        await self._shelf.archive(record, pool, tape.used_bytes, tags, progress)
        await self._keep_tags(barcode, tags)
        await self._move(barcode, Happening.ARCHIVED, archived=False)

    async def _let_go(self, record: TapeRecord) -> None:
        """ARCHIVED: nothing of it stays here, and it is nobody's."""
        if record.archived:  # Else what the store says may be a claim for this gateway already.
            tags = await in_thread(self._ledger.tags, f"tape/{record.barcode}")
            await self._shelf.give_back(record.barcode, tags)
            await in_thread(self._ledger.amend, record.barcode, archived=False)
        await self._shelf.drop(record.barcode)
        await self._library.drop_volume(record.barcode)
        await in_thread(self._ledger.forget, record.barcode)

    async def _keep_tags(self, barcode: str, told: Mapping[str, str]) -> None:
        """Have the archive know the tags that a tape has by now, unless somebody changed those."""
        tags = await in_thread(self._ledger.tags, f"tape/{barcode}")
        with suppress(TapeNotArchivedError):  # Somebody retrieves it already.
            await self._shelf.retag(barcode, lambda now: tags if now == told else now)

    async def _retrieve(self, record: TapeRecord) -> None:
        """RETRIEVING: have all of it here, read-only."""
        barcode = record.barcode
        if not record.archived:
            await self._recover(record)
            return
        try:
            await self._shelf.claim(barcode, again=True)
        except TapeNotArchivedError as error:
            self._note(record, str(error))
            await self._move(barcode, Happening.RETRIEVAL_CANCELLED)
            return
        await self._shelf.answered(barcode)
        await self._shelf.fetch(barcode, partial(self._progress, barcode))
        await self._have_room(record, Happening.ARRIVED)

    async def _recover(self, record: TapeRecord) -> None:
        """RETRIEVING, from the recovery point of a lost gateway; its bytes are read when wanted."""
        try:
            await self._shelf.recovery.take_over(record.barcode)
        except StorageError as error:
            self._note(record, str(error))
            await in_thread(self._ledger.forget, record.barcode)
            return
        await self._have_room(record, Happening.RECOVERED)

    async def _have_room(self, record: TapeRecord, happening: Happening) -> None:
        """Let a tape that arrived lie in an import/export slot, as soon as one is free."""
        while True:
            try:
                await self._library.take_up(record.barcode, happening)
            except NoFreeSlotError as error:
                self._note(record, str(error))
                await self._sleep(RETRY_SECONDS)
            else:
                return

    async def _delete(self, record: TapeRecord) -> None:
        """DELETING: nothing of it stays here or in the store."""
        if record.archived:
            try:
                await self._shelf.delete(record)
            except (RetentionLockedError, TapeNotArchivedError) as error:
                self._note(record, str(error))  # Another gateway was faster: it stays.
                await in_thread(self._ledger.forget, record.barcode)
                return
        else:
            await self._library.drop_volume(record.barcode)
            await self._shelf.tell_deleted(record.barcode)
        await self._library.forget(record.barcode)
