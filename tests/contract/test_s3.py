"""What is wrong with an S3 service, or with the settings for it, is told by name."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pyvtl.cloud.errors import AccessDeniedError, MisconfiguredError, UnavailableError
from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import Absent
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from tests.ports import free_port
from tests.s3_answers import in_region, serving
from tests.s3_clients import CREDENTIALS, bucket_on, s3_store
from tests.seaweed import READER_KEY, SECRET_KEY, Seaweed

NOWHERE = Bucket("no-such-bucket")


@pytest.fixture
def options(s3_server: Seaweed) -> S3Options:
    return S3Options(s3_server.url, "us-east-1")


async def reason_of(
    kind: type[Exception], options: S3Options, environment: Mapping[str, str] = CREDENTIALS
) -> str:
    """What `check` says of a bucket that is not there, or of the way to it."""
    async with s3_store(NOWHERE, options, environment) as store:
        with pytest.raises(kind) as raised:
            await store.check()
    return str(raised.value)


async def test_a_missing_bucket(options: S3Options) -> None:
    reason = await reason_of(MisconfiguredError, options)
    assert "there is no bucket no-such-bucket" in reason


async def test_an_unknown_access_key(options: S3Options) -> None:
    reason = await reason_of(AccessDeniedError, options, CREDENTIALS | {"AWS_ACCESS_KEY_ID": "x"})
    assert "InvalidAccessKeyId" in reason
    assert "the service does not know this access key" in reason


async def test_a_wrong_secret(options: S3Options) -> None:
    wrong = CREDENTIALS | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    reason = await reason_of(AccessDeniedError, options, wrong)
    assert "SignatureDoesNotMatch" in reason
    assert "the secret key is not that of the access key" in reason


async def test_no_credentials(options: S3Options) -> None:
    reason = await reason_of(AccessDeniedError, options, {})
    assert "no credentials were found: set AWS_ACCESS_KEY_ID" in reason


async def test_a_denied_action_is_told_with_the_permission(s3_server: Seaweed) -> None:
    reader = CREDENTIALS | {"AWS_ACCESS_KEY_ID": READER_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    async with bucket_on(s3_server) as owner:
        await owner.put("key", b"data")
        async with s3_store(owner._bucket, owner._options, reader) as store:
            await store.check()
            assert (await store.get("key")).data == b"data"
            for denied, permission in (
                (store.put("key", b"other", Absent()), "s3:PutObject"),
                (store.delete(["key"]), "s3:DeleteObject"),
            ):
                with pytest.raises(AccessDeniedError, match=f"need the permission {permission}"):
                    await denied


async def test_nobody_listens(options: S3Options) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    reason = await reason_of(UnavailableError, replace(options, endpoint_url=url))
    assert f'Could not connect to the endpoint URL: "{url}' in reason


async def test_an_authority_of_ones_own(s3_server: Seaweed, options: S3Options) -> None:
    trusting = replace(
        options, endpoint_url=s3_server.tls_url, ca_bundle=s3_server.folder / "ca.pem"
    )
    async with bucket_on(s3_server) as plain:
        async with s3_store(plain._bucket, trusting) as store:
            await store.check()
            await store.put("key", b"under TLS" * 100_000)
        assert (await plain.get("key")).data == b"under TLS" * 100_000


async def test_an_authority_that_is_not_trusted(s3_server: Seaweed, options: S3Options) -> None:
    options = replace(options, endpoint_url=s3_server.tls_url)
    reason = await reason_of(MisconfiguredError, options)
    assert "the certificate is not trusted: set store.ca_bundle" in reason


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_of_authorities_that_is_none(
    options: S3Options, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(MisconfiguredError, match=r"store\.ca_bundle .*ca\.pem cannot be used"):
        await S3Store.open(NOWHERE, replace(options, ca_bundle=bundle))


async def test_a_wrong_region_is_told_with_the_right_one() -> None:
    async with serving(in_region("eu-north-1")) as url:
        reason = await reason_of(MisconfiguredError, S3Options(url, "us-east-1"))
    assert reason == (
        "the bucket no-such-bucket is in eu-north-1, not in us-east-1:"
        ' set store.region = "eu-north-1"'
    )


async def test_an_address_that_is_none() -> None:
    with pytest.raises(MisconfiguredError, match=r"store\.endpoint_url: Invalid endpoint"):
        await S3Store.open(NOWHERE, S3Options("http://not a host", "us-east-1"))
