"""What S3 says when something is wrong, told apart by what a caller does about it."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from pyvtl.cloud.errors import (
    AccessDeniedError,
    ArchivedError,
    CorruptDataError,
    MisconfiguredError,
    NotFoundError,
    ObjectStoreError,
    PreconditionFailedError,
    RefusedError,
    UnavailableError,
    UnsupportedError,
)
from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import Absent, Access, Tier, Unchanged, Upload
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from pyvtl.wire.checksum import crc32c
from tests.s3_answers import Handler, refusal, serving
from tests.s3_clients import s3_store

TAPES = Bucket("tapes", "vtl/")


@asynccontextmanager
async def store_with(handler: Handler, **options: object) -> AsyncIterator[S3Store]:
    """A store whose service answers so."""
    async with serving(handler) as url:
        given = S3Options(url, "us-east-1", **options)  # type: ignore[arg-type] # any of its fields
        async with s3_store(TAPES, given) as store:
            yield store


def always(*answer: str | int) -> Handler:
    """Refuses everything with this status and code."""

    async def handler(request: web.Request) -> web.Response:
        return refusal(*answer)  # type: ignore[arg-type] # a status and a code

    return handler


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def refusing() -> AsyncIterator[S3Store]:
    """Refuses every write with the status and the code that its key names."""

    async def handler(request: web.Request) -> web.Response:
        *_, status, code = request.path.split("/")
        return refusal(int(status), code)

    async with store_with(handler) as store:
        yield store


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchKey", NotFoundError),
        (404, "NoSuchBucket", MisconfiguredError),
        (409, "ConditionalRequestConflict", PreconditionFailedError),
        (409, "OperationAborted", UnavailableError),
        (412, "PreconditionFailed", PreconditionFailedError),
        (403, "InvalidObjectState", ArchivedError),
        (403, "RequestTimeTooSkewed", MisconfiguredError),
        (403, "AccessDenied", AccessDeniedError),
        (400, "ExpiredToken", AccessDeniedError),
        (400, "BadDigest", CorruptDataError),
        (400, "MalformedXML", CorruptDataError),
        (400, "RequestTimeout", UnavailableError),
        (400, "KMS.DisabledException", RefusedError),
        (429, "TooManyRequests", UnavailableError),
        (500, "InternalError", UnavailableError),
        (501, "NotImplemented", UnsupportedError),
        (503, "SlowDown", UnavailableError),
        (507, "NeverHeardOf", UnavailableError),
    ],
)
@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_has_its_error(
    refusing: S3Store, status: int, code: str, kind: type[ObjectStoreError]
) -> None:
    key = f"{status}/{code}"
    with pytest.raises(kind, match=f"s3://tapes/vtl/{key}: {code}: told by the test") as told:
        await refusing.put(key, b"data")
    assert type(told.value) is kind


async def test_what_is_unchanged_cannot_be_missing() -> None:
    async with store_with(always(404, "NoSuchKey")) as store:
        with pytest.raises(PreconditionFailedError):
            await store.put("key", b"data", Unchanged("abc"))
        with pytest.raises(NotFoundError):
            await store.put("key", b"data", Absent())


async def test_nothing_is_repeated_in_here() -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return refusal(503, "SlowDown")

    async with store_with(handler) as store:
        with pytest.raises(UnavailableError):
            await store.put("key", b"data")
    assert asked == ["/tapes/vtl/key"]


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever() -> None:
    judged = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "9", "ETag": '"e"'})
        await response.prepare(request)
        await response.write(b"1234")
        await judged.wait()
        return response

    async with store_with(handler, read_seconds=0.1) as store:
        with pytest.raises(UnavailableError):
            await store.get("key")
        judged.set()


async def test_an_answer_that_breaks_off_is_no_data() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "9", "ETag": '"e"'})
        await response.prepare(request)
        await response.write(b"1234")
        assert request.transport is not None
        request.transport.close()
        return response

    async with store_with(handler) as store:
        with pytest.raises(UnavailableError):
            await store.get("key")


async def test_bytes_that_changed_on_the_way_are_found() -> None:
    """RFC 3720 appendix B.4: 4waSgw== is E3069283h, the CRC32C of "123456789"."""

    async def handler(request: web.Request) -> web.Response:
        headers = {"ETag": '"e"', "x-amz-checksum-crc32c": "4waSgw=="}
        body = b"123456789" if request.path.endswith("good") else b"123456780"
        return web.Response(body=body, headers=headers)

    async with store_with(handler) as store:
        assert (await store.get("good")).data == b"123456789"
        with pytest.raises(CorruptDataError, match="do not match their CRC32C"):
            await store.get("bad")


async def test_an_upload_that_becomes_something_else_is_found() -> None:
    async def handler(request: web.Request) -> web.Response:
        text = (
            "<CompleteMultipartUploadResult><ETag>e</ETag><ChecksumCRC32C>4waSgw=="
            "</ChecksumCRC32C></CompleteMultipartUploadResult>"
        )
        if request.method == "PUT":
            return web.Response(headers={"ETag": '"e"'})
        return web.Response(text=text, content_type="application/xml")

    async with store_with(handler) as store:
        part = await store.send_part(Upload("key", "id"), 1, b"data")
        with pytest.raises(CorruptDataError, match="the whole is not as told"):
            await store.complete_upload(Upload("key", "id"), (part,), crc32c=1)


Headers = dict[str, str]


def checksum_of(data: bytes) -> str:
    return b64encode(crc32c(data).to_bytes(4, "big")).decode()


def noting(seen: list[Headers], answer: Callable[[], web.Response]) -> Handler:
    """Writes down the headers of each request that are S3's own."""

    async def handler(request: web.Request) -> web.Response:
        own = {name.lower(): text for name, text in request.headers.items()}
        seen.append({name: text for name, text in own.items() if name.startswith("x-amz")})
        return answer()

    return handler


async def test_how_objects_are_kept_is_asked_for() -> None:
    seen: list[Headers] = []
    begun = "<InitiateMultipartUploadResult><UploadId>i</UploadId></InitiateMultipartUploadResult>"
    handler = noting(
        seen,
        lambda: web.Response(text=begun, headers={"ETag": '"e"'}, content_type="application/xml"),
    )
    kept = {"storage_class": "STANDARD_IA", "sse": "aws:kms", "sse_kms_key_id": "alias/tapes"}
    async with store_with(handler, **kept) as store:
        info = await store.put("key", b"data")
        await store.put("key", b"data", storage_class="STANDARD")
        await store.begin_upload("key", storage_class="DEEP_ARCHIVE")
    assert info.storage_class == "STANDARD_IA"
    assert [headers["x-amz-storage-class"] for headers in seen] == [
        *("STANDARD_IA", "STANDARD", "DEEP_ARCHIVE"),
    ]
    for headers in seen:
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/tapes"


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", "4waSgw=="), (bytes(1 << 20), checksum_of(bytes(1 << 20)))],
    ids=["small", "large"],
)
async def test_payloads_are_not_signed_but_carry_a_crc(data: bytes, crc: str) -> None:
    seen: list[Headers] = []
    handler = noting(seen, lambda: web.Response(headers={"ETag": '"e"'}))
    async with store_with(handler) as store:
        await store.put("key", data)
    assert seen[0]["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert seen[0]["x-amz-checksum-crc32c"] == crc


async def test_an_archived_object_is_restored_and_asking_again_is_no_error() -> None:
    codes = [None, "RestoreAlreadyInProgress", "InvalidObjectState"]

    async def handler(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            archived = {"ETag": '"e"', "x-amz-storage-class": "GLACIER", "Content-Length": "4"}
            return web.Response(headers=archived)
        code = codes.pop(0)
        return web.Response(status=202) if code is None else refusal(409, code)

    async with store_with(handler) as store:
        assert (await store.head("key")).access is Access.ARCHIVED
        await store.restore("key", 7, Tier.BULK)
        await store.restore("key", 7, Tier.BULK)
        with pytest.raises(UnsupportedError):
            await store.restore("key", 7, Tier.BULK)


async def test_credentials_that_expire_are_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential_process is asked again when its answer is about to expire."""
    process = tmp_path / "credentials"
    process.write_text(
        "#!/bin/sh\n"
        f"echo asked >> {tmp_path}/asked\n"
        """printf '{"Version": 1, "AccessKeyId": "key%d", "SecretAccessKey": "s",'"""
        f" $(wc -l < {tmp_path}/asked)\n"
        """date -u -d '+1 minute' '+"Expiration": "%Y-%m-%dT%H:%M:%SZ"}'\n"""
    )
    process.chmod(0o755)
    profile = tmp_path / "config"
    profile.write_text(f"[default]\ncredential_process = {process}\n")
    used = []

    async def handler(request: web.Request) -> web.Response:
        used.append(request.headers["Authorization"].split("Credential=")[1].split("/")[0])
        return web.Response(headers={"ETag": '"e"'})

    async with serving(handler) as url:
        options = S3Options(url, "us-east-1")
        async with s3_store(TAPES, options, {"AWS_CONFIG_FILE": str(profile)}) as store:
            for _ in range(3):
                await store.put("key", b"")
    assert len(set(used)) == 3


def where(url: str) -> str:
    return url.partition("?")[0]


@pytest.mark.parametrize(
    ("style", "address"),
    [
        ("auto", "http://s3.example:8333/tapes/vtl/key"),
        ("path", "http://s3.example:8333/tapes/vtl/key"),
        ("virtual", "http://tapes.s3.example:8333/vtl/key"),
    ],
)
async def test_where_the_name_of_the_bucket_goes(style: str, address: str) -> None:
    options = S3Options("http://s3.example:8333", "us-east-1", style)  # type: ignore[arg-type] # one of them
    async with s3_store(TAPES, options) as store:
        parameters = store._at("key")
        url = await store._client.generate_presigned_url("get_object", Params=parameters)
    assert where(url) == address
