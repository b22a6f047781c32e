"""Two gateways want one tape: one wins, the other keeps what it has and lets nobody use it."""

import asyncio
from pathlib import Path

import pytest

from pyvtl import Gateway
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from pyvtl.gateway.errors import BarcodeTakenError, StorageError
from tests.faulty_store import Recorded
from tests.initiator import Tape
from tests.integration.test_uploading import (
    TAPE,
    Outage,
    blocks,
    config,
    loaded,
    move,
    restored,
    uploaded,
    write,
)
from tests.pushing import MIB, check_promises, noise
from tests.pushing import Gateway as Taker
from tests.tapes import append, contents
from tests.waiting import until

NEW = "TAPE0002"
NOT_READY, NO_MEDIUM = (2, 0x0403), (2, 0x3A00)


async def status(gateway: Gateway, barcode: str = TAPE) -> str:
    return (await gateway.library.show_tape(barcode)).status


async def is_fenced(gateway: Gateway) -> bool:
    return (await status(gateway)).startswith("FENCED")


async def condition(gateway: Gateway) -> tuple[int, int]:
    """What a host is told that asks whether the drive is ready."""

    def as_host() -> tuple[int, int]:
        port, name = gateway.portals[0].port, gateway.drive_names[0]
        with Tape("127.0.0.1", port, name) as tape:
            tape.command(bytes(6))
            return tape.command(bytes(6)).condition

    return await asyncio.to_thread(as_host)


async def refused(gateway: Gateway, told: tuple[int, int] = NOT_READY) -> bool:
    return await condition(gateway) == told


async def fenced(
    gateway: Gateway, store: ObjectStore, taker: Taker, outage: Outage
) -> tuple[bytes, bytes]:
    """What was on the tape when another gateway took it, and what was written after that.

    The store of the gateway is out while that is written, or else it might hear of it in between.
    """
    before, after = noise(MIB, 1), noise(MIB, 2)
    await loaded(gateway)
    await write(gateway, before)
    await until(lambda: uploaded(store, len(before)))
    (pulled,) = await taker.pull(store, TAPE)
    assert pulled.problem is None
    outage.over.clear()
    await write(gateway, after)
    outage.over.set()
    await until(lambda: is_fenced(gateway))
    return before, after


async def test_the_loser_fences_itself_and_nothing_is_mixed_or_lost(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    taker, outage = Taker(tmp_path / "taker"), Outage()
    store = Recorded(any_store, outage)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        before, after = await fenced(gateway, any_store, taker, outage)
        await until(lambda: refused(gateway))
        assert f"belongs to gateway {taker.id} since epoch 1" in await status(gateway)
        await move(gateway, 10000, 20000)
        made = await gateway.library.recover_tape(TAPE, NEW)
        assert (made.status, made.used_bytes) == ("AVAILABLE", len(before) + len(after))
        await until(lambda: uploaded(any_store, len(before) + len(after), NEW, files=2))
        await check_promises(any_store, TAPE, NEW)
    with taker.vault() as vault:
        append(vault.open(TAPE), b"by the winner", None)
    await taker.push(any_store)
    all_of_it = [*blocks(before), None, *blocks(after), None]
    assert await restored(any_store, tmp_path / "new", NEW) == all_of_it
    winners = await restored(any_store, tmp_path / "third")
    assert winners == [*blocks(before), None, b"by the winner", None]


async def test_a_fenced_tape_stays_so_over_a_restart(tmp_path: Path) -> None:
    memory, outage = MemoryStore(), Outage()
    store = Recorded(memory, outage)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await fenced(gateway, memory, Taker(tmp_path / "taker"), outage)
        dirty_bytes = (await gateway.library.show_tape(TAPE)).dirty_bytes
        assert dirty_bytes > MIB
        assert gateway.vault.dirty_bytes == 0
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        assert await is_fenced(gateway)
        tape = await gateway.library.show_tape(TAPE)
        assert tape.dirty_bytes > 0
        await until(lambda: refused(gateway, NO_MEDIUM))
        with pytest.raises(StorageError, match="fenced"):
            await gateway.library.protect_tape(TAPE, True)


async def test_only_a_fenced_tape_is_recovered_and_only_to_a_new_one(tmp_path: Path) -> None:
    memory, outage = MemoryStore(), Outage()
    store = Recorded(memory, outage)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        await gateway.library.create_tapes(barcode=NEW, size_bytes=MIB)
        with pytest.raises(StorageError, match="TAPE0002 is not fenced"):
            await gateway.library.recover_tape(NEW, "TAPE0003")
        await gateway.library.delete_tape(NEW)
        await fenced(gateway, memory, Taker(tmp_path / "taker"), outage)
        with pytest.raises(BarcodeTakenError):
            await gateway.library.recover_tape(TAPE, NEW)
        with pytest.raises(StorageError, match="in use"):
            await gateway.library.recover_tape(TAPE, "TAPE0003")
        assert [tape.barcode for tape in await gateway.library.list_tapes()] == [TAPE]


async def test_a_fenced_tape_can_be_deleted_and_the_winner_keeps_it(tmp_path: Path) -> None:
    memory, taker, outage = MemoryStore(), Taker(tmp_path / "taker"), Outage()
    store = Recorded(memory, outage)
    async with Gateway(config(tmp_path / "data"), objects=store) as gateway:
        before, _ = await fenced(gateway, memory, taker, outage)
        await move(gateway, 10000, 20000)
        await gateway.library.delete_tape(TAPE)
        await until(lambda: gateway.vault.backlog() == [])
    assert await restored(memory, tmp_path / "third") == [*blocks(before), None]
    with taker.vault() as vault:
        assert contents(vault.open(TAPE)) == [*blocks(before), None]
