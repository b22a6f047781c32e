"""Objects in an archive class of S3: told apart, refused, restored."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from pyvtl.cloud.errors import ArchivedError, UnsupportedError
from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import Access
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from tests.archive_classes import Archive, archive_before
from tests.s3_clients import bucket_on, s3_store
from tests.seaweed import Seaweed


@pytest.fixture(scope="module")
def archive(s3_server: Seaweed) -> Iterator[Archive]:
    with archive_before(s3_server.port) as archive:
        yield archive


@pytest.fixture
async def store(s3_server: Seaweed, archive: Archive) -> AsyncIterator[S3Store]:
    async with bucket_on(s3_server) as made:
        bucket = Bucket(made._bucket.name)
        async with s3_store(bucket, S3Options(archive.url, "us-east-1")) as store:
            yield store


async def test_what_lies_in_an_archive_class_is_not_read_and_not_copied(store: S3Store) -> None:
    info = await store.put("pack", b"cold", storage_class="GLACIER")
    assert (await store.head("pack")).access is Access.ARCHIVED
    with pytest.raises(ArchivedError, match="pack: InvalidObjectState"):
        await store.get("pack")
    with pytest.raises(ArchivedError, match="InvalidObjectState"):
        await store.copy(info, "copy")


async def test_what_is_restored_can_be_read_when_it_is_done(
    store: S3Store, archive: Archive
) -> None:
    await store.put("pack", b"cold", storage_class="DEEP_ARCHIVE")
    await store.restore("pack", 7)
    assert (await store.head("pack")).access is Access.RESTORING
    archive.thaw()
    restored = await store.head("pack")
    assert (restored.access, restored.restored_until) == (
        Access.READABLE,
        datetime(2100, 1, 1, tzinfo=UTC),
    )
    assert (await store.get("pack")).data == b"cold"


async def test_asking_again_is_no_error_while_it_is_restored_nor_afterwards(
    store: S3Store, archive: Archive
) -> None:
    await store.put("pack", b"cold", storage_class="GLACIER")
    await store.restore("pack", 7)
    await store.restore("pack", 7)
    archive.thaw()
    await store.restore("pack", 7)
    assert (await store.head("pack")).access is Access.READABLE


async def test_what_is_in_no_archive_class_has_nothing_to_restore(store: S3Store) -> None:
    await store.put("pack", b"warm")
    with pytest.raises(UnsupportedError, match="InvalidObjectState"):
        await store.restore("pack", 7)
