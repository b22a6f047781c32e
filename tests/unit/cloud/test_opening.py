"""A store by its location and the settings for it."""

from pathlib import Path

from pyvtl.cloud.location import Bucket, Folder
from pyvtl.cloud.metered import Count
from pyvtl.cloud.opening import open_store
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from pyvtl.config.model import StoreSection


async def test_what_is_asked_of_a_store_is_counted(tmp_path: Path) -> None:
    store = await open_store(Folder(tmp_path))
    await store.objects.put("key", b"data")
    count = store.metered.counts["put"]
    assert (tmp_path / "key").read_bytes() == b"data"
    assert count == Count(calls=1, sent=4, seconds=count.seconds)
    await store.objects.close()


async def test_a_bucket_is_opened_without_asking_anything_of_it() -> None:
    store = await open_store(Bucket("tapes"), S3Options("http://127.0.0.1:1", "us-east-1"))
    assert isinstance(store.metered._inner, S3Store)
    assert store.metered.counts == {}
    await store.objects.close()


def test_the_settings_say_where_it_is_and_how_to_reach_it() -> None:
    section = StoreSection(
        url="s3://tapes/vtl",
        endpoint_url="https://s3.example:8333",
        region="here",
        addressing_style="path",
        ca_bundle=Path("/etc/pyvtl/ca.pem"),
        storage_class="STANDARD_IA",
        sse="aws:kms",
        sse_kms_key_id="alias/tapes",
        connect_timeout=1,
        read_timeout=2,
        attempts=3,
    )
    assert section.location == Bucket("tapes", "vtl/")
    assert section.patience == Patience(attempts=3)
    assert section.s3 == S3Options(
        "https://s3.example:8333",
        "here",
        "path",
        Path("/etc/pyvtl/ca.pem"),
        "STANDARD_IA",
        "aws:kms",
        "alias/tapes",
        1,
        2,
    )


def test_without_settings_there_is_no_object_store() -> None:
    assert StoreSection().location is None
    assert StoreSection().s3 == S3Options()
