"""A store is held against itself and a data folder; what can be mended is."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud.checking import BucketCheck, StoreFinding, StoreRepair
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.mending import mend_store
from pyvtl.cloud.names import head_key, key_key, pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.media.known import known_packs
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from tests.pushing import BLANK, MIB, TAPE, Gateway, manifest_of, noise
from tests.s3_clients import bucket_on
from tests.seaweed import Seaweed


@pytest.fixture(params=["memory", "s3"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    server: Seaweed = request.getfixturevalue("s3_server")
    async with bucket_on(server) as store:
        yield store


@pytest.fixture
def one(tmp_path: Path) -> Gateway:
    """A gateway with a tape of two packs."""
    gateway = Gateway(tmp_path / "one")
    gateway.create(TAPE)
    gateway.write(TAPE, noise(100_000), None)
    gateway.write(TAPE, b"second", None)
    return gateway


async def checked(
    gateway: Gateway, store: ObjectStore, *, read_data: bool = False
) -> list[StoreFinding]:
    check = BucketCheck(store, gateway.id, known_packs(gateway.path), read_data=read_data)
    return await check.findings()


async def mended(gateway: Gateway, store: ObjectStore) -> list[str]:
    known = known_packs(gateway.path)
    check = BucketCheck(store, gateway.id, known, read_data=True)
    return await mend_store(store, await check.findings(), check.needs, known)


async def spoil(store: ObjectStore, key: str, at: int) -> None:
    """Change one byte of an object."""
    data = bytearray((await store.get(key)).data)
    data[at] ^= 1
    await store.put(key, bytes(data))


async def test_nothing_is_wrong_with_what_was_pushed(
    any_store: ObjectStore, one: Gateway, tmp_path: Path
) -> None:
    await one.push(any_store)
    assert await checked(one, any_store, read_data=True) == []
    two = Gateway(tmp_path / "two", 16 * MIB, dedup=Scope.POOL)
    await two.push(any_store)
    two.create(BLANK, "DEMO03L5")
    for barcode in (BLANK, "DEMO03L5"):
        two.write(barcode, noise(2 * MIB), None)
    await two.push(any_store)
    assert await checked(two, any_store, read_data=True) == []


async def test_how_much_was_checked_is_told(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    size = sum(entry.length for entry in (await manifest_of(store)).packs)
    for read_data in (False, True):
        told: list[int] = []
        known = known_packs(one.path)
        check = BucketCheck(store, one.id, known, read_data=read_data, advance=told.append)
        await check.findings()
        assert sum(told) == check.needs.bytes == size


async def test_what_is_not_sent_yet_and_what_nobody_needs_is_harmless(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    one.write(TAPE, b"third", None)
    await store.put(pack_key(one.id, secrets.token_hex(16)), b"left over")
    assert await checked(one, store) == [
        StoreFinding(TAPE, "1 packs are here alone yet", harmless=True),
        StoreFinding(
            None, "1 packs of 9 bytes that nobody needs: `pyvtl store collect`", harmless=True
        ),
    ]


async def test_a_pack_that_is_missing_is_told_and_sent_again(
    any_store: ObjectStore, one: Gateway
) -> None:
    await one.push(any_store)
    entry = (await manifest_of(any_store)).packs[0]
    key = pack_key(one.id, entry.pack_id)
    await any_store.delete([key])
    (found,) = await checked(one, any_store)
    assert (found.barcode, found.pack, found.repair) == (TAPE, entry.pack_id, StoreRepair.PACK)
    assert await mended(one, any_store) == []
    assert await checked(one, any_store, read_data=True) == []


async def test_a_pack_of_another_length_or_other_bytes_is_told_and_replaced(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    first, second = (await manifest_of(store)).packs
    await store.put(pack_key(one.id, first.pack_id), b"short")
    await spoil(store, pack_key(one.id, second.pack_id), 5000)
    assert sorted(found.what for found in await checked(one, store)) == sorted(
        [
            f"{pack_key(one.id, first.pack_id)} has 5 bytes, and {first.length} are listed",
            f"{pack_key(one.id, second.pack_id)} is not what was sent",
        ]
    )
    assert await mended(one, store) == []
    assert await checked(one, store, read_data=True) == []


async def test_what_is_wrong_here_too_is_not_sent(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    entry = (await manifest_of(store)).packs[0]
    await store.delete([pack_key(one.id, entry.pack_id)])
    (path,) = (one.path / "tapes" / TAPE).glob(f"*-{entry.pack_id}.segment")
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    assert await mended(one, store) == [
        f"{path} is not what was sent as {pack_key(one.id, entry.pack_id)}"
    ]


async def test_a_pack_of_another_gateway_is_not_replaced_by_us(
    one: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    await one.push(store)
    await other.pull(store)
    other.create()
    entry = (await manifest_of(store)).packs[0]
    await store.put(pack_key(one.id, entry.pack_id), b"short")
    (found,) = await checked(other, store)
    assert (found.pack, found.repair) == (entry.pack_id, None)


async def test_a_map_that_is_missing_or_damaged_is_told_and_made_anew(
    any_store: ObjectStore, one: Gateway
) -> None:
    await one.push(any_store)
    first, _ = (await manifest_of(any_store)).packs
    good = (await any_store.get(first.map)).data
    await spoil(any_store, first.map, first.map_length - 1)
    found = await checked(one, any_store)
    assert {each.repair for each in found if each.pack is not None} == {StoreRepair.MAP}
    assert await mended(one, any_store) == []
    assert (await any_store.get(first.map)).data == good
    await any_store.delete([first.map])
    assert [each.repair for each in await checked(one, any_store)] == [StoreRepair.MAP] * 2
    assert await mended(one, any_store) == []
    assert (await any_store.get(first.map)).data == good
    assert await checked(one, any_store, read_data=True) == []


async def test_a_map_that_is_whole_and_of_another_pack_is_told(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    first, second = (await manifest_of(store)).packs
    data = bytearray((await store.get(first.map)).data)
    header = data[second.map_offset : second.map_offset + 4096]
    data[:4096] = header
    await store.put(first.map, bytes(data))
    found = await checked(one, store)
    assert {each.pack for each in found} == {None, first.pack_id}
    assert await mended(one, store) == []
    assert await checked(one, store, read_data=True) == []


async def test_heads_and_manifests_that_are_wrong_are_told(one: Gateway) -> None:
    store = MemoryStore()
    for number in range(2):
        one.write(TAPE, b"%d" % number, None)
        await one.push(store)
    held = await read_head(store, TAPE)
    assert held is not None
    assert held.head.manifest is not None
    (earlier,) = held.head.earlier
    await store.delete([earlier])
    assert [each.what for each in await checked(one, store)] == [
        f"{earlier} is missing, and its head names it"
    ]
    await store.put(earlier, b"{}")
    (found,) = [each for each in await checked(one, store) if not each.harmless]
    assert f"{earlier} cannot be read" in found.what
    await store.put(head_key(TAPE), b"[]")
    (broken,) = [each for each in await checked(one, store) if not each.harmless]
    assert f"{head_key(TAPE)} cannot be read" in broken.what


async def test_a_head_of_another_tape_and_one_of_another_owner_are_told(
    one: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    await one.push(store)
    await other.pull(store)
    other.create()
    assert await checked(one, store) == [
        StoreFinding(TAPE, f"it belongs to gateway {other.id} since epoch 1", harmless=True)
    ]
    held = await read_head(store, TAPE)
    assert held is not None
    stranger = held.head.model_copy(update={"tape_id": "0" * 32})
    await store.put(head_key(TAPE), stranger.model_dump_json().encode())
    found = [each.what for each in await checked(one, store) if not each.harmless]
    assert found == [
        f"its head is of another tape of this barcode, of gateway {other.id}",
        f"{held.head.manifest} is of another tape",
    ]


async def test_a_key_that_is_missing_is_told(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "one", secret=Secret(bytes(32)))
    gateway.create(TAPE)
    gateway.write(TAPE, b"secret", None)
    await gateway.push(store)
    assert await checked(gateway, store, read_data=True) == []
    key = (await manifest_of(store)).key
    assert key is not None
    await store.delete([key_key(TAPE, key)])
    (found,) = await checked(gateway, store)
    assert "its key" in found.what
