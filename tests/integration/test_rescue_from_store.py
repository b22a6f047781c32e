"""A tape is read straight from the store: no data folder, no server, and nothing changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from pyvtl.cloud.agreement import repository_of
from pyvtl.cloud.ahead import PIECE_BYTES, PackAhead
from pyvtl.cloud.documents import encode
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import REPOSITORY, pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.rescue import contents_of, read_tape
from pyvtl.store.dedup import Scope
from pyvtl.store.errors import DamageError, LockedError
from pyvtl.store.keys import Secret
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.stored import StoredPack
from tests.faulty_store import FailsOnce, Recorded
from tests.pushing import BLANK, MIB, TAPE, Gateway, manifest_of, noise
from tests.s3_clients import bucket_on
from tests.seaweed import Seaweed

SECRET = Secret(bytes(range(32)))
DATA = [noise(MIB, seed) for seed in range(3)]


@pytest.fixture(params=["memory", "s3"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    server: Seaweed = request.getfixturevalue("s3_server")
    async with bucket_on(server) as store:
        yield store


async def files_of(
    store: ObjectStore, barcode: str = TAPE, secret: Secret | None = None
) -> list[bytes]:
    """The bytes of every file of a tape."""
    source = StoreSource(store, asyncio.get_running_loop())
    folder, packs = await read_tape(store, source, barcode)

    def read() -> list[bytes]:
        with closing(contents_of(folder, packs, secret)) as contents:
            assert contents.damage == []
            return [b"".join(contents.read(file)) for file in contents.files()]

    return await asyncio.to_thread(read)


async def test_all_files_of_a_tape_are_read_and_it_stays_whose_it_is(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path / "one", 2 * MIB)
    gateway.create(TAPE)
    gateway.write(TAPE, *DATA, None, b"second", None)
    gateway.write(TAPE, b"third")
    await gateway.push(any_store)
    before = await read_head(any_store, TAPE)
    assert await files_of(any_store) == [b"".join(DATA), b"second", b"third"]
    assert await read_head(any_store, TAPE) == before


async def test_what_it_refers_to_on_other_tapes_is_read_too(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "two", 16 * MIB, dedup=Scope.POOL)
    gateway.create(TAPE, BLANK)
    for barcode in (TAPE, BLANK):
        gateway.write(barcode, *DATA, None)
    await gateway.push(store)
    assert (await manifest_of(store, BLANK)).others != ()
    assert await files_of(store, BLANK) == [b"".join(DATA)]


async def test_an_encrypted_tape_takes_its_key(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "locked", secret=SECRET)
    gateway.create(TAPE)
    gateway.write(TAPE, b"secret", None)
    await gateway.push(store)
    assert await files_of(store, secret=SECRET) == [b"secret"]
    for wrong in (None, Secret(bytes(32))):
        with pytest.raises(LockedError):
            await files_of(store, secret=wrong)


async def test_a_pack_that_was_changed_in_the_store_is_told(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "one", 16 * MIB)
    gateway.create(TAPE)
    gateway.write(TAPE, *DATA, None)
    await gateway.push(store)
    (entry,) = (await manifest_of(store)).packs
    key = pack_key(entry.gateway, entry.pack_id)
    data = bytearray((await store.get(key)).data)
    data[MIB] ^= 1
    await store.put(key, data)
    with pytest.raises(DamageError, match="is damaged"):
        await files_of(store)


async def test_blocks_are_held_against_their_hashes(tmp_path: Path) -> None:
    """With another hash key than that of the tape, nothing that is read is believed."""
    store, gateway = MemoryStore(), Gateway(tmp_path / "one")
    gateway.create(TAPE)
    gateway.write(TAPE, b"first", None)
    await gateway.push(store)
    repository = await repository_of(store)
    other = repository.model_copy(update={"hash_key": "00" * 32})
    await store.put(REPOSITORY, encode(other))
    with pytest.raises(DamageError, match="is not what was written"):
        await files_of(store)


async def large_pack(store: MemoryStore) -> tuple[StoredPack, bytes]:
    """A pack of some pieces and a bit, and what is in it."""
    size = 5 * PIECE_BYTES + 10
    pack, data = StoredPack(bytes(16), "0" * 8, size, 0, "", 0, 0), noise(size)
    await store.put(pack_key(pack.gateway, pack.pack_id.hex()), data)
    return pack, data


async def test_reading_in_a_row_asks_for_the_next_pieces_before_they_are_wanted() -> None:
    recorded = Recorded(store := MemoryStore())
    pack, data = await large_pack(store)
    ahead = PackAhead(StoreSource(recorded, asyncio.get_running_loop()), pack)
    assert await asyncio.to_thread(ahead.read, 0, 100) == data[:100]
    assert len(recorded.made) == 4
    for at in range(100, pack.length, 3 * MIB):
        assert await asyncio.to_thread(ahead.read, at, 3 * MIB) == data[at : at + 3 * MIB]
    assert len(recorded.made) == 6
    assert await asyncio.to_thread(ahead.read, pack.length, 1) == b""
    ahead.close()


async def test_reading_here_and_there_fetches_no_more_than_it_needs() -> None:
    recorded = Recorded(store := MemoryStore())
    pack, data = await large_pack(store)
    ahead = PackAhead(StoreSource(recorded, asyncio.get_running_loop()), pack)
    for at in (2 * PIECE_BYTES, 4 * PIECE_BYTES):
        assert await asyncio.to_thread(ahead.read, at, 100) == data[at : at + 100]
    assert len(recorded.made) == 2
    ahead.close()


async def test_a_piece_that_did_not_come_is_asked_for_again() -> None:
    store = MemoryStore()
    pack, data = await large_pack(store)
    ahead = PackAhead(StoreSource(FailsOnce(store, 1), asyncio.get_running_loop()), pack)
    with pytest.raises(UnreachableError):
        await asyncio.to_thread(ahead.read, MIB, 100)
    assert await asyncio.to_thread(ahead.read, MIB, 100) == data[MIB : MIB + 100]
    ahead.close()
