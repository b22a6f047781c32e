"""A tape is taken over by what the store says of it; its packs stay there."""

from pathlib import Path

import pytest

from pyvtl.cloud.attaching import AttachedTape, attach_tape
from pyvtl.cloud.errors import CorruptDataError, UnavailableError
from pyvtl.cloud.heads import read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import head_key, pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.wrapping import Call
from pyvtl.store.dedup import Scope
from pyvtl.store.keys import Secret
from pyvtl.store.tape_map import Pack
from tests.faulty_store import FailsOnce, Recorded
from tests.pushing import BLANK, MIB, TAPE, Gateway, manifest_of, noise

OTHER = "0f0f0f0f"


@pytest.fixture
def one(tmp_path: Path) -> Gateway:
    """A gateway with a tape of three packs, and a blank one."""
    gateway = Gateway(tmp_path / "one")
    gateway.create(TAPE, BLANK)
    for text in (b"first", b"second", b"third"):
        gateway.write(TAPE, text, None)
    return gateway


def packs_of(gateway: Gateway, barcode: str = TAPE) -> tuple[Pack, ...]:
    with gateway.vault() as vault:
        return tuple(pack for pack, _ in vault.at_rest(barcode).packs)


async def owner_of(store: ObjectStore) -> tuple[str, int]:
    held = await read_head(store, TAPE)
    assert held is not None
    return held.head.owner, held.head.epoch


async def test_a_tape_is_attached_as_it_was_pushed_and_no_pack_is_read(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    recorded = Recorded(store)
    attached = await attach_tape(recorded, OTHER, TAPE)
    assert attached.packs == packs_of(one)
    assert [pack.pack_id for pack in attached.stored] == [pack.pack_id for pack in attached.packs]
    assert (attached.taken.taken_from, attached.taken.epoch) == (one.id, 1)
    assert await owner_of(store) == (OTHER, 1)
    assert not [call for call in recorded.made if call.subject.startswith("packs/")]
    blank = await attach_tape(store, OTHER, BLANK)
    assert (blank.packs, blank.stored) == ((), ())


async def test_attaching_again_gives_the_same_in_the_same_epoch(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    first, again = [await attach_tape(store, OTHER, TAPE) for _ in range(2)]
    assert (again.packs, again.stored, again.taken.epoch) == (first.packs, first.stored, 1)
    assert again.taken.taken_from is None


async def test_what_an_encrypted_tape_refers_to_and_its_key_come_too(tmp_path: Path) -> None:
    store = MemoryStore()
    secret = Secret(bytes(range(32)))
    gateway = Gateway(tmp_path / "locked", 16 * MIB, dedup=Scope.TAPE, secret=secret)
    gateway.create(TAPE)
    data = [noise(MIB, seed) for seed in range(2)]
    gateway.write(TAPE, *data, None)
    gateway.write(TAPE, *data, None)
    await gateway.push(store)
    attached = await attach_tape(store, OTHER, TAPE)
    assert attached.taken.key == gateway.files()["key.json"]
    assert attached.taken.label.encrypted
    assert attached.packs == packs_of(gateway)


async def test_where_packs_of_others_are_is_known_of_an_attached_tape(tmp_path: Path) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "two", 16 * MIB, dedup=Scope.POOL)
    gateway.create(TAPE, BLANK)
    for barcode in (TAPE, BLANK):
        gateway.write(barcode, noise(2 * MIB), None)
    await gateway.push(store)
    attached = await attach_tape(store, OTHER, BLANK)
    named = {pack.pack_id for pack in attached.stored}
    assert attached.packs[0].references < named
    for pack in attached.stored:
        assert (await store.head(pack_key(pack.gateway, pack.pack_id.hex()))).size == pack.length


async def spoilt(one: Gateway, store: MemoryStore) -> str:
    """What attaching says; the tape stays with its owner."""
    with pytest.raises((CorruptDataError, RefusedTapeError)) as raised:
        await attach_tape(store, OTHER, TAPE)
    assert await owner_of(store) == (one.id, 0)
    return str(raised.value)


async def test_a_map_that_is_damaged_is_told_and_the_tape_stays_where_it_is(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    (entry, *_) = (await manifest_of(store)).packs
    content = await store.get(entry.map)
    await store.put(entry.map, content.data[:-1] + b"!")
    manifest = await manifest_of(store)
    assert await spoilt(one, store) == (
        f"{entry.map} is no map of pack {manifest.packs[-1].pack_id}"
    )


async def test_packs_that_do_not_follow_each_other_are_told(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    held, manifest = await read_head(store, TAPE), await manifest_of(store)
    assert held is not None
    assert held.head.manifest is not None
    left_out = manifest.model_copy(update={"packs": (manifest.packs[0], manifest.packs[2])})
    await store.put(held.head.manifest, left_out.model_dump_json().encode())
    last = manifest.packs[2].pack_id
    assert await spoilt(one, store) == f"pack {last} of {TAPE} does not follow the one before"
    shorter = manifest.model_copy(update={"packs": manifest.packs[:2]})
    await store.put(held.head.manifest, shorter.model_dump_json().encode())
    assert await spoilt(one, store) == f"{TAPE} does not end where its manifest says"


async def test_a_manifest_of_another_tape_is_told(one: Gateway) -> None:
    store = MemoryStore()
    one.write(BLANK, b"more", None)
    await one.push(store)
    held, other = await read_head(store, TAPE), await manifest_of(store, BLANK)
    assert held is not None
    assert held.head.manifest is not None
    disguised = other.model_copy(
        update={"barcode": TAPE, "tape_id": (await manifest_of(store)).tape_id}
    )
    await store.put(held.head.manifest, disguised.model_dump_json().encode())
    assert f"is of another tape than {TAPE}" in await spoilt(one, store)


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_attaching_that_fails_at_any_call_is_done_by_the_next(
    one: Gateway, lose_answer: bool
) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store = MemoryStore()
        await one.push(store)
        faulty = FailsOnce(store, fail_at, lose_answer=lose_answer)
        attached: AttachedTape | None = None
        try:
            attached = await attach_tape(faulty, OTHER, TAPE)
        except UnavailableError:
            assert await owner_of(store) in ((one.id, 0), (OTHER, 1))
        failed = faulty.calls >= fail_at
        attached = attached or await attach_tape(store, OTHER, TAPE)
        assert (attached.packs, attached.taken.epoch) == (packs_of(one), 1)
    assert fail_at > 5


async def test_a_tape_that_is_pushed_meanwhile_is_attached_as_it_is_then(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    pushes: list[object] = []

    async def go_on(call: Call) -> None:
        if (call.operation, call.subject) == ("put", head_key(TAPE)) and not pushes:
            one.write(TAPE, b"fourth", None)
            pushes.append(await one.push(store))

    attached = await attach_tape(Recorded(store, go_on), OTHER, TAPE)
    assert attached.packs == packs_of(one)
    assert len(attached.packs) == 4


async def test_of_two_who_attach_one_tape_at_once_one_has_it(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)

    async def overtake(call: Call) -> None:
        if (call.operation, call.subject) == ("put", head_key(TAPE)):
            await attach_tape(store, "0e0e0e0e", TAPE)

    with pytest.raises(RefusedTapeError, match="gateway 0e0e0e0e took it over meanwhile"):
        await attach_tape(Recorded(store, overtake), OTHER, TAPE)
    assert await owner_of(store) == ("0e0e0e0e", 1)
