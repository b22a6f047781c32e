"""Tapes of a gateway that is lost come to another one, as their last recovery points have them."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pyvtl.cloud import adopting
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.recovering import RecoveryPoint
from pyvtl.gateway.errors import (
    BarcodeTakenError,
    GatewayInUseError,
    NoFreeSlotError,
    OtherGatewayNotFoundError,
    StorageError,
    TapeNotFoundError,
    WrongStatusError,
)
from pyvtl.store.keys import Secret
from tests.pushing import noise
from tests.sites import MIB, TAPE, Site

WRITTEN: list[bytes | None] = [noise(MIB, 1), None, b"last", None]
LATER = [b"never pushed", None]


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[tuple[Site, Site]]:
    """One gateway that is lost after its tape was uploaded, and another one on the same store."""
    store = MemoryStore()
    lost = Site(tmp_path / "lost", store)
    async with lost.running():
        await lost.create(TAPE, *WRITTEN)
        await lost.push()
        lost.write(TAPE, *LATER)
    source = StoreSource(store, asyncio.get_running_loop())
    other = Site(tmp_path / "other", store, source=source)
    async with other.running():
        yield lost, other


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway counts as lost as soon as it says nothing."""
    monkeypatch.setattr(adopting, "CONNECTED_SECONDS", 0)


async def recovered(sites: tuple[Site, Site]) -> Site:
    lost, other = sites
    await other.life.disable(lost.id)
    await other.life.recover(TAPE)
    await other.settled()
    return other


async def test_a_gateway_that_was_connected_lately_is_not_disabled(
    sites: tuple[Site, Site],
) -> None:
    lost, other = sites
    with pytest.raises(GatewayInUseError, match=r"was connected \d+ s ago: only one that"):
        await other.life.disable(lost.id)
    with pytest.raises(GatewayInUseError, match=f"{lost.id} is not disabled: disable it first"):
        await other.life.recover(TAPE)
    with pytest.raises(OtherGatewayNotFoundError, match="knows no gateway 00000000"):
        await other.life.disable("00000000")


async def test_recovery_points_tell_when_they_were_taken(sites: tuple[Site, Site]) -> None:
    lost, other = sites
    assert await other.life.recoverable(lost.id) == [TAPE]
    (point,) = await other.life.recovery_points([TAPE, "NOWHERE1"])
    assert point.taken_at is not None
    assert abs(point.taken_at - time.time()) < 60
    rest = replace(point, taken_at=None, created_at=0)
    assert rest == RecoveryPoint(TAPE, lost.id, None, 1 << 30, 0, worm=False)


@pytest.mark.usefixtures("silent")
async def test_a_tape_comes_read_only_as_its_last_recovery_point_has_it(
    sites: tuple[Site, Site],
) -> None:
    other = await recovered(sites)
    assert other.statuses() == ["RETRIEVING", "RECOVERED"]
    (tape,) = await other.library.list_tapes()
    assert (tape.status, tape.slot is not None) == ("RECOVERED", True)
    assert await asyncio.to_thread(other.read) == WRITTEN
    with pytest.raises(WrongStatusError, match="it stays read-only"):
        await other.library.protect_tape(TAPE, write_protected=False)


@pytest.mark.usefixtures("silent")
async def test_a_recovered_tape_can_be_archived_and_retrieved(sites: tuple[Site, Site]) -> None:
    other = await recovered(sites)
    await other.export()
    await other.settled()
    assert await other.archived() == "ARCHIVED"
    await other.life.retrieve(TAPE)
    await other.settled()
    assert (other.status(), other.read()) == ("RETRIEVED", WRITTEN)


@pytest.mark.usefixtures("silent")
async def test_a_recovered_tape_can_be_deleted(sites: tuple[Site, Site]) -> None:
    other = await recovered(sites)
    await other.life.delete_tape(TAPE)
    await other.settled()
    assert (other.status(), await other.life.recoverable(other.id)) == (None, [])


@pytest.mark.usefixtures("silent")
async def test_a_disabled_gateway_sends_nothing_any_more(
    sites: tuple[Site, Site],
) -> None:
    lost, other = sites
    await other.life.disable(lost.id)
    async with lost.running():
        with pytest.raises(StorageError, match="taken for lost and adopted"):
            await lost.push()
    await other.life.recover(TAPE)
    await other.settled()
    assert await asyncio.to_thread(other.read) == WRITTEN


@pytest.mark.usefixtures("silent")
async def test_a_disabled_gateway_retrieves_nothing_any_more(
    sites: tuple[Site, Site],
) -> None:
    lost, other = sites
    archived = "ARCH0001"
    await other.create(archived)
    await other.export(archived)
    await other.settled(archived)
    await other.life.disable(lost.id)
    async with lost.running():
        with pytest.raises(StorageError, match="taken for lost and adopted"):
            await lost.life.retrieve(archived)
        assert (lost.status(archived), await other.archived(archived)) == (None, "ARCHIVED")


@pytest.mark.usefixtures("silent")
async def test_disabling_goes_on_where_it_was_interrupted(
    sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, other = sites
    await other.life.disable(lost.id)
    monkeypatch.setattr(adopting, "CONNECTED_SECONDS", 900)
    await other.life.disable(lost.id)


@pytest.mark.usefixtures("silent")
async def test_an_encrypted_tape_is_recovered_with_its_key_alone(tmp_path: Path) -> None:
    store = MemoryStore()
    lost = Site(tmp_path / "lost", store, secret=Secret(bytes(range(32)), None), encrypt=True)
    blind = Site(tmp_path / "blind", store)
    async with lost.running():
        await lost.create(TAPE, *WRITTEN)
        await lost.push()
    async with blind.running():
        await blind.life.disable(lost.id)
        with pytest.raises(StorageError, match="no key is given"):
            await blind.life.recover(TAPE)
        assert (blind.status(), await blind.life.recoverable(lost.id)) == (None, [TAPE])


@pytest.mark.usefixtures("silent")
async def test_what_there_is_no_recovery_point_of_is_not_found(sites: tuple[Site, Site]) -> None:
    _, other = sites
    with pytest.raises(TapeNotFoundError, match="tape NOWHERE1: it is not in the store"):
        await other.life.recover("NOWHERE1")
    assert other.library.ledger.tapes() == {}


@pytest.mark.usefixtures("silent")
async def test_a_tape_does_not_come_where_one_of_its_barcode_was(sites: tuple[Site, Site]) -> None:
    lost, other = sites
    await other.life.disable(lost.id)
    other.vault.create(TAPE, MIB)
    other.vault.delete(TAPE)
    with pytest.raises(BarcodeTakenError, match=f"a tape {TAPE} was here before"):
        await other.life.recover(TAPE)


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("deleted", [False, True])
async def test_a_recovery_that_another_gateway_was_faster_with_leaves_nothing_here(
    sites: tuple[Site, Site], tmp_path: Path, deleted: bool
) -> None:
    lost, other = sites
    third = Site(tmp_path / "third", other.store)
    await other.life.disable(lost.id)
    assert other.life.shelf is not None
    async with third.running():
        async with other.life.shelf.turns.turn(TAPE):
            await other.life.recover(TAPE)
            await third.life.recover(TAPE)
            await third.settled()
            if deleted:
                await third.library.delete_tape(TAPE)
                await third.settled()
        await other.settled()
        assert await third.life.recoverable(third.id) == ([] if deleted else [TAPE])
    assert (other.status(), other.statuses()) == (None, ["RETRIEVING", None])
    (failure,) = [e for e in other.life.events.recent if e.newStatus is None]
    faster = f"gateway {third.id} is not disabled: disable it first"
    assert failure.reason == f"tape {TAPE}: {'it was deleted' if deleted else faster}"


@pytest.mark.usefixtures("silent")
async def test_a_recovery_takes_a_free_slot_and_cannot_be_cancelled(
    sites: tuple[Site, Site],
) -> None:
    lost, other = sites
    await other.life.disable(lost.id)
    full = await other.library.create_tapes(prefix="FULL", count=4, size_bytes=MIB)
    with pytest.raises(NoFreeSlotError):
        await other.life.recover(TAPE)
    await other.library.delete_tape(full[0].barcode)
    assert other.life.shelf is not None
    async with other.life.shelf.turns.turn(TAPE):
        await other.life.recover(TAPE)
        with pytest.raises(WrongStatusError, match="not from the archive"):
            await other.life.cancel_retrieval(TAPE)
        with pytest.raises(WrongStatusError, match="is RETRIEVING here"):
            await other.life.recover(TAPE)
    await other.settled()
    assert other.status() == "RECOVERED"
    with pytest.raises(WrongStatusError, match="is RECOVERED here: it lies in this library"):
        await other.life.recover(TAPE)


@pytest.mark.usefixtures("silent")
async def test_a_tape_that_a_lost_gateway_had_retrieved_is_in_the_archive_again(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    lost, other = Site(tmp_path / "lost", store), Site(tmp_path / "other", store)
    async with lost.running():
        await lost.create(TAPE, *WRITTEN)
        await lost.export()
        await lost.settled()
        await lost.life.retrieve(TAPE)
        await lost.settled()
    async with other.running():
        assert await other.archived() == "RETRIEVED"
        await other.life.disable(lost.id)
        assert await other.archived() == "ARCHIVED"
        await other.life.retrieve(TAPE)
        await other.settled()
        assert other.read() == WRITTEN
