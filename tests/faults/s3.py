"""Settings of a gateway whose tapes lie in a bucket of the server under test."""

from collections.abc import Mapping
from pathlib import Path

from pyvtl.cli.client import Client
from pyvtl.cloud.location import Bucket
from tests.s3_clients import CREDENTIALS, NOBODY
from tests.waiting import seen

PATIENCE_SECONDS = 300
SMALL = {
    "PYVTL_LIBRARY__DRIVES": "2",
    "PYVTL_STORE__SEGMENT_SIZE": "4MiB",
    "PYVTL_STORE__UPLOAD_BUFFER_LIMIT": "32MiB",
    "PYVTL_STORE__IDLE_SECONDS": "0.1",
    "PYVTL_STORE__RECOVERY_POINT_SECONDS": "0.3",
    "PYVTL_STORE__DEDUP": "pool",
    "PYVTL_CACHE__LIMIT": "8MiB",
}
"""Segments, buffer and cache so small that a moment's writing makes all of them turn over."""


def url_of(bucket: Bucket) -> str:
    """A bucket as `--store` takes it."""
    return f"s3://{bucket.name}/{bucket.prefix.strip('/')}"


def in_bucket(bucket: Bucket, url: str, **settings: str) -> Mapping[str, str]:
    """The environment that names a bucket on a server, and other settings."""
    store = {"PYVTL_STORE__URL": url_of(bucket)}
    store |= {"PYVTL_STORE__ENDPOINT_URL": url, "PYVTL_STORE__REGION": "us-east-1"}
    return {**store, **CREDENTIALS, **NOBODY, **settings}


def wait_until_uploaded(folder: Path) -> None:
    """Return once the store has all that the server on a data folder took; TimeoutError."""
    client = Client(folder)
    seen(
        lambda: client.get("/library")["store"]["oldest_dirty_seconds"],
        lambda seconds: seconds is None,
        PATIENCE_SECONDS,
    )
