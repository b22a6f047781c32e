"""The archive as a gateway sees it: tapes, pools and requests in the object store."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Final

from pyvtl.cloud.adopting import check_is_there, check_not_adopted, report
from pyvtl.cloud.archiving import Archiver, Progress, check_archived
from pyvtl.cloud.documents import Head, Pool, encode
from pyvtl.cloud.errors import NotFoundError, ObjectStoreError
from pyvtl.cloud.heads import (
    HeldHead,
    although_it_moves,
    commit_head,
    nonce,
    put_once,
    read_document,
    read_head,
)
from pyvtl.cloud.names import (
    ARCHIVED,
    POOLS,
    head_key,
    pool_key,
    retrieval_key,
    retrieval_prefix,
)
from pyvtl.cloud.objects import STANDARD, ObjectStore, listing
from pyvtl.cloud.pushing import push_deletion, push_shredding, push_tape
from pyvtl.cloud.refusals import NotArchivedError, RefusedTapeError
from pyvtl.cloud.retrieving import Retriever, archived_head, claim, set_state
from pyvtl.cloud.spans import READS_AT_ONCE, at_once
from pyvtl.cloud.taking import wanted_key, wanted_manifest
from pyvtl.cloud.threads import in_thread
from pyvtl.cloud.turns import Turns
from pyvtl.gateway.archived_tape import ArchivedTape, archive_of_tape, archived_tape
from pyvtl.gateway.errors import (
    StorageError,
    StoreUnavailableError,
)
from pyvtl.gateway.ledger import PoolRecord, TapeRecord
from pyvtl.gateway.pools import check_class_change, check_unlocked, lock_end
from pyvtl.gateway.recovery import Recovery
from pyvtl.gateway.states import Status
from pyvtl.gateway.store_errors import told_by_the_store
from pyvtl.media.vault import Vault

ANSWER_SECONDS: Final = 10
"""How long who makes a tape waits for the store; nobody else can make one meanwhile."""


class TapeShelf:
    """What archives have in common for all gateways that use one object store.

    Raises StoreUnavailableError where the store fails, StorageError for what is refused.
    """

    def __init__(
        self,
        store: ObjectStore,
        gateway: str,
        vault: Vault,
        retriever: Retriever,
        turns: Turns | None = None,
    ) -> None:
        """Whoever works on a tape for longer has its turn in `turns`, as the uploader has."""
        self.turns = turns or Turns()
        self._store, self.gateway, self._vault = store, gateway, vault
        self._archiver, self._retriever = Archiver(store, gateway), retriever
        self.recovery = Recovery(store, gateway, vault)

    # Gateways and pools

    async def report(self, *, deleted: bool) -> None:
        """Let other gateways know that this one is there, or deleted: they ask it for nothing."""
        with told_by_the_store():
            await report(self._store, self.gateway, deleted=deleted, now=int(time.time()))

    async def put_pool(self, pool: PoolRecord) -> None:
        """Have a custom pool in the store, as it is now."""
        document = Pool.model_validate({name: getattr(pool, name) for name in PoolRecord.__slots__})
        with told_by_the_store():
            await self._store.put(pool_key(pool.id), encode(document), storage_class=STANDARD)

    async def pools(self) -> list[PoolRecord]:
        """All custom pools, by id."""
        with told_by_the_store():
            keys = [entry.key async for entry in listing(self._store, POOLS)]
            jobs = [partial(read_document, self._store, Pool, key) for key in keys]
            found = await at_once(jobs, READS_AT_ONCE)
        pools = [PoolRecord(**p.model_dump(exclude={"format"})) for p in found if p is not None]
        return sorted(pools, key=lambda pool: pool.id)

    # Tapes that have, or had, a head

    async def known(self, barcodes: Collection[str]) -> set[str]:
        """Those of these barcodes that the store has a tape of, or had one, of any gateway."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                with told_by_the_store():
                    jobs = [partial(self._is_known, barcode) for barcode in barcodes]
                    known = await at_once(jobs, READS_AT_ONCE)
        except TimeoutError:
            raise StoreUnavailableError(
                f"the object store does not say within {ANSWER_SECONDS} s whether another gateway"
                f" has the barcode {min(barcodes)}: try again"
            ) from None
        return {barcode for barcode, there in zip(barcodes, known, strict=True) if there}

    async def _is_known(self, barcode: str) -> bool:
        try:
            await self._store.head(head_key(barcode))
        except NotFoundError:
            return False
        return True

    async def shred(self, barcode: str) -> None:
        """Destroy the key of a tape in the store.  StorageError where it may be left there."""
        try:
            await push_shredding(self._store, self.gateway, self._vault.label(barcode))
        except (ObjectStoreError, RefusedTapeError) as error:
            raise StorageError(
                f"the key of tape {barcode} is destroyed here, and perhaps not in the object store"
                f" ({error}): run `pyvtl tape shred {barcode}` again until it succeeds"
            ) from error

    # Archived tapes

    async def barcodes(self) -> set[str]:
        """All tapes that the archive may have, of which the head says whether it has."""
        with told_by_the_store():
            keys = [entry.key async for entry in listing(self._store, ARCHIVED)]
        return {key.removeprefix(ARCHIVED) for key in keys}

    async def tapes(self, barcodes: Iterable[str] | None = None) -> list[ArchivedTape]:
        """All tapes that the archive has, or those of the named, also those that are retrieved.

        By barcode.  It takes a request to the store for each of them.
        """
        names = sorted(await self.barcodes() if barcodes is None else barcodes)
        with told_by_the_store():
            found = await at_once([partial(self._find, name) for name in names], READS_AT_ONCE)
        return [tape for tape in found if tape is not None]

    async def _find(self, barcode: str) -> ArchivedTape | None:
        try:
            return archived_tape((await archived_head(self._store, barcode)).head)
        except NotArchivedError:
            return None

    async def show(self, barcode: str) -> ArchivedTape:
        """One tape; TapeNotArchivedError."""
        with told_by_the_store():
            return archived_tape((await archived_head(self._store, barcode)).head)

    async def is_archived(self, barcode: str) -> bool:
        """Whether a tape is in the archive, and in no library."""
        with told_by_the_store():
            tape = await self._find(barcode)
        return tape is not None and tape.status == Status.ARCHIVED

    async def assign(self, barcode: str, pool: PoolRecord, *, bypass: bool) -> None:
        """Have an archived tape in another pool, under its lock from now on.

        Raises RetentionLockedError, PoolChangeError, TapeNotArchivedError.
        """
        now = int(time.time())
        with told_by_the_store():
            held = await archived_head(self._store, barcode)
            about = held.head.archive
            assert about is not None, "archived_head sees to it"
            check_archived(held.head)
            lock = about.retention_lock
            check_unlocked(barcode, lock, about.locked_until, now, bypass=bypass)
            check_class_change(barcode, about.storage_class, pool)
            await self._amend(
                held,
                pool=pool.id,
                pool_entered_at=now,
                retention_started_at=now if lock_end(pool, now) is not None else None,
                retention_lock=pool.retention_lock,
                locked_until=lock_end(pool, now),
            )

    async def retag(
        self, barcode: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> None:
        """Change the tags of an archived tape; TapeNotArchivedError, or what `change` raises."""

        async def attempt() -> None:
            held = await archived_head(self._store, barcode)
            check_archived(held.head)
            assert held.head.archive is not None, "archived_head sees to it"
            before = held.head.archive.tags
            if (after := change(before)) != before:
                await self._amend(held, tags=dict(after))

        with told_by_the_store():
            await although_it_moves(attempt)

    async def _amend(self, held: HeldHead, **changes: object) -> None:
        """Change what the head of an archived tape tells of it."""
        assert held.head.archive is not None, "archived_head sees to it"
        about = held.head.archive.model_copy(update=changes)
        head = held.head.model_copy(update={"archive": about, "nonce": nonce()})
        await commit_head(self._store, head, held)

    async def delete(self, record: TapeRecord) -> None:
        """Delete an archived tape; the lock that the record has of it has been looked at.

        Raises RetentionLockedError if it is under another by now, TapeNotArchivedError.
        """

        def check_lock(head: Head) -> None:
            about, looked_at = head.archive, (record.retention_lock, record.locked_until)
            if about is not None and (about.retention_lock, about.locked_until) != looked_at:
                lock, until = about.retention_lock, about.locked_until
                check_unlocked(record.barcode, lock, until, time.time(), bypass=False)

        with told_by_the_store():
            await self._archiver.delete(record.barcode, check_lock)

    async def claim(
        self, barcode: str, gateway: str | None = None, *, again: bool = False
    ) -> ArchivedTape:
        """Have an archived tape be one that a gateway, or this one, retrieves.

        Another gateway finds its request the next time it looks.  `again` takes up a claim that
        may have been made before.  Raises TapeNotArchivedError, OtherGatewayNotFoundError.
        """
        with told_by_the_store():
            if gateway is not None:
                await self._ask(barcode, gateway)
            owner = gateway or self.gateway
            return archived_tape(await claim(self._store, barcode, owner, again=again))

    async def _ask(self, barcode: str, gateway: str) -> None:
        check_archived((await archived_head(self._store, barcode)).head)
        await check_is_there(self._store, gateway)
        await put_once(self._store, retrieval_key(gateway, barcode), b"\n")

    async def requests(self) -> list[str]:
        """The tapes that other gateways asked this one to retrieve, and that are claimed for it."""
        prefix = retrieval_prefix(self.gateway)
        with told_by_the_store():
            keys = [entry.key async for entry in listing(self._store, prefix)]
            found = [await self._find(key.removeprefix(prefix)) for key in keys]
            mine = [t for t in found if t is not None and t.gateway == self.gateway]
        return [tape.barcode for tape in mine if tape.status == Status.RETRIEVING]

    async def answered(self, barcode: str) -> None:
        """Forget a request: this gateway works on it, or never will."""
        with told_by_the_store():
            await self._store.delete([retrieval_key(self.gateway, barcode)])

    # The work on one tape

    async def push(self, barcode: str) -> None:
        """Have the store hold all of a tape that nobody uses."""
        with told_by_the_store():
            await in_thread(self._vault.uploads.begin, barcode)
            tape = await in_thread(self._vault.at_rest, barcode)
            pushed = await push_tape(self._store, self.gateway, tape, self._retriever.parts)
            await in_thread(self._vault.put_stored, barcode, pushed.stored + pushed.others)

    async def archive(
        self,
        record: TapeRecord,
        pool: PoolRecord,
        used_bytes: int,
        tags: dict[str, str],
        progress: Progress,
    ) -> None:
        """Have a tape in the archive, all of which the store has, or that came from there."""
        with told_by_the_store():
            held = await self._archiver.owned(record.barcode)
            about = archive_of_tape(record, pool, used_bytes, tags, held.head.archive)
            await self._archiver.archive(record.barcode, about, progress)

    async def was_archived(self, barcode: str) -> bool:
        """Whether a tape of ours is in the archive since an attempt before, whoever has it now."""
        with told_by_the_store():
            held = await read_head(self._store, barcode)
        if held is None or held.head.archive is None:
            return False
        return held.head.owner != self.gateway or held.head.state == "archived"

    async def came_from_archive(self, barcode: str) -> bool:
        """Whether a tape was retrieved, so that the archive has all of it."""
        with told_by_the_store():
            held = await self._archiver.owned(barcode)
            return held.head.state in ("archived", "retrieved")

    async def check_key(self, barcode: str) -> None:
        """Raise StorageError unless an encrypted tape of the archive can be opened here.

        Also where this gateway was taken for lost: it has no tapes any more.
        """
        with told_by_the_store():
            await check_not_adopted(self._store, self.gateway)
            head = (await archived_head(self._store, barcode)).head
            key = await wanted_key(self._store, await wanted_manifest(self._store, head))
            if key is not None:
                await in_thread(self._vault.check_key, barcode, key)

    async def fetch(self, barcode: str, progress: Progress) -> None:
        """Have a tape here that this gateway has claimed, read-only."""
        with told_by_the_store():
            brought = await self._retriever.fetch(barcode, progress)
            await in_thread(self._vault.take_in, brought)
            await self._retriever.drop(barcode)
            await set_state(self._store, barcode, self.gateway, "retrieved")

    async def give_back(self, barcode: str, tags: Mapping[str, str] | None = None) -> None:
        """Have a tape that was to be retrieved be one of the archive, with these tags if any."""
        with told_by_the_store():
            await set_state(self._store, barcode, self.gateway, "archived", tags)

    async def drop(self, barcode: str) -> None:
        """Drop what came of a tape that is not to be retrieved; once more is no error."""
        with told_by_the_store():
            await self._retriever.drop(barcode)

    async def tell_deleted(self, barcode: str) -> None:
        """Tell the store that a tape was deleted here."""
        with told_by_the_store():
            labels = await in_thread(self._vault.labels)
            for label in labels:
                if label.barcode == barcode and label.deleted:
                    await push_deletion(self._store, self.gateway, label, self._vault.needed)
                    await in_thread(self._vault.uploads.forget, barcode)
