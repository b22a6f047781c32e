"""Bring tapes into the store while they are used: which one next, when, and what goes wrong.

What was sent is known by asking the store, so this may end anywhere and begin again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

import structlog

from pyvtl.cloud.errors import ObjectStoreError, RefusedError, UnavailableError
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.pace import Pace, Watch, is_due
from pyvtl.cloud.pushing import PACKS_PER_POINT, push_deletion, push_tape, sweep_uploads
from pyvtl.cloud.reach import Reach
from pyvtl.cloud.refusals import DivergedError, FencedError, RefusedTapeError
from pyvtl.cloud.spans import PARTS_AT_ONCE
from pyvtl.cloud.threads import in_thread
from pyvtl.cloud.turns import Turns
from pyvtl.cloud.upkeep import Upkeep
from pyvtl.cloud.upload_buffer import UploadBuffer
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.media.medium import MediumError
from pyvtl.media.snapshot import Backlog
from pyvtl.media.vault import Vault
from pyvtl.store.errors import StoreError

log = structlog.get_logger()

TAPES_AT_ONCE: Final = 4
"""Tapes that are brought into the store at a time; all together they send four parts at a time."""
USUAL_PACE: Final = Pace()
COLLECTION: Final = ""
"""Stands among the barcodes of what is under way."""
UNLIMITED: Final = 1 << 62
REMEDY: Final = (
    "hosts cannot use it here any more, and nothing of it is deleted: `pyvtl tape recover {0} --as"
    " NEW` copies what this gateway has of it to a new tape"
)


async def _ignore(_barcode: str) -> None:
    """Nobody has to be kept from the tape."""


class Uploader:
    """One per gateway.  `run` goes on until it is cancelled; `reach` tells of the store.

    Tapes are taken in the order in which they began to lack something.
    """

    def __init__(
        self,
        store: ObjectStore,
        gateway: str,
        vault: Vault,
        seal: Callable[[str], Awaitable[None]],
        pace: Pace = USUAL_PACE,
        *,
        turns: Turns | None = None,
        buffer_limit_bytes: int = UNLIMITED,
        headroom_bytes: int = 0,
        fenced: Callable[[str], Awaitable[None]] = _ignore,
    ) -> None:
        """`seal` makes a tape that is in a drive ready to be sent as far as it is written.

        A tape is left alone while somebody else has its turn.  The buffer counts `headroom_bytes`
        as used: what drives may yet take of the disk.  `fenced` keeps hosts from a tape that
        somebody else has now.
        """
        self.reach = Reach(pace.waits)
        self.buffer = UploadBuffer(
            buffer_limit_bytes,
            lambda: vault.dirty_bytes,
            self.wake,
            headroom_bytes=headroom_bytes,
        )
        self._store, self._gateway, self._vault = store, gateway, vault
        self._seal, self._fenced, self._pace = seal, fenced, pace
        self._turns = turns or Turns()
        self._upkeep = Upkeep(store, gateway, vault.needed, pace.collection)
        self._parts = asyncio.Semaphore(PARTS_AT_ONCE)
        self._watches: dict[str, Watch] = {}
        self._under_way: set[str] = set()
        self._swept = self._closing = False
        self._bell, self._drained = asyncio.Event(), asyncio.Event()

    def wake(self) -> None:
        """Look now whether anything is due."""
        self._bell.set()

    @property
    def oldest_dirty_seconds(self) -> float | None:
        """How long the store has lacked something of a tape, at most; None if it lacks nothing."""
        since = min((watch.since for watch in self._watches.values()), default=None)
        return None if since is None else round(time.monotonic() - since, 1)

    async def run(self) -> None:
        """Upload what becomes due, several tapes at a time."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for tape in self._next(now):
                    self._turns.take(tape.barcode)
                    self._under_way.add(tape.barcode)
                    group.create_task(self._bring(tape))
                if self._closing and not self._under_way:
                    self._drained.set()
                elif self._upkeep.is_due(now) and not self._under_way and not self.reach.lost:
                    self._under_way.add(COLLECTION)
                    group.create_task(self._collect())
                await self._until_next_look()

    async def drain(self, seconds: float) -> None:
        """Bring all that is closed into the store, but take no longer than so many seconds."""
        self._closing = True
        self.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._drained.wait()

    async def _until_next_look(self) -> None:
        with suppress(TimeoutError):  # Not wait_for: before Python 3.12 it may forget a cancel().
            async with asyncio.timeout(self._pace.look):
                await self._bell.wait()
        self._bell.clear()

    def _next(self, now: float) -> list[Backlog]:
        """What is due and can be begun, the oldest first."""
        backlog = self._vault.backlog()
        self._watch(backlog, now)
        due = [
            tape
            for tape in backlog
            if not self._turns.taken(tape.barcode) and self._is_due(tape, now)
        ]
        due.sort(key=self._urgency)
        at_once = 1 if self.reach.lost else TAPES_AT_ONCE
        return due[: max(0, at_once - len(self._under_way))]

    def _urgency(self, tape: Backlog) -> float:
        """What goes first is low: the oldest, or the largest when the upload buffer fills up."""
        return -tape.dirty_bytes if self.buffer.pressed else self._watches[tape.barcode].since

    def _watch(self, backlog: list[Backlog], now: float) -> None:
        known, self._watches = self._watches, {}
        for tape in backlog:
            watch = known.get(tape.barcode) or Watch(now, now, tape.appends)
            watch.see(tape, now)
            self._watches[tape.barcode] = watch

    def _is_due(self, tape: Backlog, now: float) -> bool:
        if now < self.reach.ask_again_at:
            return False
        watch = self._watches[tape.barcode]
        hurry = self.buffer.pressed or self._closing
        return is_due(tape, watch, self._pace, now, hurry=hurry)

    async def _bring(self, tape: Backlog) -> None:
        """Bring one tape into the store, whatever comes in between."""
        watch = self._watches[tape.barcode]
        try:
            await self._try(tape, watch)
        except Exception as error:
            log.exception("upload.failed", barcode=tape.barcode)
            self._put_off(tape.barcode, watch, error)
        finally:
            self._under_way.discard(tape.barcode)
            self._turns.give_back(tape.barcode)
            self.wake()

    async def _try(self, tape: Backlog, watch: Watch) -> None:
        """Bring one tape into the store, and tell what kept it from being there."""
        try:
            await self._ask()
            sent_packs = await self._recovery_points(tape)
        except (UnavailableError, RefusedError, TimeoutError) as error:
            self.reach.fail(error)
        except (FencedError, DivergedError) as error:
            await self._fence(tape.barcode, error)
        except (RefusedTapeError, ObjectStoreError, MediumError, StoreError, OSError) as error:
            self._put_off(tape.barcode, watch, error)
        else:
            self.reach.answer()
            self._watches.pop(tape.barcode, None)
            if tape.known and not sent_packs:
                self._let_rest(tape)

    async def _collect(self) -> None:
        """Delete what nobody needs any more; what is left now is found again later."""
        try:
            await self._upkeep.collect()
        except ObjectStoreError as error:
            log.warning("collection.put_off", reason=str(error))
        except Exception:
            log.exception("collection.failed")
        finally:
            self._under_way.discard(COLLECTION)

    async def _fence(self, barcode: str, error: Exception) -> None:
        """Keep all that is here of a tape that somebody else has, and let nobody write it."""
        reason = str(error)
        await in_thread(self._vault.fence, barcode, reason)
        log.error("tape.fenced", barcode=barcode, reason=reason, remedy=REMEDY.format(barcode))
        await self._fenced(barcode)

    def _let_rest(self, tape: Backlog) -> None:
        """Nothing of what is dirty could be sent, and nothing is wrong: do not try all the time."""
        now = time.monotonic()
        rested = now + self._pace.recovery_point
        self._watches[tape.barcode] = Watch(now, now, tape.appends, not_before=rested)

    def _put_off(self, barcode: str, watch: Watch, error: Exception) -> None:
        """Try the tape again later; the same trouble is told once."""
        watch.attempts += 1
        watch.not_before = time.monotonic() + self._pace.waits.wait_before(watch.attempts)
        if str(error) != watch.trouble:
            watch.trouble = str(error)
            log.error("tape.not_uploaded", barcode=barcode, reason=watch.trouble)

    async def _ask(self) -> None:
        """See that the store is there before a segment is closed for it.

        The first time, remove what the uploads of an earlier run left in it.
        """
        if not self._swept:
            await sweep_uploads(self._store, self._gateway)
            self._swept = True
        elif self.reach.lost:
            await self._store.check()

    async def _recovery_points(self, tape: Backlog) -> int:
        """Make the store hold what is closed of a tape, and what can be closed; packs sent."""
        if tape.deleted:
            await self._bury(tape.barcode)
            return 0
        if tape.in_use and tape.open_packs:
            await self._seal(tape.barcode)
        snapshot = await in_thread(self._vault.snapshot, tape.barcode)
        if snapshot is None:
            return 0
        await in_thread(self._vault.uploads.begin, tape.barcode)
        return sum([await self._push(point) for point in _points(snapshot, tape)])

    async def _bury(self, barcode: str) -> None:
        label = self._vault.label(barcode)
        await push_deletion(self._store, self._gateway, label, self._vault.needed)
        await in_thread(self._vault.uploads.forget, barcode)
        self._upkeep.deleted()

    async def _push(self, tape: TapeAtRest) -> int:
        """Commit one recovery point; gives how many packs that took."""
        barcode = tape.label.barcode
        began = time.monotonic()
        pushed = await push_tape(self._store, self._gateway, tape, self._parts)
        stored = pushed.stored + pushed.others
        await in_thread(self._vault.put_stored, barcode, stored)
        self.buffer.fell()
        self._upkeep.pushed(barcode, tape.generation)
        log.info(
            "recovery_point.committed",
            barcode=barcode,
            packs=pushed.packs,
            sent_packs=pushed.sent_packs,
            sent_bytes=pushed.sent_bytes,
            seconds=round(time.monotonic() - began, 3),
        )
        return pushed.sent_packs


@asynccontextmanager
async def uploading(uploader: Uploader, stop_seconds: float) -> AsyncIterator[None]:
    """Upload for as long as the context lasts; its end waits so long for what is under way."""
    task = asyncio.create_task(uploader.run())
    try:
        yield
        await uploader.drain(stop_seconds)
    finally:
        task.cancel()
        await asyncio.wait([task])


def _points(tape: TapeAtRest, backlog: Backlog) -> Iterator[TapeAtRest]:
    """The tape as it was after each 64 packs that the store may lack: a point makes them clean."""
    first = max(0, len(tape.packs) - backlog.closed)
    for end in range(first + PACKS_PER_POINT, len(tape.packs), PACKS_PER_POINT):
        yield replace(tape, packs=tape.packs[:end])
    yield tape
