"""A tape in the store can be read from it alone: keys and packs of other tapes go with it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from pyvtl.cloud.documents import Manifest, encode
from pyvtl.cloud.errors import UnavailableError, UnsupportedError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import key_key, key_prefix, pack_key
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.pulling import Pulled
from pyvtl.cloud.pushing import Pushed
from pyvtl.cloud.tape_keys import shred_key
from pyvtl.cloud.wrapping import Call
from pyvtl.media.checking import StoreCheck
from pyvtl.media.medium import MediumError, Position
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from tests.faulty_store import FailsOnce, Recorded
from tests.pushing import BLANK, MIB, TAPE, Gateway, check_promises, manifest_of, noise
from tests.s3_clients import bucket_on
from tests.seaweed import Seaweed
from tests.tapes import as_medium, contents

SECRET = Secret(bytes(range(32)))
DATA = noise(2 * MIB, 7)
RECORDS = [DATA[at : at + MIB] for at in range(0, len(DATA), MIB)]
"""Long enough a run that a second tape refers to it."""
FIRST, SECOND = TAPE, BLANK


@pytest.fixture(params=["memory", "s3", "versioned s3"])
async def any_store(request: pytest.FixtureRequest) -> AsyncIterator[ObjectStore]:
    """S3 with versions too, as those outlive a delete."""
    if request.param == "memory":
        yield MemoryStore()
        return
    server: Seaweed = request.getfixturevalue("s3_server")
    async with bucket_on(server) as store:
        if request.param == "versioned s3":
            await store._client.put_bucket_versioning(
                Bucket=store._bucket.name, VersioningConfiguration={"Status": "Enabled"}
            )
        yield store


@pytest.fixture
def locked(tmp_path: Path) -> Gateway:
    """A gateway with an encrypted tape."""
    gateway = Gateway(tmp_path / "locked", secret=SECRET)
    gateway.create(TAPE)
    gateway.write(TAPE, b"secret", None)
    return gateway


@pytest.fixture
def twice(tmp_path: Path) -> Gateway:
    """A gateway with the same data on two tapes: the second refers to the first."""
    gateway = Gateway(tmp_path / "twice", 16 * MIB, dedup=Scope.POOL)
    gateway.create(FIRST, SECOND)
    gateway.write(FIRST, *RECORDS, None)
    gateway.write(SECOND, *RECORDS, None)
    return gateway


def read(gateway: Gateway, barcode: str = TAPE) -> list[bytes | None]:
    with gateway.vault() as vault:
        return contents(vault.open(barcode))


def faults(gateway: Gateway) -> list[str]:
    return [found.what for found in StoreCheck(gateway.path, read_data=True).findings()]


async def test_an_encrypted_tape_goes_with_its_key_and_is_read_elsewhere(
    any_store: ObjectStore, locked: Gateway, tmp_path: Path
) -> None:
    (pushed,) = await locked.push(any_store)
    assert pushed.problem is None
    await check_promises(any_store, TAPE)
    other = Gateway(tmp_path / "other", secret=SECRET)
    await other.pull(any_store)
    assert other.files() == {**locked.files(), "tape.json": other.files()["tape.json"]}
    assert read(other) == [b"secret", None]


async def test_an_encrypted_tape_that_was_pulled_is_not_read_without_the_key(
    locked: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    await locked.push(store)
    await other.pull(store)
    with pytest.raises(MediumError, match="is encrypted, and no key is given"):
        read(other)


async def test_the_key_is_in_the_store_before_the_tape(locked: Gateway) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store = MemoryStore()
        faulty = FailsOnce(store, fail_at)
        try:
            await locked.push(faulty)
        except UnavailableError:
            await check_promises(store, TAPE)
        failed = faulty.calls >= fail_at
    assert fail_at > 8


async def test_a_shredded_tape_has_no_version_of_its_key_in_the_store(
    any_store: ObjectStore, locked: Gateway, tmp_path: Path
) -> None:
    await locked.push(any_store)
    before = await manifest_of(any_store)
    with locked.vault() as vault:
        vault.shred(TAPE)
    assert await locked.push(any_store) == [Pushed(TAPE, shredded=True)]
    assert [entry.key async for entry in listing(any_store, key_prefix(TAPE))] == []
    if hasattr(any_store, "_versions"):
        assert await any_store._versions(key_prefix(TAPE)) == []
    assert await manifest_of(any_store) == before
    other = Gateway(tmp_path / "other", secret=SECRET)
    await other.pull(any_store)
    with pytest.raises(MediumError, match="was shredded"):
        read(other)


class KeepsVersions(MemoryStore):
    """A store in which nothing is ever quite gone."""

    async def erase(self, prefix: str) -> None:
        raise UnsupportedError(f"{prefix}: a version is left of what was removed")


async def test_shredding_is_not_said_to_be_done_where_a_version_of_the_key_is_left(
    locked: Gateway,
) -> None:
    store = KeepsVersions()
    await locked.push(store)
    with locked.vault() as vault:
        vault.shred(TAPE)
    (refused,) = await locked.push(store)
    assert refused.problem == (
        f"tape {TAPE}: its key is destroyed here, but perhaps not in the store:"
        f" keys/{TAPE}/: a version is left of what was removed"
    )


async def test_a_shredding_that_fails_at_any_call_is_done_by_the_next_push(
    locked: Gateway, tmp_path: Path
) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store, gateway = MemoryStore(), Gateway(tmp_path / str(fail_at), secret=SECRET)
        shutil.copytree(locked.path, gateway.path)
        await gateway.push(store)
        with gateway.vault() as vault:
            vault.shred(TAPE)
        faulty = FailsOnce(store, fail_at, lose_answer=True)
        with suppress(UnavailableError):
            await gateway.push(faulty)
        failed = faulty.calls >= fail_at
        assert await gateway.push(store) == [Pushed(TAPE, shredded=True)]
        assert [entry.key async for entry in listing(store, key_prefix(TAPE))] == []
    assert fail_at > 3


async def test_a_tape_that_is_shredded_at_any_call_of_its_push_leaves_no_key(
    locked: Gateway, tmp_path: Path
) -> None:
    """The push has the key in memory, and may send it after the shredding."""
    stop_at, made = 0, 1
    while made > stop_at:
        stop_at += 1
        store = MemoryStore()
        made = await shredded_during(locked, store, stop_at)
        assert [entry.key async for entry in listing(store, key_prefix(TAPE))] == []
        await check_promises(store, TAPE)
    assert stop_at > 6


async def shredded_during(gateway: Gateway, store: ObjectStore, stop_at: int) -> int:
    """Push, and destroy the key in the store before that call; gives how many there were."""
    made = 0

    async def shred(_call: Call) -> None:
        nonlocal made
        made += 1
        if made == stop_at:
            await shred_key(store, TAPE)

    await gateway.push(Recorded(store, shred))
    return made


async def test_a_key_that_is_missing_or_changed_is_told_and_nothing_is_pulled(
    locked: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    await locked.push(store)
    key = (await manifest_of(store)).key
    assert key is not None
    await store.put(key_key(TAPE, key), b"{}")
    (changed,) = await other.pull(store)
    assert (
        changed.problem == f"tape {TAPE}: {key_key(TAPE, key)} in the store is not the key it was"
    )
    await store.delete([key_key(TAPE, key)])
    (missing,) = await other.pull(store)
    assert missing.problem == (
        f"tape {TAPE}: it is encrypted, and its key {key_key(TAPE, key)} is missing in the store"
    )


async def test_a_tape_goes_with_the_packs_of_other_tapes_that_it_refers_to(
    any_store: ObjectStore, twice: Gateway, tmp_path: Path
) -> None:
    await twice.push(any_store)
    first, second = await manifest_of(any_store, FIRST), await manifest_of(any_store, SECOND)
    assert (first.others, [e.pack_id for e in second.others]) == (
        (),
        [entry.pack_id for entry in first.packs],
    )
    await check_promises(any_store, FIRST, SECOND)
    other = Gateway(tmp_path / "other")
    (pulled,) = await other.pull(any_store, SECOND)
    assert pulled.problem is None
    assert read(other, SECOND) == [*RECORDS, None]
    assert faults(other) == []


async def test_what_a_deleted_tape_left_for_another_goes_with_that_one(
    twice: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    with twice.vault() as vault:
        vault.delete(FIRST)
    await twice.push(store)
    await check_promises(store, SECOND)
    await other.pull(store)
    assert read(other, SECOND) == [*RECORDS, None]


async def test_a_tape_goes_with_what_it_keeps_of_its_own_past(tmp_path: Path) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other", secret=SECRET)
    gateway = Gateway(tmp_path / "one", 16 * MIB, dedup=Scope.TAPE, secret=SECRET)
    gateway.create(TAPE)
    gateway.write(TAPE, *RECORDS, None)
    with gateway.vault() as vault:
        tape = vault.open(TAPE)
        tape.start_writing(Position())
        tape.append(as_medium([*RECORDS, None]))
        tape.sync()
    await gateway.push(store)
    manifest = await manifest_of(store)
    assert (manifest.generation, len(manifest.others)) == (1, 1)
    await other.pull(store)
    for _ in range(2):
        assert read(other) == [*RECORDS, None]


async def test_packs_that_a_pulled_tape_refers_to_stay_as_long_as_it_does(
    twice: Gateway, tmp_path: Path
) -> None:
    store, other = MemoryStore(), Gateway(tmp_path / "other")
    await twice.push(store)
    other.create()
    await other.pull(store, SECOND)
    needs = other.path / "tapes" / f"{SECOND}-needs"
    for _ in range(2):
        assert read(other, SECOND) == [*RECORDS, None]
    assert len(list(needs.glob("*.segment"))) == 1
    with other.vault() as vault:
        vault.delete(SECOND)
    assert list(needs.glob("*.segment")) == []


async def test_a_pull_with_packs_of_others_that_fails_anywhere_goes_on(
    twice: Gateway, tmp_path: Path
) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store, other = MemoryStore(), Gateway(tmp_path / str(fail_at))
        await twice.push(store)
        faulty = FailsOnce(store, fail_at, lose_answer=True)
        try:
            await other.pull(faulty, SECOND)
        except UnavailableError:
            with other.vault() as vault:
                assert SECOND not in vault.barcodes()
            await other.pull(store, SECOND)
        failed = faulty.calls >= fail_at
        assert read(other, SECOND) == [*RECORDS, None]
    assert fail_at > 6


async def test_a_pack_that_is_referred_to_and_missing_is_told(twice: Gateway) -> None:
    store = MemoryStore()
    (segment,) = (twice.path / "tapes" / FIRST).glob("*.segment")
    segment.unlink()
    _, second = await twice.push(store)
    assert second.problem is not None
    assert "which is missing: nothing that needs it was pushed" in second.problem
    held = await read_head(store, SECOND)
    assert held is not None
    assert held.head.manifest is None


async def test_the_push_gives_the_packs_that_its_head_lists(twice: Gateway) -> None:
    store = MemoryStore()
    first, second = await twice.push(store)
    assert [len(first.stored), len(first.others)] == [1, 0]
    assert [pack.pack_id for pack in second.others] == [pack.pack_id for pack in first.stored]
    for pack in (*first.stored, *second.stored, *second.others):
        info = await store.head(pack_key(pack.gateway, pack.pack_id.hex()))
        assert (info.size, info.crc32c) == (pack.length, pack.crc32c)


async def test_a_manifest_of_the_first_version_is_read(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "one")
    gateway.create(TAPE)
    gateway.write(TAPE, b"first", None)
    await gateway.push(store)
    held, manifest = await read_head(store, TAPE), await manifest_of(store)
    assert held is not None
    assert held.head.manifest is not None
    old = manifest.model_dump(exclude={"others", "key"}) | {"format": 1}
    text = Manifest.model_validate(old).model_dump_json(exclude={"others", "key"})
    await store.put(held.head.manifest, text.encode())
    other = Gateway(tmp_path / "other")
    assert await other.pull(store) == [Pulled(TAPE, 1, manifest.packs[0].length, gateway.id, 1)]
    assert encode(await manifest_of(store)).startswith(b'{"format":1,')
