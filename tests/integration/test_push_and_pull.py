"""Tapes go to the object store whole, and come back from it alone."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from pyvtl.cloud.documents import Head, encode
from pyvtl.cloud.errors import UnavailableError, UnsupportedError
from pyvtl.cloud.heads import HeadMovedError, commit_head, nonce, read_head
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.names import head_key, manifest_prefix, pack_key
from pyvtl.cloud.objects import Condition, ObjectInfo, ObjectStore, listing
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.pulling import Pulled
from pyvtl.cloud.pushing import Pushed
from pyvtl.cloud.refusals import ForeignRepositoryError
from pyvtl.cloud.retrying import Retrying
from pyvtl.cloud.sending import Sent, send_file
from pyvtl.cloud.spans import PART_BYTES, measure
from pyvtl.cloud.wrapping import Call
from pyvtl.media.medium import Attributes, Position
from pyvtl.store.format import SegmentHeader, decode_header
from tests.faulty_store import FailsOnce, Recorded
from tests.pushing import BLANK, MIB, TAPE, Gateway, check_promises, manifest_of, noise
from tests.tapes import as_medium, contents

LARGE = PART_BYTES + MIB
"""A segment that takes two parts."""


@pytest.fixture(scope="module")
def pushed_by(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A tape of one large segment and one small, and a blank one; never changed."""
    gateway = Gateway(tmp_path_factory.mktemp("pushed") / "data", LARGE + MIB)
    gateway.create(TAPE, BLANK)
    gateway.write(TAPE, *(noise(MIB, seed) for seed in range(LARGE // MIB)), None)
    gateway.write(TAPE, b"more", None)
    return gateway


@pytest.fixture
def one(tmp_path: Path) -> Gateway:
    """A gateway with a tape that holds one file."""
    gateway = Gateway(tmp_path / "one")
    gateway.create(TAPE)
    gateway.write(TAPE, b"first", None)
    return gateway


@pytest.fixture
def other(tmp_path: Path) -> Gateway:
    """A gateway without tapes."""
    return Gateway(tmp_path / "other")


async def test_a_pulled_tape_is_the_pushed_one_byte_for_byte(
    any_store: ObjectStore, pushed_by: Gateway, other: Gateway
) -> None:
    sizes = [len(data) for name, data in pushed_by.files().items() if name != "tape.json"]
    assert await pushed_by.push(any_store) == [Pushed(TAPE, 2, 2, sum(sizes)), Pushed(BLANK)]
    await check_promises(any_store, TAPE, BLANK)
    assert await other.pull(any_store) == [
        Pulled(TAPE, 2, sum(sizes), pushed_by.id, 1),
        Pulled(BLANK, 0, 0, pushed_by.id, 1),
    ]
    assert other.files() == pushed_by.files()
    assert other.files(BLANK) == pushed_by.files(BLANK)
    with other.vault() as vault:
        assert contents(vault.open(TAPE))[-3:] == [None, b"more", None]


async def test_pushing_again_sends_only_what_is_new(any_store: ObjectStore, one: Gateway) -> None:
    await one.push(any_store)
    store = Recorded(any_store)
    assert await one.push(store) == [Pushed(TAPE, 1)]
    assert store.sent("") == store.sent("gateways/")
    one.write(TAPE, b"second")
    (pushed,) = await one.push(store)
    assert (pushed.packs, pushed.sent_packs) == (2, 1)
    await check_promises(store, TAPE)


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_a_push_that_fails_at_any_call_goes_on_where_it_was(
    pushed_by: Gateway, tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store = MemoryStore()
        faulty = FailsOnce(store, fail_at, lose_answer=lose_answer)
        try:
            await pushed_by.push(faulty)
        except UnavailableError:
            await check_promises(store, TAPE, BLANK)
        failed = faulty.calls >= fail_at
        assert [each.problem for each in await pushed_by.push(store)] == [None, None]
        await check_promises(store, TAPE, BLANK)
        other = Gateway(tmp_path / str(fail_at))
        await other.pull(store)
        assert other.files() == pushed_by.files()
        assert other.files(BLANK) == pushed_by.files(BLANK)
        shutil.rmtree(other.path)
    assert fail_at > 15


async def no_sleep(seconds: float) -> None:
    """Wait for nothing."""


async def test_a_lost_answer_to_a_call_that_is_repeated_is_no_failure(pushed_by: Gateway) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store = MemoryStore()
        faulty = FailsOnce(store, fail_at, lose_answer=True)
        pushed = await pushed_by.push(Retrying(faulty, Patience(2), no_sleep))
        assert [each.problem for each in pushed] == [None, None]
        await check_promises(store, TAPE, BLANK)
        await pushed_by.push(store)
        assert await store.list_uploads() == ()
        failed = faulty.calls >= fail_at


@pytest.mark.parametrize("lose_answer", [False, True])
async def test_a_pull_that_fails_at_any_call_goes_on_where_it_was(
    one: Gateway, tmp_path: Path, lose_answer: bool
) -> None:
    fail_at, failed = 0, True
    while failed:
        fail_at += 1
        store = MemoryStore()
        await one.push(store)
        other = Gateway(tmp_path / str(fail_at))
        faulty = FailsOnce(store, fail_at, lose_answer=lose_answer)
        try:
            await other.pull(faulty)
        except UnavailableError:
            with other.vault() as vault:
                assert vault.barcodes() == set()
            await other.pull(store)
        failed = faulty.calls >= fail_at
        assert other.files() == one.files()
        held = await read_head(store, TAPE)
        assert held is not None
        assert (held.head.owner, held.head.epoch) == (other.id, 1)
    assert fail_at > 5


async def push_cancelled(gateway: Gateway, store: ObjectStore, stop_at: int) -> None:
    """Push, and cancel that within so many calls of the store."""

    async def stop(_call: Call) -> None:
        if len(recorded.made) == stop_at:
            task.cancel()
            await asyncio.sleep(0)

    recorded = Recorded(store, stop)
    task = asyncio.create_task(gateway.push(recorded))
    await asyncio.wait([task])


async def test_a_push_that_is_cancelled_anywhere_goes_on_where_it_was(
    pushed_by: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    for stop_at in range(1, 12):
        await push_cancelled(pushed_by, store, stop_at)
        await check_promises(store, TAPE, BLANK)
    await pushed_by.push(store)
    await other.pull(store)
    assert other.files() == pushed_by.files()


async def test_parts_that_an_interrupted_upload_left_are_not_sent_again(
    any_store: ObjectStore, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(noise(LARGE))
    file = measure(path)
    upload = await any_store.begin_upload("packs/0/file")
    await any_store.send_part(upload, 1, path.read_bytes()[:PART_BYTES])
    await any_store.send_part(upload, 2, noise(MIB, 2))
    store = Recorded(NoAdoption(any_store))
    assert await send_file(store, "packs/0/file", path) == Sent(file, LARGE)
    assert [call.sent for call in store.sent("packs/")] == [MIB]
    assert (await any_store.head("packs/0/file")).crc32c in (file.crc32c, None)
    got = b"".join(
        [(await any_store.get("packs/0/file", at, MIB)).data for at in range(0, LARGE, MIB)]
    )
    assert got == path.read_bytes()


class NoAdoption(Recorded):
    """A store that takes no files, only bytes."""

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        raise UnsupportedError(f"{path} is sent, not taken")


async def test_the_owner_that_lost_a_tape_is_told_and_keeps_all_that_it_has(
    any_store: ObjectStore, one: Gateway, other: Gateway
) -> None:
    await one.push(any_store)
    await other.pull(any_store)
    one.write(TAPE, b"too late", None)
    kept = one.files()
    (refused,) = await one.push(any_store)
    assert refused.problem == (
        f"tape {TAPE}: it belongs to gateway {other.id} since epoch 1:"
        " nothing was pushed, and all that is here stays here"
    )
    assert one.files() == kept
    assert (await manifest_of(any_store)).gateway == one.id
    other.write(TAPE, b"in time", None)
    assert [each.problem for each in await other.push(any_store)] == [None]
    assert [entry.gateway for entry in (await manifest_of(any_store)).packs] == [one.id, other.id]


async def test_a_tape_goes_from_owner_to_owner(
    one: Gateway, other: Gateway, tmp_path: Path
) -> None:
    store, third = MemoryStore(), Gateway(tmp_path / "third")
    await one.push(store)
    await other.pull(store)
    other.write(TAPE, b"second", None)
    await other.push(store)
    (pulled,) = await third.pull(store, TAPE)
    assert (pulled.taken_from, pulled.epoch) == (other.id, 2)
    assert third.files() == other.files()


async def test_an_owner_that_loses_its_tape_in_the_middle_of_a_push_changes_nothing(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    one.write(TAPE, b"second", None)

    async def lose(call: Call) -> None:
        if call == Call("put", head_key(TAPE), call.sent):
            await other.pull(store)

    (refused,) = await one.push(Recorded(store, lose))
    assert refused.problem == (
        f"tape {TAPE}: it belongs to gateway {other.id} since epoch 1:"
        " nothing was pushed, and all that is here stays here"
    )
    held = await read_head(store, TAPE)
    assert held is not None
    assert (held.head.owner, held.head.epoch) == (other.id, 1)
    await check_promises(store, TAPE)


async def test_of_two_who_pull_one_tape_at_once_one_has_it_and_the_other_is_told(
    one: Gateway, other: Gateway, tmp_path: Path
) -> None:
    store, third = MemoryStore(), Gateway(tmp_path / "third")
    await one.push(store)

    async def overtake(call: Call) -> None:
        if call.operation == "put" and call.subject == head_key(TAPE):
            await third.pull(store)

    (refused,) = await other.pull(Recorded(store, overtake))
    assert refused.problem == f"tape {TAPE}: gateway {third.id} took it over meanwhile"
    assert third.files() == one.files()
    with other.vault() as vault:
        assert vault.barcodes() == set()


async def test_a_tape_that_is_pushed_while_it_is_pulled_is_pulled_as_it_is_then(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    pushes: list[list[Pushed]] = []

    async def go_on(call: Call) -> None:
        if call.operation == "put" and call.subject == head_key(TAPE) and not pushes:
            one.write(TAPE, b"second", None)
            pushes.append(await one.push(store))

    (pulled,) = await other.pull(Recorded(store, go_on))
    assert (pulled.packs, pulled.problem) == (2, None)
    assert other.files() == one.files()


async def test_of_writers_with_the_same_head_before_them_exactly_one_wins(
    any_store: ObjectStore, one: Gateway
) -> None:
    await one.push(any_store)
    held = await read_head(any_store, TAPE)
    assert held is not None
    heads = [held.head.model_copy(update={"nonce": nonce()}) for _ in range(8)]
    results = await asyncio.gather(
        *(commit_head(any_store, head, held) for head in heads), return_exceptions=True
    )
    (winner,) = [each for each in results if not isinstance(each, BaseException)]
    assert sum(isinstance(each, HeadMovedError) for each in results) == len(heads) - 1
    now = await read_head(any_store, TAPE)
    assert now is not None
    assert now.head == winner.head


async def test_an_old_copy_of_a_data_folder_pushes_nothing_over_a_later_state(
    one: Gateway, tmp_path: Path
) -> None:
    store = MemoryStore()
    await one.push(store)
    old = Gateway(tmp_path / "old")
    shutil.copytree(one.path, old.path)
    old.id = one.id
    one.write(TAPE, b"second", None)
    await one.push(store)
    before = await manifest_of(store)
    for extra in ([], [b"another second", None]):
        old.write(TAPE, *extra) if extra else None
        (refused,) = await old.push(store)
        assert refused.problem is not None
        assert "a later state" in refused.problem
    assert await manifest_of(store) == before


async def test_a_tape_that_was_overwritten_is_pulled_as_it_is_now(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    with one.vault() as vault:
        tape = vault.open(TAPE)
        tape.start_writing(Position())
        tape.append(as_medium([b"anew", None]))
        tape.sync()
    (pushed,) = await one.push(store)
    assert (pushed.packs, pushed.sent_packs) == (1, 1)
    manifest = await manifest_of(store)
    assert (manifest.generation, len(manifest.packs)) == (1, 1)
    await other.pull(store)
    with other.vault() as vault:
        assert contents(vault.open(TAPE)) == [b"anew", None]


async def test_write_protection_and_capacity_travel_with_the_tape(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    with one.vault() as vault:
        vault.protect(TAPE, write_protected=True)
        listed = vault.volumes()
    await one.push(store)
    assert (await manifest_of(store)).write_protected
    await other.pull(store)
    with other.vault() as vault:
        assert vault.volumes() == listed
        assert vault.open(TAPE).attributes == Attributes(write_protected=True)


async def test_what_a_crash_left_open_is_pushed_up_to_its_last_commit(
    one: Gateway, other: Gateway, tmp_path: Path
) -> None:
    store, crashed = MemoryStore(), Gateway(tmp_path / "crashed")
    with one.vault() as vault:
        tape = vault.open(TAPE)
        tape.start_writing(tape.end_of_data(0))
        tape.append(as_medium([b"synced", None]))
        tape.sync()
        tape.append(as_medium([b"never promised"]))
        shutil.copytree(one.path, crashed.path)
    await crashed.push(store)
    await other.pull(store)
    with other.vault() as vault:
        assert contents(vault.open(TAPE)) == [b"first", None, b"synced", None]


async def test_the_last_three_manifests_are_kept(one: Gateway) -> None:
    store = MemoryStore()
    for number in range(5):
        one.write(TAPE, b"%d" % number, None)
        await one.push(store)
    held = await read_head(store, TAPE)
    assert held is not None
    kept = [entry.key async for entry in listing(store, manifest_prefix(TAPE))]
    assert set(kept) == {held.head.manifest, *held.head.earlier}
    assert len(kept) == 3
    await check_promises(store, TAPE)


async def test_a_tape_of_many_packs_has_a_recovery_point_on_the_way(
    tmp_path: Path, other: Gateway
) -> None:
    store, gateway = MemoryStore(), Gateway(tmp_path / "many")
    gateway.create(TAPE)
    for number in range(66):
        gateway.write(TAPE, b"%d" % number, None)
    recorded = Recorded(store)
    assert [each.sent_packs for each in await gateway.push(recorded)] == [66]
    claim, *points = recorded.sent(head_key(TAPE))
    assert (claim.subject, len(points)) == (head_key(TAPE), 2)
    await other.pull(store)
    assert other.files() == gateway.files()


async def test_a_deleted_tape_leaves_a_tombstone_and_is_not_pulled(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    with one.vault() as vault:
        vault.delete(TAPE)
    assert await one.push(store) == []
    assert await other.pull(store) == []
    (refused,) = await other.pull(store, TAPE)
    assert refused.problem == f"tape {TAPE}: it was deleted"


async def test_a_damaged_tape_is_not_pushed_and_the_others_are(one: Gateway) -> None:
    store = MemoryStore()
    one.create(BLANK)
    one.write(BLANK, b"whole", None)
    (segment,) = (one.path / "tapes" / TAPE).glob("*.segment")
    segment.write_bytes(noise(5000))
    damaged, whole = await one.push(store)
    assert damaged.problem is not None
    assert "damaged" in damaged.problem
    assert whole.problem is None
    assert await read_head(store, TAPE) is None


async def test_a_pack_that_is_not_what_it_was_is_told_and_not_pulled(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    (entry,) = (await manifest_of(store)).packs
    key = pack_key(one.id, entry.pack_id)
    await store.put(key, noise(entry.length))
    (refused,) = await other.pull(store)
    assert refused.problem == f"tape {TAPE}: {key} in the store is not what its manifest says"
    with other.vault() as vault:
        assert vault.barcodes() == set()
    held = await read_head(store, TAPE)
    assert held is not None
    assert held.head.owner == one.id


async def test_another_object_in_the_place_of_a_pack_is_told_and_never_listed(
    one: Gateway,
) -> None:
    store = MemoryStore()
    with one.vault() as vault:
        ((pack, path),) = vault.at_rest(TAPE).packs
    await store.put(pack_key(one.id, pack.pack_id.hex()), noise(path.stat().st_size))
    (refused,) = await one.push(store)
    assert refused.problem is not None
    assert f"is not what {path} holds" in refused.problem
    held = await read_head(store, TAPE)
    assert held is not None
    assert held.head.manifest is None


async def test_a_tape_that_is_here_already_is_not_pulled(one: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    assert await one.pull(store) == []
    (refused,) = await one.pull(store, TAPE)
    assert refused.problem is not None
    assert "has it already" in refused.problem


async def test_two_tapes_of_one_barcode_do_not_meet(one: Gateway, other: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    await other.pull(store)
    shutil.rmtree(other.path / "tapes" / TAPE)
    other.create(TAPE)
    (refused,) = await other.push(store)
    assert refused.problem is not None
    assert "another tape of this barcode" in refused.problem


async def test_a_folder_with_tapes_of_another_repository_is_refused(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    other.create(BLANK)
    for refused in (other.push, other.pull):
        with pytest.raises(ForeignRepositoryError, match="name another store or prefix"):
            await refused(store)


async def test_a_new_folder_takes_the_repository_of_the_store(one: Gateway, other: Gateway) -> None:
    store = MemoryStore()
    await one.push(store)
    await other.push(store)
    kept = [json.loads((each.path / "repository.json").read_text()) for each in (one, other)]
    assert kept[0] == kept[1]
    other.create(BLANK)
    assert [each.problem for each in await other.push(store)] == [None]


async def test_nothing_is_pulled_from_a_store_that_nobody_pushed_to(other: Gateway) -> None:
    with pytest.raises(ForeignRepositoryError, match="holds no tapes"):
        await other.pull(MemoryStore())


async def test_a_head_of_a_later_version_is_refused_by_its_name(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    await one.push(store)
    await store.put(head_key(TAPE), b'{"format": 3, "something": "new"}')
    for (refused,) in (await one.push(store), await other.pull(store, TAPE)):
        assert refused.problem == (
            f"tape {TAPE}: {head_key(TAPE)} has format 3, and this version of pyvtl knows 2:"
            " use the version that wrote it"
        )


async def test_a_map_holds_the_header_and_the_footer_of_every_pack(one: Gateway) -> None:
    store = MemoryStore()
    one.write(TAPE, b"second", None)
    await one.push(store)
    for entry in (await manifest_of(store)).packs:
        outline = (await store.get(entry.map, entry.map_offset, entry.map_length)).data
        pack = (await store.get(pack_key(one.id, entry.pack_id))).data
        header = decode_header(outline)
        assert header is not None
        assert header.pack_id.hex() == entry.pack_id
        rest = entry.map_length - SegmentHeader.SIZE
        assert outline == pack[: SegmentHeader.SIZE] + pack[-rest:]


async def test_a_head_that_cannot_be_read_keeps_no_other_tape_back(
    one: Gateway, other: Gateway
) -> None:
    store = MemoryStore()
    one.create(BLANK)
    await one.push(store)
    await store.put(head_key(TAPE), b"{}")
    refused, pulled = await other.pull(store, TAPE, BLANK)
    assert refused.problem is not None
    assert f"{head_key(TAPE)} cannot be read" in refused.problem
    assert pulled.problem is None


def test_a_document_is_json_with_its_version() -> None:
    head = Head(
        barcode=TAPE,
        tape_id="0" * 32,
        owner="0" * 8,
        epoch=0,
        generation=0,
        state="active",
        manifest=None,
        nonce="1" * 32,
    )
    assert json.loads(encode(head)) == {
        "format": 2,
        "barcode": TAPE,
        "tape_id": "0" * 32,
        "owner": "0" * 8,
        "epoch": 0,
        "generation": 0,
        "state": "active",
        "manifest": None,
        "earlier": [],
        "nonce": "1" * 32,
        "archive": None,
    }
