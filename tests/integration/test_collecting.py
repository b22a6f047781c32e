"""Collecting deletes what nobody needs, whatever happens meanwhile, and nothing else."""

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from pyvtl.cloud.adopting import RefusedAdoptionError, adopt, tapes_of
from pyvtl.cloud.attaching import attach_tape
from pyvtl.cloud.collecting import Collected, collect
from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import MAPS, PACKS, head_key, pack_key, pack_prefix
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.pushing import push
from pyvtl.cloud.refusals import DocumentError, FencedError, RefusedTapeError
from pyvtl.cloud.wrapping import Call
from pyvtl.media.medium import Position
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from tests.faulty_store import FailsOnce, Recorded
from tests.pushing import BLANK, MIB, TAPE, Gateway, check_promises, manifest_of, noise
from tests.tapes import as_medium, contents


@pytest.fixture
def one(tmp_path: Path) -> Gateway:
    gateway = Gateway(tmp_path / "one")
    gateway.create(TAPE)
    gateway.write(TAPE, b"first", None)
    return gateway


@pytest.fixture
def other(tmp_path: Path) -> Gateway:
    """A gateway without tapes."""
    return Gateway(tmp_path / "other")


def overwrite(gateway: Gateway, *items: bytes | None) -> None:
    """Write a tape anew from its beginning."""
    with gateway.vault() as vault:
        tape = vault.open(TAPE)
        tape.start_writing(Position())
        tape.append(as_medium(list(items)))
        tape.sync()


async def collected(gateway: Gateway, store: ObjectStore, *, dry_run: bool = False) -> Collected:
    with gateway.vault() as vault:
        return await collect(store, gateway.id, vault.needed, dry_run=dry_run)


async def names(store: ObjectStore, prefix: str) -> list[str]:
    return sorted([entry.key async for entry in listing(store, prefix)])


async def points(gateway: Gateway, store: ObjectStore, count: int = 3) -> None:
    """So many recovery points more."""
    for number in range(count):
        gateway.write(TAPE, b"%d" % number, None)
        await gateway.push(store)


async def read_elsewhere(store: ObjectStore, path: Path) -> list[bytes | None]:
    """What a pull of the tape gives; the tape stays whose it is."""
    copy = MemoryStore()
    for key in await names(store, ""):
        await copy.put(key, (await store.get(key)).data)
    gateway = Gateway(path / secrets.token_hex(4), dedup=Scope.POOL)
    await gateway.pull(copy, TAPE)
    with gateway.vault() as vault:
        return contents(vault.open(TAPE))


async def test_what_was_overwritten_goes_when_no_recovery_point_lists_it(
    any_store: ObjectStore, one: Gateway, tmp_path: Path
) -> None:
    await one.push(any_store)
    (before,) = await names(any_store, PACKS)
    overwrite(one, b"anew", None)
    await one.push(any_store)
    assert await collected(one, any_store) == Collected()
    await points(one, any_store)
    size = (await any_store.head(before)).size
    wanted = Collected(packs=1, pack_bytes=size, maps=1)
    assert await collected(one, any_store, dry_run=True) == wanted
    assert before in await names(any_store, PACKS)
    assert await collected(one, any_store) == wanted
    assert before not in await names(any_store, PACKS)
    assert await collected(one, any_store) == Collected()
    await check_promises(any_store, TAPE)
    assert (await read_elsewhere(any_store, tmp_path))[:2] == [b"anew", None]


async def test_of_a_deleted_tape_only_its_head_stays(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path / "locked", secret=Secret(bytes(range(32))))
    gateway.create(TAPE, BLANK)
    gateway.write(TAPE, b"secret", None)
    await gateway.push(any_store)
    with gateway.vault() as vault:
        vault.delete(TAPE)
    await gateway.push(any_store)
    found = await collected(gateway, any_store)
    assert (found.packs, found.maps, found.keys) == (1, 1, 1)
    left = await names(any_store, "")
    assert [key for key in left if TAPE in key or key.startswith(PACKS)] == [head_key(TAPE)]
    (key,) = [key for key in left if key.startswith("keys/")]
    assert key.startswith(f"keys/{BLANK}/")


async def test_what_another_tape_refers_to_stays(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "two", 16 * MIB, dedup=Scope.POOL)
    data = [noise(MIB, seed) for seed in range(2)]
    gateway.create(BLANK, TAPE)
    for barcode in (BLANK, TAPE):
        gateway.write(barcode, *data, None)
    await gateway.push(store)
    with gateway.vault() as vault:
        vault.delete(BLANK)
    await gateway.push(store)
    assert (await collected(gateway, store)).packs == 0
    await check_promises(store, TAPE)
    assert await read_elsewhere(store, tmp_path) == [*data, None]
    with gateway.vault() as vault:
        vault.delete(TAPE)
    await gateway.push(store)
    assert (await collected(gateway, store)).packs == 2
    assert await names(store, PACKS) == []


async def test_what_is_here_and_not_yet_in_a_recovery_point_stays(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    one.write(TAPE, b"second", None)
    with one.vault() as vault:
        pack, path = vault.at_rest(TAPE).packs[-1]
    await store.put(pack_key(one.id, pack.pack_id.hex()), path.read_bytes())
    await store.begin_upload(pack_key(one.id, pack.pack_id.hex()[::-1]))
    found = await collected(one, store)
    assert (found.packs, found.uploads) == (0, 1)
    assert len(await names(store, PACKS)) == 2
    assert await store.list_uploads() == ()


async def test_packs_of_another_gateway_are_left_alone(one: Gateway, other: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    await store.put(pack_key(one.id, "0" * 32), b"left over")
    await other.push(store)
    assert await collected(other, store) == Collected()
    assert (await collected(one, store)).packs == 1


async def test_a_manifest_that_cannot_be_read_ends_the_collection(one: Gateway) -> None:
    store = MemoryStore()
    await points(one, store)
    await store.put(pack_key(one.id, "0" * 32), b"left over")
    held = await read_head(store, TAPE)
    assert held is not None
    await store.put(held.head.earlier[-1], b"{}")
    with pytest.raises(DocumentError, match="cannot be read"):
        await collected(one, store)
    await store.delete([held.head.earlier[-1]])
    with pytest.raises(DocumentError, match="is missing, and the head of DEMO01L5 names it"):
        await collected(one, store)
    assert pack_key(one.id, "0" * 32) in await names(store, PACKS)


async def test_a_lost_gateway_is_adopted_its_tapes_attached_and_its_leftovers_collected(
    any_store: ObjectStore, one: Gateway, other: Gateway, tmp_path: Path
) -> None:
    await one.push(any_store)
    await any_store.put(pack_key(one.id, "0" * 32), b"left over")
    await other.push(any_store)
    await adopt(any_store, other.id, one.id)
    await adopt(any_store, other.id, one.id)
    assert await tapes_of(any_store, one.id) == [TAPE]
    assert await collected(other, any_store) == Collected(kept_back=(one.id,))
    await attach_tape(any_store, other.id, TAPE)
    assert (await collected(other, any_store)).packs == 1
    assert len(await names(any_store, pack_prefix(one.id))) == 1
    with pytest.raises(FencedError, match=f"adopted by {other.id}"):
        await one.push(any_store)
    assert await read_elsewhere(any_store, tmp_path) == [b"first", None]


async def test_what_an_adopted_gateway_had_adopted_is_looked_after_too(
    one: Gateway, other: Gateway, tmp_path: Path
) -> None:
    store, third = MemoryStore(), Gateway(tmp_path / "third")
    for gateway in (one, other, third):
        await gateway.push(store)
    await store.put(pack_key(one.id, "0" * 32), b"left over")
    await other.pull(store)
    await adopt(store, other.id, one.id)
    await adopt(store, third.id, other.id)
    await third.pull(store, TAPE)
    assert (await collected(third, store)).packs == 1


async def test_who_cannot_be_adopted_is_told(one: Gateway, other: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    await adopt(store, other.id, one.id)
    for lost, reason in (
        (one.id, f"was adopted by {other.id}"),
        ("00000000", "the store knows no gateway 00000000"),
        ("0f0f0f0f", "is this one"),
    ):
        with pytest.raises(RefusedAdoptionError, match=reason):
            await adopt(store, "0f0f0f0f", lost)


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_a_collection_that_fails_at_any_call_leaves_all_that_is_needed(
    one: Gateway, tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, failed = 0, True
    await one.push(start := MemoryStore())
    overwrite(one, b"anew", None)
    await points(one, start)
    before = {key: (await start.get(key)).data for key in await names(start, "")}
    while failed:
        fail_at += 1
        store = MemoryStore()
        for key, data in before.items():
            await store.put(key, data)
        faulty = FailsOnce(store, fail_at, lose_answer=lose_answer)
        try:
            await collected(one, faulty)
        except UnavailableError:
            await check_promises(store, TAPE)
        failed = faulty.calls >= fail_at
        await collected(one, store)
        assert await collected(one, store) == Collected()
        await check_promises(store, TAPE)
        assert len(await names(store, PACKS)) == len((await manifest_of(store)).packs)
    assert fail_at > 10


async def during(
    one: Gateway, store: ObjectStore, stop_at: int, *, collecting: bool
) -> tuple[int, list[str | None]]:
    """Collect in the middle of a push, or push in the middle of collecting.

    Gives how many calls there were, and what the push said.
    """
    made = 0
    problems: list[str | None] = []
    with one.vault() as vault:

        async def send(to: ObjectStore) -> None:
            problems.extend([pushed.problem async for pushed in push(to, one.id, vault)])

        async def sweep(of: ObjectStore) -> None:
            with suppress(RefusedTapeError):  # Tapes changed in the store meanwhile.
                await collect(of, one.id, vault.needed)

        async def meet(_call: Call) -> None:
            nonlocal made
            made += 1
            if made == stop_at:
                await (sweep(store) if collecting else send(store))

        await (send if collecting else sweep)(Recorded(store, meet))
    return made, problems


@pytest.mark.parametrize("collecting", [True, False])
async def test_a_push_and_a_collection_may_meet_at_any_call(
    one: Gateway, tmp_path: Path, collecting: bool
) -> None:
    await one.push(start := MemoryStore())
    await points(one, start)
    overwrite(one, b"anew", None)
    before = {key: (await start.get(key)).data for key in await names(start, "")}
    stop_at, made = 0, 1
    while made > stop_at:
        stop_at += 1
        store, gateway = MemoryStore(), Gateway(tmp_path / str(stop_at))
        shutil.copytree(one.path, gateway.path)
        gateway.id = one.id
        for key, data in before.items():
            await store.put(key, data)
        await store.put(pack_key(one.id, "0" * 32), b"left over")
        made, problems = await during(gateway, store, stop_at, collecting=collecting)
        assert problems in ([None], [])
        await check_promises(store, TAPE)
        await gateway.push(store)
        await points(gateway, store)
        await collected(gateway, store)
        assert pack_key(one.id, "0" * 32) not in await names(store, PACKS)
        await check_promises(store, TAPE)
        assert (await read_elsewhere(store, tmp_path))[:2] == [b"anew", None]
    assert stop_at > 9


async def taken_during(one: Gateway, store: ObjectStore, thief: Gateway, stop_at: int) -> int:
    """Collect, and let another gateway take the tape and write it before that call."""
    made = 0

    async def take(_call: Call) -> None:
        nonlocal made
        made += 1
        if made == stop_at:
            await thief.pull(store, TAPE)
            thief.write(TAPE, b"by another", None)
            assert [each.problem for each in await thief.push(store)] == [None]

    await collected(one, Recorded(store, take))
    return made


async def test_another_gateway_may_take_a_tape_over_at_any_call_of_a_collection(
    one: Gateway, tmp_path: Path
) -> None:
    await one.push(start := MemoryStore())
    overwrite(one, b"anew", None)
    await points(one, start)
    before = {key: (await start.get(key)).data for key in await names(start, "")}
    stop_at, made = 0, 1
    while made > stop_at:
        stop_at += 1
        store, thief = MemoryStore(), Gateway(tmp_path / f"thief{stop_at}")
        for key, data in before.items():
            await store.put(key, data)
        made = await taken_during(one, store, thief, stop_at)
        await check_promises(store, TAPE)
    assert stop_at > 10


async def test_what_another_gateway_dropped_and_still_needs_stays(
    one: Gateway, tmp_path: Path
) -> None:
    """Its other tape refers to a pack that it got with a tape, and has not pushed that yet."""
    store = MemoryStore()
    data = [noise(MIB, seed) for seed in range(2)]
    overwrite(one, *data, None)
    await one.push(store)
    other = Gateway(tmp_path / "other", 16 * MIB, dedup=Scope.POOL)
    await other.pull(store)
    other.create(BLANK)
    await other.push(store)
    other.write(BLANK, *data, None)
    packs = {bytes.fromhex(key[-32:]): key for key in await names(store, pack_prefix(one.id))}
    overwrite(other, b"something else", None)
    with other.vault() as vault:
        vault.at_rest(TAPE)
        needed = vault.needed(list(packs))
    assert 0 < len(needed) < len(packs)
    await other.push(store)
    await points(other, store)
    bare = Gateway(tmp_path / "bare")
    bare.create()
    bare.id = one.id
    await collected(bare, store)
    assert await names(store, pack_prefix(one.id)) == sorted(packs[each] for each in needed)
    await check_promises(store, TAPE, BLANK)


async def test_maps_of_a_tape_of_somebody_else_are_left_alone(one: Gateway, other: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    await store.put(f"{MAPS}{TAPE}/0-0-{'0' * 16}", b"left over")
    await other.push(store)
    assert (await collected(other, store)).maps == 0
    assert (await collected(one, store)).maps == 1
