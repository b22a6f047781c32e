"""The life of tapes beyond the library: archive, retrieval, deletion, pools, tags, policies.

What can be asked is refused here, by name and with what to do first; what takes time is noted in
the ledger and done by `Works`.  The states and what leads from each to which are in `states.py`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog

from pyvtl.cloud.recovering import RecoveryPoint
from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.archived_tape import ArchivedTape
from pyvtl.gateway.errors import (
    GatewayError,
    GatewayNotFoundError,
    NoStoreError,
    StoreUnavailableError,
    TapeNotArchivedError,
    TapeRetrievedError,
    WrongStatusError,
)
from pyvtl.gateway.events import Events
from pyvtl.gateway.exports import LedgerDoor
from pyvtl.gateway.ledger import Ledger, TapeRecord
from pyvtl.gateway.library import Library
from pyvtl.gateway.policies import Policies
from pyvtl.gateway.pools import DEFAULT_POOL, Pools, check_unlocked
from pyvtl.gateway.states import IN_LIBRARY, Happening, Status, after
from pyvtl.gateway.tags import Tags
from pyvtl.gateway.tape import Tape
from pyvtl.gateway.tape_shelf import TapeShelf
from pyvtl.gateway.works import Sleep, Works

log = structlog.get_logger()

LET_GO_SECONDS: Final = 10.0
"""How long a request waits for what is left here of the tape that it names."""
POLL_SECONDS: Final = 30.0
"""How often to look for tapes that other gateways want retrieved here."""


class LifeCycle:
    """All that happens to tapes of one gateway.  `async with life.running()` does the work.

    Without an object store (`shelf` is None) nothing is archived: a tape that the host moves to an
    import/export slot stays there.
    """

    def __init__(
        self,
        library: Library,
        events: Events,
        shelf: TapeShelf | None,
        sleep: Sleep = asyncio.sleep,
        *,
        is_deleted: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_deleted` says whether the gateway is: then it retrieves nothing for others."""
        self.library, self.events, self.shelf = library, events, shelf
        self.ledger: Final[Ledger] = library.ledger
        self.pools = Pools(self.ledger, shelf)
        self.tags = Tags(self.ledger, self.pools, shelf, self._let_go)
        self.policies = Policies(self.ledger, library, self.pools, events)
        library.check_pool = self.pools.active
        self.works: Works | None = None
        self._sleep, self._is_deleted = sleep, is_deleted
        self._imported = asyncio.Event()
        if shelf is not None:
            self.works = Works(library, events, self.pools, shelf, sleep)
            library.doing = self.works.doing
            library.afterwards = self.works.start

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do what is under way, and what is asked for meanwhile; it goes on at the next start."""
        loop = asyncio.get_running_loop()
        self.library.changer.transport.door = LedgerDoor(
            self.ledger,
            exports=self.shelf is not None,
            exported=lambda barcode: loop.call_soon_threadsafe(self._exported, barcode),
            imported=lambda: loop.call_soon_threadsafe(self._imported.set),
        )
        if await self.policies.is_due():
            self._imported.set()
        tasks = [asyncio.create_task(self._make_due_tapes(), name="automatic tape creation")]
        if self.works is not None:
            self.works.resume()
            tasks.append(asyncio.create_task(self._look_for_requests(), name="retrieval requests"))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self.works is not None:
                await self.works.stop()

    # Tapes

    async def archive(self, barcode: str) -> Tape:
        """Archive a tape that lies in a slot, as if the host had exported it; the tape as it goes.

        Raises NoStoreError, TapeNotFoundError, TapeInUseError, WrongStatusError.
        """
        _, works = self._with_store("archiving")
        await self.library.take_away(barcode, Happening.EXPORTED)
        try:
            return await self.library.show_tape(barcode)  # Once it is worked on, it may be gone.
        finally:
            works.start(barcode)

    async def cancel_archival(self, barcode: str) -> Tape:
        """Bring a tape that is IN TRANSIT TO VTS back to an import/export slot.

        Raises TapeNotFoundError, WrongStatusError, NoFreeSlotError.
        """
        _, works = self._with_store("archiving")
        async with self.library.standing_still:
            await self.library.changer.settle()  # The host's hand may be about to export it.
            after(barcode, self.ledger.tape(barcode).status, Happening.ARCHIVAL_CANCELLED)
            self.library.check_room(barcode)
            await in_thread(self.ledger.move, barcode, Happening.ARCHIVAL_CANCELLED)
            await works.interrupt(barcode)
            await self.library.place([barcode])
            tape = await self.library.show_tape(barcode)  # Nobody takes it away meanwhile.
        self.library.tell([barcode])
        return tape

    async def archived_barcodes(self) -> set[str]:
        """The barcodes of tapes that the archive may have; none without a store."""
        return set() if self.shelf is None else await self.shelf.barcodes()

    async def list_archived(self, barcodes: Iterable[str] | None = None) -> list[ArchivedTape]:
        """All tapes that the archive has, of all gateways, by barcode; none without a store.

        Or those of the named that it has.
        """
        return [] if self.shelf is None else await self.shelf.tapes(barcodes)

    async def show_archived(self, barcode: str) -> ArchivedTape:
        """One tape of the archive.  Raises NoStoreError, TapeNotArchivedError."""
        shelf, _ = self._with_store("an archive")
        return await shelf.show(barcode)

    async def retrieve(self, barcode: str, gateway: str | None = None) -> None:
        """Bring an archived tape to a gateway, this one if none is named.

        It turns up in an import/export slot there, read-only.  Of several gateways that ask at once
        one gets it.  Raises NoStoreError, TapeNotArchivedError, NoFreeSlotError,
        OtherGatewayNotFoundError, WrongStatusError.
        """
        shelf, works = self._with_store("retrieving")
        if gateway not in (None, shelf.gateway):
            await shelf.claim(barcode, gateway)
            return
        await self._let_go(barcode)
        self._refuse_known(barcode)
        self.library.check_room(barcode)
        try:
            async with shelf.turns.turn(barcode):  # What a cancellation asks for comes after it.
                await self._begin_retrieval(shelf, barcode)
        finally:
            works.start(barcode)
        self.library.tell([barcode])

    async def cancel_retrieval(self, barcode: str) -> None:
        """Leave a tape that is RETRIEVING in the archive.

        Raises NoStoreError, TapeNotFoundError, WrongStatusError.
        """
        _, works = self._with_store("retrieving")
        record = self.ledger.tape(barcode)
        if record.status is Status.RETRIEVING and not record.archived:
            raise WrongStatusError(
                f"tape {barcode} comes from a recovery point, not from the archive: wait until it"
                " is RECOVERED; it can be deleted then"
            )
        await in_thread(self.ledger.move, barcode, Happening.RETRIEVAL_CANCELLED)
        self.library.tell([barcode])
        await works.interrupt(barcode)
        works.start(barcode)

    async def recoverable(self, gateway: str) -> list[str]:
        """The tapes of any gateway that are not in the archive.

        By barcode.  Raises NoStoreError, OtherGatewayNotFoundError.
        """
        shelf, _ = self._with_store("a recovery point")
        return await shelf.recovery.tapes_of(gateway)

    async def recovery_points(self, barcodes: Iterable[str]) -> list[RecoveryPoint]:
        """The last recovery points of those of these tapes that have one; NoStoreError."""
        shelf, _ = self._with_store("a recovery point")
        return await shelf.recovery.points(barcodes)

    async def disable(self, lost: str) -> None:
        """Take a gateway for lost, for ever, and look after its tapes in the object store.

        Raises NoStoreError, OtherGatewayNotFoundError, GatewayInUseError while it is connected.
        """
        shelf, _ = self._with_store("disabling a gateway")
        await shelf.recovery.disable(lost)

    async def recover(self, barcode: str) -> None:
        """Bring a tape of a disabled gateway here, as its last recovery point has it.

        It turns up in an import/export slot, read-only.  Raises NoStoreError, TapeNotFoundError,
        GatewayInUseError unless its gateway is disabled, BarcodeTakenError where one of that
        barcode was here, NoFreeSlotError, WrongStatusError.
        """
        shelf, works = self._with_store("a recovery point")
        self._refuse_known(barcode)
        self.library.check_room(barcode)
        point = await shelf.recovery.point(barcode)
        size, created_at = point.size_bytes, point.created_at
        status, pool = Status.RETRIEVING, DEFAULT_POOL
        record = TapeRecord(barcode, status, size, created_at, pool, worm=point.worm)
        await self._note(record, {})
        self.library.tell([barcode])
        works.start(barcode)

    async def delete_tape(self, barcode: str) -> None:
        """As `Library.delete_tape`."""
        await self.library.delete_tape(barcode)

    async def delete_archived(self, barcode: str, *, bypass_governance: bool = False) -> None:
        """Delete a tape that is ARCHIVED, and all that the archive has of it.

        Raises NoStoreError, TapeNotArchivedError, TapeRetrievedError, RetentionLockedError.
        """
        shelf, works = self._with_store("an archive")
        await self._let_go(barcode)
        tape = await shelf.show(barcode)
        if tape.status != Status.ARCHIVED:
            raise TapeRetrievedError(
                f"tape {barcode} is {tape.status} by gateway {tape.gateway}: export it there, so"
                " that it goes back to the archive, or cancel its retrieval, first"
            )
        check_unlocked(
            barcode, tape.retention_lock, tape.locked_until, time.time(), bypass=bypass_governance
        )
        await self._note(_record(tape, Status.DELETING), tape.tags)
        self.library.tell([barcode])
        works.start(barcode)

    async def assign_pool(
        self, barcode: str, pool_id: str, *, bypass_governance: bool = False
    ) -> None:
        """Put a tape into another pool, whose lock counts from when it is, or will be, archived.

        Raises PoolNotFoundError, TapeNotFoundError, TapeNotArchivedError, WrongStatusError,
        RetentionLockedError, PoolChangeError.
        """
        pool = await self.pools.active(pool_id)
        await self._let_go(barcode)
        if self.shelf is not None and self.ledger.find(barcode) is None:
            await self.shelf.assign(barcode, pool, bypass=bypass_governance)
            return
        if (status := self.ledger.tape(barcode).status) is not Status.AVAILABLE:
            raise WrongStatusError(
                f"tape {barcode} is {status}: only one that is AVAILABLE or ARCHIVED can be"
                " assigned to a pool"
            )
        entered = {"pool": pool.id, "pool_entered_at": int(time.time())}
        await in_thread(self.ledger.amend, barcode, **entered)

    # Steps of the above

    def _with_store(self, what: str) -> tuple[TapeShelf, Works]:
        if self.shelf is None or self.works is None:
            raise NoStoreError(f"{what} needs an object store: set store.url, and start again")
        return self.shelf, self.works

    async def _let_go(self, barcode: str) -> None:
        """Wait, but not for long, while this gateway lets go of a tape that is in the archive."""
        record = self.ledger.find(barcode)
        if record is None or self.shelf is None or self.works is None:
            return
        with suppress(TimeoutError, StoreUnavailableError):
            if record.status is Status.ARCHIVED or (
                record.status is Status.ARCHIVING and await self.shelf.is_archived(barcode)
            ):
                async with asyncio.timeout(LET_GO_SECONDS):
                    await self.works.settled(barcode)

    def _refuse_known(self, barcode: str) -> None:
        """A tape that this gateway has to do with is in no other state than that."""
        record = self.ledger.find(barcode)
        if record is not None:
            there = record.status in IN_LIBRARY
            advice = "it lies in this library" if there else "wait until that is done"
            raise WrongStatusError(f"tape {barcode} is {record.status} here: {advice}")

    async def _begin_retrieval(self, shelf: TapeShelf, barcode: str) -> None:
        tape = await shelf.show(barcode)
        if tape.status != Status.ARCHIVED:
            raise TapeNotArchivedError(f"tape {barcode} is {tape.status} by gateway {tape.gateway}")
        await shelf.check_key(barcode)
        await self._note(_record(tape, Status.RETRIEVING), tape.tags)
        try:
            await shelf.claim(barcode)
        except TapeNotArchivedError:
            await in_thread(self.ledger.forget, barcode)
            raise

    async def _note(self, record: TapeRecord, tags: Mapping[str, str]) -> None:
        """Have to do with a tape from now on, unless somebody was faster."""
        async with self.library.standing_still:
            self._refuse_known(record.barcode)
            if record.status is Status.RETRIEVING and self._is_deleted():
                raise GatewayNotFoundError("the gateway was deleted meanwhile")
            await in_thread(self.ledger.begin, [record], tags, None, "")

    def _exported(self, barcode: str) -> None:
        self.library.tell([barcode])
        if self.works is not None:
            self.works.start(barcode)

    # In the background

    async def _make_due_tapes(self) -> None:
        while True:
            await self._imported.wait()
            self._imported.clear()
            await self.library.changer.settle()
            try:
                if not await self.policies.apply():
                    await self._sleep(POLL_SECONDS)
                    self._imported.set()
            except GatewayError as error:
                self.events.tapes_not_created("", str(error))

    async def _look_for_requests(self) -> None:
        assert self.shelf is not None, "without a store there are none"
        while True:
            with suppress(GatewayError):
                await self.look_for_requests()
            await self._sleep(POLL_SECONDS)

    async def tell_others(self) -> None:
        """Of a deletion or its end; if the store does not answer they are told later."""
        if self.shelf is not None:
            with suppress(GatewayError):
                await self.look_for_requests()

    async def look_for_requests(self) -> None:
        """Take up what other gateways want retrieved here, or, when deleted, tell them not to."""
        shelf, works = self._with_store("retrieving")
        deleted = self._is_deleted()
        await shelf.report(deleted=deleted)
        for barcode in await shelf.requests():
            if self.ledger.find(barcode) is None:
                if deleted:
                    await shelf.give_back(barcode)
                    await shelf.answered(barcode)
                    continue
                tape = await shelf.show(barcode)
                if (tape.status, tape.gateway) != (Status.RETRIEVING, shelf.gateway):
                    continue  # It was retrieved and went back, or was cancelled, meanwhile.
                await self._note(_record(tape, Status.RETRIEVING), tape.tags)
                self.library.tell([barcode])
            works.start(barcode)


def _record(tape: ArchivedTape, status: Status) -> TapeRecord:
    """What the ledger knows of a tape that was archived."""
    return TapeRecord(
        tape.barcode,
        status,
        tape.size_bytes,
        tape.created_at,
        tape.pool,
        worm=tape.worm,
        pool_entered_at=tape.pool_entered_at,
        retention_started_at=tape.retention_started_at,
        retention_lock=tape.retention_lock,
        locked_until=tape.locked_until,
        used_bytes=tape.used_bytes,
        archived=True,
    )
