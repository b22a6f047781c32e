"""Tapes leave the library for the archive, and come back from it, to this or another gateway."""

import asyncio
from pathlib import Path

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import archive_prefix, archived_key
from pyvtl.cloud.objects import Content, ObjectStore, listing
from pyvtl.gateway.errors import (
    NoFreeSlotError,
    NoStoreError,
    OtherGatewayNotFoundError,
    PoolChangeError,
    PoolInUseError,
    RetentionLockedError,
    StorageError,
    TapeNotArchivedError,
    TapeRetrievedError,
    WrongStatusError,
)
from pyvtl.gateway.ledger import CREATION_DUE, Rule
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from pyvtl.store.pack_cache import CacheLimits
from tests.glacier import GlacierStore
from tests.pack_sources import MemorySource
from tests.pushing import noise
from tests.sites import DOOR, MIB, RESTORE_POLL_SECONDS, SLOT, TAPE, Site

WRITTEN: list[bytes | None] = [noise(MIB, 1), None, noise(MIB, 2), b"last", None]
TO_THE_ARCHIVE = ["CREATING", "AVAILABLE", "IN TRANSIT TO VTS", "ARCHIVING", "ARCHIVED"][1:]


async def keys(store: ObjectStore, prefix: str) -> list[str]:
    return sorted([entry.key async for entry in listing(store, prefix)])


async def test_archived_on_one_gateway_and_restored_on_another_byte_for_byte(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    one, other = Site(tmp_path / "one", any_store), Site(tmp_path / "other", any_store)
    async with one.running(), other.running():
        await one.create(TAPE, *WRITTEN)
        await one.export()
        assert TAPE not in one.library.changer.inventory
        await one.settled()
        assert one.statuses() == TO_THE_ARCHIVE
        assert (one.status(), await one.archived(), await one.library.list_tapes()) == (
            None,
            "ARCHIVED",
            [],
        )
        await other.life.retrieve(TAPE)
        await other.settled()
        assert other.statuses() == ["RETRIEVING", "RETRIEVED"]
        assert other.read() == WRITTEN
        (tape,) = await other.library.list_tapes()
        assert (tape.status, tape.write_protected, tape.slot) == ("RETRIEVED", True, 5)
        assert await one.archived() == "RETRIEVED"


async def test_a_blank_tape_goes_and_comes_back(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE)
        await site.export()
        await site.settled()
        await site.life.retrieve(TAPE)
        await site.settled()
        assert (site.status(), site.read()) == ("RETRIEVED", [])


async def test_a_retrieved_tape_goes_back_without_being_copied(tmp_path: Path) -> None:
    store = MemoryStore()
    async with Site(tmp_path / "one", store).running() as site:
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        before = await keys(store, archive_prefix(TAPE))
        for _ in range(2):
            await site.life.retrieve(TAPE)
            await site.settled()
            await site.export()
            await site.settled()
        assert site.statuses()[-4:] == ["RETRIEVING", "RETRIEVED", "ARCHIVING", "ARCHIVED"]
        assert await keys(store, archive_prefix(TAPE)) == before
        await site.life.retrieve(TAPE)
        await site.settled()
        assert site.read() == WRITTEN


async def test_a_retrieved_tape_is_here_whole_however_small_the_cache_is(tmp_path: Path) -> None:
    nothing_else = MemorySource()
    small = CacheLimits(MIB)
    site = Site(tmp_path / "one", MemoryStore(), source=nothing_else, cache=small)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        await site.life.retrieve(TAPE)
        await site.settled()
        assert site.read() == WRITTEN
        assert nothing_else.fetched == []


async def test_the_archive_stands_by_itself(tmp_path: Path) -> None:
    store = MemoryStore()
    async with Site(tmp_path / "one", store).running() as site:
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        await store.delete([*await keys(store, "packs/"), *await keys(store, "maps/")])
        await site.life.retrieve(TAPE)
        await site.settled()
        assert site.read() == WRITTEN


async def test_an_encrypted_tape_takes_its_key_along_and_needs_the_master_key(
    tmp_path: Path,
) -> None:
    store, secret = MemoryStore(), Secret(bytes(range(32)), None)
    one = Site(tmp_path / "one", store, secret=secret, encrypt=True)
    blind = Site(tmp_path / "blind", store)
    other = Site(tmp_path / "other", store, secret=secret)
    async with one.running():
        await one.create(TAPE, *WRITTEN)
        await one.export()
        await one.settled()
    async with blind.running(), other.running():
        with pytest.raises(StorageError, match="no key is given"):
            await blind.life.retrieve(TAPE)
        assert await other.archived() == "ARCHIVED"
        await other.life.retrieve(TAPE)
        await other.settled()
        assert other.read() == WRITTEN


async def test_a_tape_that_refers_to_another_stands_by_itself_in_the_archive(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    one = Site(tmp_path / "one", store, dedup=Scope.POOL)
    other = Site(tmp_path / "other", store)
    repeated: list[bytes | None] = [noise(MIB // 2, 3), noise(MIB // 2, 4), None]
    async with one.running():
        await one.create("FIRST001", *repeated, *repeated)
        await one.create(TAPE, *repeated, b"its own", None)
        await one.move(DOOR, SLOT + 1)
        await one.export()
        await one.settled()
        await store.delete([*await keys(store, "packs/"), *await keys(store, "maps/")])
    async with other.running():
        await other.life.retrieve(TAPE)
        await other.settled()
        assert other.read() == [*repeated, b"its own", None]
        assert (tmp_path / "other" / "tapes" / f"{TAPE}-needs").exists()
    async with other.running():
        assert other.read() == [*repeated, b"its own", None]
        await other.export()
        await other.settled()
        assert not list((tmp_path / "other" / "tapes" / f"{TAPE}-needs").glob("*.segment"))


async def test_a_move_between_two_import_export_slots_is_no_export(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE)
        await site.move(DOOR, DOOR + 1)
        assert site.status() == "AVAILABLE"
        await site.move(DOOR + 1, SLOT)
        await site.move(SLOT, SLOT + 1)
        assert site.status() == "AVAILABLE"
        assert site.library.changer.inventory.place_of(TAPE).address == SLOT + 1


async def test_without_a_store_a_tape_stays_in_the_import_export_slot(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", None).running() as site:
        await site.create(TAPE)
        await site.export()
        assert site.status() == "AVAILABLE"
        assert site.library.changer.inventory.place_of(TAPE).address == DOOR
        with pytest.raises(NoStoreError, match=r"set store\.url"):
            await site.life.archive(TAPE)


async def test_management_may_archive_a_tape_too(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE)
        await site.life.archive(TAPE)
        await site.settled()
        assert await site.archived() == "ARCHIVED"
        with pytest.raises(TapeNotArchivedError, match="there is no tape NOTHERE1 in the archive"):
            await site.life.show_archived("NOTHERE1")


class Held:
    """A sleep that lasts until it is let go; `asleep` says that a restore is waited for."""

    def __init__(self) -> None:
        self.asleep, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        if seconds != RESTORE_POLL_SECONDS:
            await asyncio.Event().wait()
        self.asleep.set()
        await self.go.wait()


async def test_glacier_is_asked_to_restore_and_asked_again_until_it_has(tmp_path: Path) -> None:
    store, held = GlacierStore(), Held()
    site = Site(tmp_path / "one", store)
    async with site.running():
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
    site.sleep = held
    async with site.running():
        await site.life.retrieve(TAPE)
        await held.asleep.wait()
        assert site.status() == "RETRIEVING"
        packs = await keys(store, archive_prefix(TAPE) + "packs/")
        assert store.restored_days == dict.fromkeys(packs, 7)
        store.thaw()
        held.go.set()
        await site.settled()
        assert site.read() == WRITTEN


async def test_a_retrieval_that_is_cancelled_leaves_the_tape_in_the_archive(tmp_path: Path) -> None:
    store = GlacierStore()
    async with Site(tmp_path / "one", store).running() as site:
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        await site.life.retrieve(TAPE)
        await site.life.cancel_retrieval(TAPE)
        await site.settled()
        assert (site.status(), await site.archived()) == (None, "ARCHIVED")
        assert site.statuses()[-2:] == ["RETRIEVING", "ARCHIVED"]


async def test_archival_is_cancelled_while_the_upload_is_waited_for(tmp_path: Path) -> None:
    store = Unreachable()
    async with Site(tmp_path / "one", store).running() as site:
        await site.create(TAPE, *WRITTEN)
        store.out = True
        await site.export()
        await store.asked.wait()
        tape = await site.life.cancel_archival(TAPE)
        assert (tape.status, tape.slot) == ("AVAILABLE", 5)
        with pytest.raises(WrongStatusError, match="only while it is IN TRANSIT TO VTS"):
            await site.life.cancel_archival(TAPE)


class Unreachable(MemoryStore):
    """Gives no answer to a read while it is `out`."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.asked = False, asyncio.Event()

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        if self.out:
            self.asked.set()
            await asyncio.Event().wait()
        return await super().get(key, start, length)


async def test_of_two_gateways_one_gets_the_tape_and_the_other_the_error(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    one, other = Site(tmp_path / "one", any_store), Site(tmp_path / "other", any_store)
    async with one.running(), other.running():
        await one.create(TAPE, *WRITTEN)
        await one.export()
        await one.settled()
        outcomes = await asyncio.gather(
            one.life.retrieve(TAPE), other.life.retrieve(TAPE), return_exceptions=True
        )
        await one.settled()
        await other.settled()
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert [type(outcome) for outcome in refused] == [TapeNotArchivedError]
        assert sorted([one.status() or "", other.status() or ""]) == ["", "RETRIEVED"]
        winner = one if one.status() else other
        assert winner.read() == WRITTEN
        loser = other if winner is one else one
        with pytest.raises(TapeNotArchivedError, match=f"by gateway {winner.id}"):
            await loser.life.retrieve(TAPE)


async def test_a_tape_is_retrieved_to_the_gateway_that_is_named(tmp_path: Path) -> None:
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with one.running(), other.running():
        await one.create(TAPE, *WRITTEN)
        await one.export()
        await one.settled()
        with pytest.raises(OtherGatewayNotFoundError, match="no gateway 00000000"):
            await one.life.retrieve(TAPE, "00000000")
        await one.life.retrieve(TAPE, other.id)
        assert await one.archived() == "RETRIEVING"
        await other.life.look_for_requests()
        await other.settled()
        assert (other.status(), other.read()) == ("RETRIEVED", WRITTEN)
        assert await keys(store, "retrievals/") == []


async def test_a_retrieval_needs_a_free_import_export_slot(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        await site.create(TAPE)
        await site.export()
        await site.settled()
        await site.library.create_tapes(prefix="FULL", count=4, size_bytes=MIB)
        with pytest.raises(NoFreeSlotError, match="4 of 4 are full"):
            await site.life.retrieve(TAPE)


async def test_deleting_refuses_what_is_retrieved_and_deletes_what_is_archived(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    async with Site(tmp_path / "one", store).running() as site:
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        await site.life.retrieve(TAPE)
        await site.settled()
        with pytest.raises(TapeRetrievedError, match="move it to an import/export slot first"):
            await site.life.delete_tape(TAPE)
        with pytest.raises(TapeRetrievedError, match="export it there"):
            await site.life.delete_archived(TAPE)
        await site.export()
        await site.settled()
        await site.life.delete_archived(TAPE)
        await site.settled()
        assert site.statuses()[-2:] == ["DELETING", "DELETED"]
        assert (
            await keys(store, archive_prefix(TAPE)) == await keys(store, archived_key(TAPE)) == []
        )
        with pytest.raises(TapeNotArchivedError):
            await site.life.show_archived(TAPE)


@pytest.mark.parametrize(("lock", "passed"), [("GOVERNANCE", True), ("COMPLIANCE", False)])
async def test_a_lock_keeps_an_archived_tape_where_it_is(
    tmp_path: Path, lock: str, passed: bool
) -> None:
    async with Site(tmp_path / "one", MemoryStore()).running() as site:
        pool = await site.life.pools.create("kept", "DEEP_ARCHIVE", lock, 10)
        await site.create(TAPE, pool=pool.id)
        await site.export()
        await site.settled()
        with pytest.raises(PoolInUseError, match=f"tape {TAPE} is in pool"):
            await site.life.pools.delete(pool.id)
        for attempt in (
            site.life.delete_archived(TAPE),
            site.life.assign_pool(TAPE, "DEEP_ARCHIVE"),
        ):
            with pytest.raises(RetentionLockedError, match=f"under a {lock} retention lock"):
                await attempt
        if passed:
            with pytest.raises(PoolChangeError):
                await site.life.assign_pool(TAPE, "GLACIER", bypass_governance=True)
            await site.life.delete_archived(TAPE, bypass_governance=True)
            await site.settled()
            assert site.statuses()[-1] == "DELETED"
        else:
            with pytest.raises(RetentionLockedError):
                await site.life.delete_archived(TAPE, bypass_governance=True)


async def test_a_pool_of_one_gateway_is_a_pool_of_all(tmp_path: Path) -> None:
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with one.running(), other.running():
        pool = await one.life.pools.create("kept", "GLACIER", "GOVERNANCE", 1)
        assert await other.life.pools.active(pool.id) == pool


async def test_an_imported_tape_is_followed_by_a_new_one(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", None).running() as site:
        await site.life.policies.set([Rule("DEMO", "GLACIER", MIB, 2, worm=True)])
        await site.create(TAPE)
        await site.move(DOOR, SLOT)
        await site.life.policies.apply()
        tapes = await site.library.list_tapes()
        new = [tape for tape in tapes if tape.barcode != TAPE]
        assert {(tape.slot, tape.worm, tape.size_bytes) for tape in new} == {
            (5, True, MIB),
            (6, True, MIB),
        }
        await site.move(SLOT, DOOR + 2)
        await site.life.policies.apply()
        assert len(await site.library.list_tapes()) == 3


async def test_an_import_before_a_crash_is_followed_by_new_tapes_after_it(tmp_path: Path) -> None:
    site = Site(tmp_path / "one", None)
    async with site.running():
        await site.life.policies.set([Rule("DEMO", "GLACIER", MIB, 2)])
        site.library.ledger.note(CREATION_DUE)
    async with site.running():
        while await site.life.policies.is_due():  # noqa: ASYNC110 - the end of it is told to nobody
            await asyncio.sleep(0)
        assert len(await site.library.list_tapes()) == 2


async def test_the_same_client_token_makes_no_second_tape(tmp_path: Path) -> None:
    async with Site(tmp_path / "one", None).running() as site:
        wanted = {"prefix": "DEMO", "count": 2, "size_bytes": MIB, "client_token": "token-1"}
        first = await site.library.create_tapes(**wanted)  # type: ignore[arg-type] # of several types
        again = await site.library.create_tapes(**wanted)  # type: ignore[arg-type] # of several types
        assert first == again == await site.library.list_tapes()
