"""No two tapes of the gateways on one object store ever have the same barcode."""

import asyncio
from pathlib import Path

import pytest

from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import head_key
from pyvtl.cloud.wrapping import Call
from pyvtl.gateway import creation, tape_shelf
from pyvtl.gateway.errors import BarcodeTakenError, StoreUnavailableError
from pyvtl.gateway.ledger import CREATION_DUE, Rule
from tests.faulty_store import Recorded
from tests.pushing import noise
from tests.sites import MIB, TAPE, Site, never


async def pushed(site: Site) -> None:
    """The tape is in the store."""
    await site.create(TAPE, noise(MIB))
    await site.push()


async def test_a_barcode_that_another_gateway_has_in_the_store_is_taken(tmp_path: Path) -> None:
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with one.running(), other.running():
        await pushed(one)
        with pytest.raises(BarcodeTakenError, match="neither have those of two gateways"):
            await other.create(TAPE)
        assert await other.library.list_tapes() == []


async def test_a_barcode_is_taken_after_its_tape_was_deleted_in_the_archive(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with one.running(), other.running():
        await pushed(one)
        await one.export()
        await one.settled()
        await other.life.delete_archived(TAPE)
        await other.settled()
        with pytest.raises(BarcodeTakenError):
            await other.create(TAPE)


async def test_made_up_barcodes_are_those_that_no_gateway_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter([[TAPE, "DEMO0002"], ["DEMO0003"]])
    monkeypatch.setattr(creation, "made_up", lambda _prefix, _taken: iter(next(draws)))
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store)
    async with one.running(), other.running():
        await pushed(one)
        made = await other.library.create_tapes(prefix="DEMO", count=2, size_bytes=MIB)
        assert [tape.barcode for tape in made] == ["DEMO0002", "DEMO0003"]


async def test_automatic_creation_stays_due_while_the_store_does_not_answer(
    tmp_path: Path,
) -> None:
    is_away = True

    async def fail(call: Call) -> None:
        if is_away and call.operation == "head":
            raise UnavailableError("no answer")

    async with Site(tmp_path / "one", Recorded(MemoryStore(), fail), never).running() as site:
        policies = site.life.policies
        await policies.set([Rule("DEMO", "GLACIER", MIB, 2)])
        site.library.ledger.note(CREATION_DUE)
        assert not await policies.apply()
        assert await policies.is_due()
        is_away = False
        assert await policies.apply()
        assert not await policies.is_due()
        assert len(await site.library.list_tapes()) == 2


async def test_a_store_that_hangs_is_not_waited_for_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(call: Call) -> None:
        if call.subject == head_key(TAPE):
            await asyncio.Event().wait()

    monkeypatch.setattr(tape_shelf, "ANSWER_SECONDS", 0.01)
    async with Site(tmp_path / "one", Recorded(MemoryStore(), hang)).running() as site:
        with pytest.raises(StoreUnavailableError, match="does not say within"):
            await site.create(TAPE)
        assert await site.library.list_tapes() == []


async def test_no_tape_is_made_while_the_store_does_not_tell_whether_its_barcode_is_taken(
    tmp_path: Path,
) -> None:
    async def fail(call: Call) -> None:
        if call.subject == head_key(TAPE):
            raise UnavailableError("no answer")

    async with Site(tmp_path / "one", Recorded(MemoryStore(), fail)).running() as site:
        with pytest.raises(StoreUnavailableError):
            await site.create(TAPE)
        assert await site.library.list_tapes() == []
