"""Every implementation of `ObjectStore` keeps the promises that its Protocol states."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio

from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.errors import (
    CorruptDataError,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
)
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import (
    MIN_PART_BYTES,
    Absent,
    Access,
    Listed,
    ObjectInfo,
    ObjectStore,
    Page,
    Part,
    Unchanged,
    Upload,
    listing,
)
from pyvtl.cloud.probe import probe
from pyvtl.cloud.s3 import S3Store
from pyvtl.wire.checksum import crc32c
from tests.s3_clients import bucket_on, elsewhere
from tests.seaweed import Seaweed

pytestmark = pytest.mark.asyncio(loop_scope="module")

Kind = Literal["memory", "directory", "s3"]
FIRST, LAST = os.urandom(MIN_PART_BYTES), b"the last part"
WHOLE = crc32c(LAST, crc32c(FIRST))


@pytest.fixture(params=["memory", "directory", "s3"])
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bucket(s3_server: Seaweed) -> AsyncIterator[S3Store]:
    """A bucket on a real server; making a client takes longer than most tests."""
    async with bucket_on(s3_server) as store:
        yield store


@pytest_asyncio.fixture(loop_scope="module")
async def store(kind: Kind, tmp_path: Path, bucket: S3Store) -> AsyncIterator[ObjectStore]:
    """A store of each kind, with nothing in it."""
    if kind == "s3":
        yield elsewhere(bucket)
        return
    store = MemoryStore() if kind == "memory" else DirectoryStore(tmp_path)
    yield store
    await store.close()


async def winners(*writes: Awaitable[ObjectInfo]) -> int:
    """How many of the racing writes succeed; the others meet the condition."""
    results = await asyncio.gather(*writes, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(failure, PreconditionFailedError) for failure in failures), failures
    return len(results) - len(failures)


async def uploaded(store: ObjectStore, key: str) -> tuple[Upload, tuple[Part, ...]]:
    """An upload with both parts, not complete."""
    upload = await store.begin_upload(key)
    last = await store.send_part(upload, 2, LAST)
    first = await store.send_part(upload, 1, FIRST)
    return upload, (first, last)


async def test_it_can_be_used(store: ObjectStore) -> None:
    await store.check()


async def test_what_was_put_is_read(store: ObjectStore) -> None:
    data = os.urandom(700_000)
    info = await store.put("a/b/c", memoryview(data))
    assert info == ObjectInfo("a/b/c", 700_000, info.etag, crc32c(data))
    assert await store.head("a/b/c") == info
    content = await store.get("a/b/c")
    assert (content.info, content.data == data) == (info, True)


async def test_an_object_may_be_empty(store: ObjectStore) -> None:
    info = await store.put("empty", b"")
    assert (await store.get("empty")).data == b""
    assert (await store.get("empty", 0, 10)).data == b""
    assert await store.list() == Page((Listed("empty", 0),))
    assert info.size == 0


async def test_the_last_put_stands_and_has_another_etag(store: ObjectStore) -> None:
    one = await store.put("key", b"one")
    two = await store.put("key", b"two")
    assert one.etag != two.etag
    assert (await store.get("key")).data == b"two"


async def test_what_is_not_there_is_told(store: ObjectStore) -> None:
    for missing in (store.get("none"), store.head("none"), store.get("none", 5, 5)):
        with pytest.raises(NotFoundError):
            await missing


@pytest.mark.parametrize(
    ("start", "length", "read"),
    [
        (0, 4, b"0123"),
        (3, 2, b"34"),
        (7, None, b"789"),
        (8, 100, b"89"),
        (10, 1, b""),
        (99, None, b""),
    ],
)
async def test_a_span_gives_what_there_is_of_it(
    store: ObjectStore, start: int, length: int | None, read: bytes
) -> None:
    whole = await store.put("key", b"0123456789")
    content = await store.get("key", start, length)
    assert content.data == read
    assert (content.info.size, content.info.etag) == (10, whole.etag)


@pytest.mark.parametrize(("start", "length"), [(-1, 2), (0, 0), (5, -1)])
async def test_no_span_is_refused(store: ObjectStore, start: int, length: int) -> None:
    with pytest.raises(ValueError, match="are no span"):
        await store.get("key", start, length)


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", ".hidden", "a/../b", "a\n", "x" * 256, "/".join("ab" * 400)]
)
async def test_what_not_every_store_can_hold_is_no_key(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        await store.put(key, b"")
    with pytest.raises(ValueError, match="is no key"):
        await store.get(key)


async def test_of_sixteen_that_create_one_wins(store: ObjectStore) -> None:
    racing = [store.put("key", b"by %d" % number, Absent()) for number in range(16)]
    assert await winners(*racing) == 1
    data = (await store.get("key")).data
    assert data in [b"by %d" % number for number in range(16)]
    with pytest.raises(PreconditionFailedError):
        await store.put("key", b"later", Absent())
    assert (await store.get("key")).data == data


async def test_of_four_that_replace_one_wins(store: ObjectStore) -> None:
    known = await store.put("key", b"known")
    racing = [store.put("key", b"by %d" % n, Unchanged(known.etag)) for n in range(4)]
    assert await winners(*racing) == 1
    with pytest.raises(PreconditionFailedError):
        await store.put("key", b"later", Unchanged(known.etag))


async def test_what_is_not_there_is_not_unchanged(store: ObjectStore) -> None:
    with pytest.raises(PreconditionFailedError):
        await store.put("none", b"", Unchanged("0" * 32))
    with pytest.raises(NotFoundError):
        await store.head("none")


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return sorted([entry.key async for entry in listing(store, prefix)])


async def test_it_lists_what_begins_with_a_prefix(store: ObjectStore) -> None:
    written = ["a-b", "a.b/c", "a/b", "a/b-c", "a/c/d", "b/1", "é/x y+z%"]
    for key in written:
        await store.put(key, key.encode())
    assert await keys(store) == written
    assert await keys(store, "a/") == ["a/b", "a/b-c", "a/c/d"]
    assert await keys(store, "a/b") == ["a/b", "a/b-c"]
    assert await store.list("é") == Page((Listed("é/x y+z%", 9),))
    assert await store.list("none") == Page(())


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_page_by_page_every_object_is_listed_once(store: ObjectStore, limit: int) -> None:
    written = ["a-b", "a.b/c", "a/b", "a/b-c", "a/c/d", "b/1", "é/x"]
    await asyncio.gather(*(store.put(key, b"") for key in written))
    page = await store.list(limit=limit)
    seen = [entry.key for entry in page.entries]
    while page.next is not None:
        assert len(page.entries) == limit
        page = await store.list("", page.next, limit)
        seen += [entry.key for entry in page.entries]
    assert sorted(seen) == written


async def test_removed_objects_are_gone_and_missing_ones_no_error(store: ObjectStore) -> None:
    await store.put("a/b", b"")
    await store.put("a/c", b"")
    await store.delete(["a/b", "a/none", "none/at/all"])
    await store.delete([])
    assert await keys(store) == ["a/c"]


async def test_more_than_a_thousand_are_removed_at_once(store: ObjectStore) -> None:
    await store.put("last", b"")
    await store.delete([*(f"none/{number}" for number in range(1001)), "last"])
    assert await store.list() == Page(())


async def test_what_is_erased_is_gone_and_nothing_beside_it(store: ObjectStore) -> None:
    for key in ("keys/a/1", "keys/a/2", "keys/ab"):
        await store.put(key, b"1")
    await store.erase("keys/a/")
    await store.erase("keys/none/")
    assert await keys(store) == ["keys/ab"]


async def test_a_copy_holds_the_same(store: ObjectStore) -> None:
    source = await store.put("source", b"some bytes")
    copy = await store.copy(source, "to/copy")
    assert (copy.key, copy.size, copy.crc32c) == ("to/copy", 10, crc32c(b"some bytes"))
    assert (await store.get("to/copy")).data == b"some bytes"


async def test_only_what_was_meant_is_copied(store: ObjectStore) -> None:
    source = await store.put("source", b"some bytes")
    await store.put("source", b"other bytes")
    with pytest.raises(PreconditionFailedError):
        await store.copy(source, "copy")
    await store.delete(["source"])
    with pytest.raises(NotFoundError):
        await store.copy(source, "copy")


async def test_parts_become_one_object_only_when_complete(store: ObjectStore) -> None:
    upload, parts = await uploaded(store, "packs/one")
    assert await store.list() == Page(())
    assert await store.list_uploads("packs/") == (upload,)
    info = await store.complete_upload(upload, parts, Absent(), crc32c=WHOLE)
    assert info == ObjectInfo("packs/one", len(FIRST + LAST), info.etag, WHOLE)
    assert await store.head("packs/one") == info
    assert (await store.get("packs/one")).data == FIRST + LAST
    assert await store.list_uploads() == ()


async def test_an_upload_is_resumed_from_what_is_listed(store: ObjectStore) -> None:
    upload, parts = await uploaded(store, "pack")
    (same,) = await store.list_uploads("pack")
    listed = await store.list_parts(same)
    assert [(part.number, part.size) for part in listed] == [(1, len(FIRST)), (2, len(LAST))]
    assert [part.holds(data) for part, data in zip(listed, (FIRST, LAST), strict=True)] == [1, 1]
    other = bytes([FIRST[0] ^ 1]) + FIRST[1:]
    assert not listed[0].holds(other)
    assert not listed[0].holds(LAST)
    await store.complete_upload(same, listed, crc32c=WHOLE)
    assert (await store.get("pack")).data == FIRST + LAST
    assert parts[0].number == 1
    assert upload == same


async def test_a_part_sent_again_takes_the_place_of_the_first(store: ObjectStore) -> None:
    upload, (first, _) = await uploaded(store, "pack")
    again = await store.send_part(upload, 2, b"another end")
    await store.complete_upload(upload, (first, again))
    assert (await store.get("pack")).data == FIRST + b"another end"


async def test_a_part_that_is_not_there_as_told_is_refused(store: ObjectStore) -> None:
    upload, (first, last) = await uploaded(store, "pack")
    wrong = Part(2, last.size, "0" * len(last.etag))
    for parts in ((first, wrong), (first, Part(3, last.size, last.etag))):
        with pytest.raises(CorruptDataError):
            await store.complete_upload(upload, parts)
    with pytest.raises(NotFoundError):
        await store.head("pack")


async def test_a_whole_that_is_not_as_told_is_refused(store: ObjectStore) -> None:
    upload, parts = await uploaded(store, "pack")
    with pytest.raises(CorruptDataError):
        await store.complete_upload(upload, parts, crc32c=WHOLE ^ 1)


async def test_parts_have_an_order_and_a_least_size(store: ObjectStore) -> None:
    upload, (first, last) = await uploaded(store, "pack")
    for parts in ((), (last, first), (first, first)):
        with pytest.raises(ValueError, match="none, out of order, or beyond 10000"):
            await store.complete_upload(upload, parts)
    with pytest.raises(ValueError, match="less than 5242880 bytes"):
        await store.complete_upload(upload, (Part(1, 5, "0"), last))


async def test_an_upload_is_completed_only_where_its_condition_holds(store: ObjectStore) -> None:
    known = await store.put("pack", b"known")
    upload = await store.begin_upload("pack")
    part = await store.send_part(upload, 1, b"next")
    for otherwise in (Absent(), Unchanged("0" * 32)):
        with pytest.raises(PreconditionFailedError):
            await store.complete_upload(upload, (part,), otherwise)
    await store.complete_upload(upload, (part,), Unchanged(known.etag))
    assert (await store.get("pack")).data == b"next"


async def test_an_aborted_upload_is_gone(store: ObjectStore) -> None:
    upload, parts = await uploaded(store, "pack")
    await store.abort_upload(upload)
    await store.abort_upload(upload)
    for late in (
        store.send_part(upload, 1, b""),
        store.list_parts(upload),
        store.complete_upload(upload, parts),
    ):
        with pytest.raises(NotFoundError):
            await late
    assert await store.list_uploads() == ()


async def test_what_needs_no_restoring_says_so(store: ObjectStore) -> None:
    info = await store.put("key", b"")
    assert info.access is Access.READABLE
    with pytest.raises(UnsupportedError):
        await store.restore("key", 1)


async def test_a_file_is_adopted_or_the_store_says_that_it_cannot(
    store: ObjectStore, kind: Kind, tmp_path: Path
) -> None:
    file = tmp_path / secrets.token_hex(8)
    file.write_bytes(b"a segment")
    if kind != "directory":
        with pytest.raises(UnsupportedError):
            await store.adopt("pack", file)
        return
    info = await store.adopt("pack", file, Absent())
    assert info == await store.head("pack")
    file.unlink()
    assert (await store.get("pack")).data == b"a segment"


async def test_the_probe_finds_nothing_missing_and_leaves_nothing(store: ObjectStore) -> None:
    findings = await probe(store)
    assert [finding for finding in findings if not finding.works] == []
    assert await store.list() == Page(())
    assert await store.list_uploads() == ()
