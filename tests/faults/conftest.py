"""What breaks: a real S3 server behind a proxy that does as it is told."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from tests.faults.proxy import Calm, Proxy, proxy_before
from tests.s3_clients import CREDENTIALS, NOBODY, bucket_on, s3_store
from tests.seaweed import Seaweed


@pytest.fixture(scope="module")
def shared_proxy(s3_server: Seaweed) -> Iterator[Proxy]:
    with proxy_before(s3_server.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Iterator[Proxy]:
    """Before the server that tests share; it lets everything pass until it is told otherwise."""
    shared_proxy.met.clear()
    yield shared_proxy
    shared_proxy.schedule = Calm()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_bucket(s3_server: Seaweed) -> str:
    """The name of a bucket: a server has room for few."""
    async with bucket_on(s3_server) as store:
        return store._bucket.name


@pytest.fixture
def bucket(shared_bucket: str) -> Bucket:
    """A prefix in it that nobody has used."""
    return Bucket(shared_bucket, f"{secrets.token_hex(8)}/")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the server, and nobody else's."""
    for name, text in {**NOBODY, **CREDENTIALS}.items():
        monkeypatch.setenv(name, text)


@pytest.fixture
async def direct(bucket: Bucket, s3_server: Seaweed) -> AsyncIterator[S3Store]:
    """The bucket, by a way on which nothing breaks."""
    async with s3_store(bucket, S3Options(s3_server.url, "us-east-1")) as store:
        yield store
