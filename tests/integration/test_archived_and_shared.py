"""Tapes that go to the archive and come back, beside tapes that have packs in common with them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyvtl.cloud.adopting import tapes_of
from pyvtl.cloud.agreement import join, repository_of
from pyvtl.cloud.attaching import attach
from pyvtl.cloud.collecting import collect
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.spans import PARTS_AT_ONCE
from pyvtl.cloud.wrapping import Call, Result, Wrapper
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from pyvtl.store.files import LocalFiles
from pyvtl.store.pack_cache import CacheLimits
from tests.pushing import Gateway, check_promises, manifest_of, noise
from tests.sites import DOOR, MIB, SLOT, TAPE, Site, never

OTHER, THIRD = "OTHER001", "THIRD001"
SHARED: list[bytes | None] = [noise(MIB // 2, 3), noise(MIB // 2, 4), None]
OWNER, REFERS = "BBB001L5", "AAA001L5"
TAKER = "0f0f0f0f"


def sharing(folder: Path, store: MemoryStore) -> Site:
    """A gateway that dedups over all tapes, and can delete what the store has."""
    source = StoreSource(store, asyncio.get_running_loop())
    return Site(folder, store, dedup=Scope.POOL, source=source, cache=CacheLimits(64 * MIB))


async def evict(site: Site) -> None:
    await asyncio.to_thread(site.vault.cache.evict)


async def read(site: Site, barcode: str) -> list[bytes | None]:
    return await asyncio.to_thread(site.read, barcode)


async def archived(site: Site, barcode: str = TAPE) -> None:
    await site.export(barcode)
    await site.settled(barcode)


async def archived_beside_other(site: Site) -> None:
    """OTHER is in the library and in the store; the tape, which refers to it, in the archive."""
    await site.create(OTHER, *SHARED)
    await site.create(TAPE, *SHARED, b"its own", None)
    await pushed(site, OTHER)
    await site.move(DOOR, SLOT + 1)
    await archived(site)


async def retrieved(site: Site) -> None:
    await site.life.retrieve(TAPE)
    await site.settled()


async def pushed(site: Site, barcode: str) -> None:
    assert site.life.shelf is not None
    await site.life.shelf.push(barcode)


async def deleted_from_archive(site: Site) -> None:
    await site.life.delete_archived(TAPE)
    await site.settled()


async def test_what_refers_to_a_retrieved_tape_outlives_its_archive(tmp_path: Path) -> None:
    store = MemoryStore()
    site = sharing(tmp_path / "one", store)
    async with site.running():
        await site.create(TAPE, *SHARED, b"a", None)
        await archived(site)
        await collect(store, site.id, site.vault.needed)
        await retrieved(site)
        await site.create(THIRD, *SHARED, b"x", None)
        await archived(site)
        await site.create(OTHER, b"o", None)
        await pushed(site, OTHER)
        await evict(site)
        await pushed(site, THIRD)
        manifest = await manifest_of(store, THIRD)
        assert [entry.gateway for entry in manifest.others] == [site.id]
        await deleted_from_archive(site)
        await collect(store, site.id, site.vault.needed)
        await check_promises(store, THIRD)
        await evict(site)
        assert await read(site, THIRD) == [*SHARED, b"x", None]


async def test_a_tape_is_not_looked_for_in_the_archive_of_one_that_refers_to_it(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    site = sharing(tmp_path / "one", store)
    async with site.running():
        await archived_beside_other(site)
        await retrieved(site)
        await archived(site)
        await deleted_from_archive(site)
        await evict(site)
        assert await read(site, OTHER) == SHARED


async def test_a_start_takes_nothing_from_a_tape_that_a_retrieved_one_refers_to(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    site = sharing(tmp_path / "one", store)
    async with site.running():
        await archived_beside_other(site)
        await evict(site)
        await retrieved(site)
    async with site.running():
        assert await read(site, OTHER) == SHARED
        assert await read(site, TAPE) == [*SHARED, b"its own", None]
        assert {volume.status for volume in site.vault.volumes()} == {"AVAILABLE"}


async def test_a_tape_that_is_attached_after_one_that_refers_to_it_outlives_that(
    tmp_path: Path,
) -> None:
    store, folder = MemoryStore(), tmp_path / "two"
    lost = Gateway(tmp_path / "lost", 16 * MIB, dedup=Scope.POOL)
    lost.create(REFERS, OWNER)
    lost.write(OWNER, *SHARED)
    lost.write(REFERS, *SHARED)
    await lost.push(store)
    folder.mkdir()
    await join(store, TAKER, folder, await repository_of(store))
    vault = Vault(folder, segment_bytes=16 * MIB, dedup=Scope.POOL)
    problems = [each.problem async for each in attach(store, TAKER, vault, [REFERS, OWNER])]
    assert (problems, await tapes_of(store, TAKER)) == ([None, None], [REFERS, OWNER])
    vault.delete(REFERS)
    assert len(vault._stored.of(OWNER)) == 1
    vault.close()


class Crowded(Wrapper):
    """Counts how many packs are on their way at the same moment."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self._now, self.most = 0, 0

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        if not call.subject.startswith("packs/") or not call.sent:
            return await attempt()
        self._now += 1
        self.most = max(self.most, self._now)
        for _ in range(100):
            await asyncio.to_thread(int)  # Others have their turn.
        try:
            return await attempt()
        finally:
            self._now -= 1


async def test_tapes_that_go_to_the_archive_together_share_the_memory_for_parts(
    tmp_path: Path,
) -> None:
    store = Crowded(MemoryStore())
    barcodes = [f"MANY000{number}" for number in range(8)]
    async with Site(tmp_path / "one", store).running() as site:
        for number, barcode in enumerate(barcodes):
            await site.create(barcode, noise(MIB, number), noise(MIB, number + 8))
            if number < len(barcodes) // 2:
                await site.move(DOOR, SLOT + number)
        await asyncio.gather(*(pushed(site, barcode) for barcode in barcodes))
    assert store.most == PARTS_AT_ONCE


class KilledWhile(LocalFiles):
    """A disk that a kill leaves as it is at the n-th renaming of a segment to its place."""

    def __init__(self, number: int) -> None:
        self.left = number

    def rename(self, source: Path, destination: Path) -> None:
        if destination.suffix == ".segment":
            if not self.left:
                raise OSError("killed")
            self.left -= 1
        super().rename(source, destination)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_kill_while_segments_move_in_leaves_a_tape_to_retrieve(
    tmp_path: Path, number: int, cancelled: bool
) -> None:
    store, written = MemoryStore(), [noise(MIB, 1), None, noise(MIB, 2), None]
    async with Site(tmp_path / "one", store).running() as one:
        await one.create(TAPE, *written)
        await archived(one)
    other = Site(tmp_path / "other", store, never, files=KilledWhile(number))
    async with other.running():
        await other.life.retrieve(TAPE)
        assert "killed" in await other.problem()
    other.about = {}
    async with other.running():
        if cancelled:
            await other.life.cancel_retrieval(TAPE)
            await other.settled()
            assert await other.archived() == "ARCHIVED"
            await retrieved(other)
        await other.settled()
        assert other.status() == "RETRIEVED"
        assert await read(other, TAPE) == written
        assert [volume.barcode for volume in other.vault.volumes()] == [TAPE]
        await archived(other)
        assert await other.archived() == "ARCHIVED"
