"""S3 stores on a server under test."""

import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from unittest.mock import patch

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from tests.seaweed import ACCESS_KEY, SECRET_KEY, Seaweed

CREDENTIALS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}
"""An environment without anybody's credentials, files or machine role."""


@asynccontextmanager
async def s3_store(
    bucket: Bucket, options: S3Options, environment: Mapping[str, str] = CREDENTIALS
) -> AsyncIterator[S3Store]:
    """A store with only these AWS settings in the environment."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    with patch.dict(os.environ, {**clean, **NOBODY, **environment}, clear=True):
        store = await S3Store.open(bucket, options)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def bucket_on(server: Seaweed) -> AsyncIterator[S3Store]:
    """A store in a new bucket."""
    bucket = Bucket(f"test-{secrets.token_hex(8)}")
    async with s3_store(bucket, S3Options(server.url, "us-east-1")) as store:
        await store._client.create_bucket(Bucket=bucket.name)
        yield store


def elsewhere(store: S3Store) -> S3Store:
    """The same bucket, under a prefix that nobody has used."""
    bucket = replace(store._bucket, prefix=f"{secrets.token_hex(8)}/below/")
    return S3Store(store._client, bucket, store._options, store._stack)
