"""What fails, or is killed, in the middle of the life of a tape harms no tape."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import archive_prefix
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.pulling import PULLING
from pyvtl.cloud.wrapping import Call
from pyvtl.gateway.errors import WrongStatusError
from pyvtl.gateway.ledger import TapeRecord
from pyvtl.gateway.pools import DEFAULT_POOL
from pyvtl.gateway.states import Status
from tests.disks import DiskInHand
from tests.faulty_store import Halt, Recorded
from tests.pushing import noise
from tests.sites import MIB, TAPE, Site, never
from tests.waiting import until

WRITTEN: list[bytes | None] = [noise(70_000), None, b"last", None]
FULL = [f"FULL000{number}" for number in range(4)]


def fetches_pack(call: Call) -> bool:
    return call.operation == "get" and call.subject.startswith(f"{archive_prefix(TAPE)}packs/")


class Arriving:
    """A gateway to which an archived tape came, under a COMPLIANCE lock, and has no slot yet."""

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.disk, self.halt = DiskInHand(), Halt(fetches_pack)
        self.site = Site(folder, Recorded(store, self.halt), never, files=self.disk)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        async with self.site.running() as site:
            pool = await site.life.pools.create("kept", "DEEP_ARCHIVE", "COMPLIANCE", 10)
            await site.create(TAPE, *WRITTEN, pool=pool.id)
            await site.export()
            await site.settled()
            await site.life.retrieve(TAPE)
            await self.halt.halted.wait()
            for barcode in FULL:
                await site.library.create_tapes(barcode=barcode, size_bytes=MIB)
            self.halt.go.set()
            assert "4 of 4 are full" in await site.problem()
            yield site

    async def cancel(self) -> None:
        """The retrieval is cancelled, and what came of it cannot be deleted."""
        self.disk.failing["unlink"] = errno.EIO
        await self.site.life.cancel_retrieval(TAPE)
        await until(lambda: self.site.status() == "ARCHIVED")
        assert "unlink" in await self.site.problem()
        self.disk.failing.clear()


async def test_a_cancelled_retrieval_is_no_way_to_delete_what_the_archive_locks(
    tmp_path: Path,
) -> None:
    arriving = Arriving(tmp_path / "one", MemoryStore())
    async with arriving.running() as site:
        await arriving.cancel()
        with pytest.raises(
            WrongStatusError, match="is ARCHIVED: wait until the library or the archive has it"
        ):
            await site.life.delete_tape(TAPE)
    async with site.running():
        await site.settled()
        assert (site.status(), await site.archived()) == (None, "ARCHIVED")
        await site.library.delete_tape(FULL[0])
        await site.life.retrieve(TAPE)
        await site.settled()
        assert site.read() == WRITTEN


async def test_what_another_gateway_asked_for_meanwhile_is_not_undone(tmp_path: Path) -> None:
    store = MemoryStore()
    arriving, other = Arriving(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with arriving.running() as site, other.running():
        await arriving.cancel()
        assert await other.archived() == "ARCHIVED"
        await other.life.retrieve(TAPE, site.id)
        await site.library.delete_tape(FULL[0])
    async with site.running():
        await site.settled()
        await site.life.look_for_requests()
        await site.settled()
        assert (site.status(), await site.archived()) == ("RETRIEVED", "RETRIEVED")


async def test_a_tape_is_protected_only_while_it_is_available(tmp_path: Path) -> None:
    async with Arriving(tmp_path / "one", MemoryStore()).running() as site:
        with pytest.raises(WrongStatusError, match="is RETRIEVING: wait until it is AVAILABLE"):
            await site.library.protect_tape(TAPE, True)


async def test_a_creation_that_was_killed_while_it_was_undone_is_undone_at_the_start(
    tmp_path: Path,
) -> None:
    site, records = Site(tmp_path / "one", None), [making(barcode) for barcode in FULL[:2]]
    async with site.running():
        site.library.ledger.begin(records, {}, "token", "request")
        for barcode in FULL[:2]:
            site.vault.create(barcode, MIB)
        site.vault.delete(FULL[0])
    async with site.running():
        assert await site.library.list_tapes() == []
        assert site.vault.volumes() == []
        assert site.library.ledger.made_for("token", "request") is None


def making(barcode: str) -> TapeRecord:
    return TapeRecord(barcode, Status.CREATING, MIB, 0, DEFAULT_POOL)


async def test_a_creation_that_is_undone_at_the_start_takes_no_tape_along_that_has_a_slot(
    tmp_path: Path,
) -> None:
    site, (made, undone) = Site(tmp_path / "one", None), FULL[:2]
    async with site.running():
        await site.create(made, *WRITTEN)
        site.library.ledger.put([making(made)])  # As if the disk had failed at the last step of it.
        site.library.ledger.begin([making(undone)], {}, "token", "request")
        site.vault.create(undone, MIB)
        site.vault.delete(undone)
    async with site.running():
        (tape,) = await site.library.list_tapes()
        assert (tape.barcode, tape.status) == (made, "AVAILABLE")
        assert site.read(made) == WRITTEN


async def test_what_another_gateway_asked_for_is_not_undone_when_a_download_cannot_be_dropped(
    tmp_path: Path,
) -> None:
    store, halt = MemoryStore(), Halt(fetches_pack)
    site, other = Site(tmp_path / "one", Recorded(store, halt), never), Site(tmp_path / "o", store)
    async with site.running(), other.running():
        await site.create(TAPE, *WRITTEN)
        await site.export()
        await site.settled()
        await site.life.retrieve(TAPE)
        await halt.halted.wait()
        in_the_way = site.folder / PULLING / TAPE / "lost+found"
        in_the_way.mkdir()
        await site.life.cancel_retrieval(TAPE)
        await site.problem()
        assert await other.archived() == "ARCHIVED"
        await other.life.retrieve(TAPE, site.id)
        in_the_way.rmdir()
    async with site.running():
        await site.settled()
        assert await other.archived() == "RETRIEVING"
