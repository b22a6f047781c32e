"""Who may ask: Signature Version 4, through boto3 with what goes wrong on the way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from pyvtl.api.http import Api
from pyvtl.api.names import Names
from pyvtl.api.service import Service
from pyvtl.api.sigv4 import Keys
from tests.api_client import ACCOUNT, GATEWAY, KEY_ID, REGION, SECRET, Served, client

INVALID = ("InvalidSignatureException", 400)


@asynccontextmanager
async def at_another_time(api: Served, ahead: timedelta) -> AsyncIterator[Served]:
    """The same gateway behind a server whose clock goes ahead, and a client of it."""
    service = Service(api.gateway, Names(REGION, ACCOUNT, api.gateway.gateway_id))
    keys = Keys(KEY_ID, SECRET, REGION)
    app = Api(service, keys, lambda: datetime.now(UTC) + ahead).application()
    async with TestServer(app) as server:
        url = str(server.make_url(""))
        yield Served(api.gateway, url, await asyncio.to_thread(client, url))


async def with_client(api: Served, **options: str) -> Served:
    """A client with other keys, or of another region."""
    made = await asyncio.to_thread(lambda: client(api.url, **options))
    return Served(api.gateway, api.url, made)


def on_the_way(api: Served, tamper: Callable[[Any], None]) -> Served:
    """Change each request between the client's signature and the server."""
    api.client.meta.events.register(
        "before-send.storage-gateway", lambda request, **_: tamper(request)
    )
    return api


async def test_the_right_keys(api: Served) -> None:
    assert len((await api.call("ListGateways"))["Gateways"]) == 1


async def test_an_unknown_key(api: Served) -> None:
    stranger = await with_client(api, key_id="PYVTLTESTKEYOFSOMEBODY")
    assert await stranger.failed("ListGateways") == ("UnrecognizedClientException", 400)


async def test_a_wrong_secret(api: Served) -> None:
    liar = await with_client(api, secret=SECRET + "!")
    assert await liar.failed("ListGateways") == INVALID


async def test_another_region(api: Served) -> None:
    elsewhere = await with_client(api, region="eu-test-2")
    assert await elsewhere.failed("ListGateways") == INVALID


@pytest.mark.parametrize(
    ("minutes", "fails"), [(4.9, False), (5.1, True), (-4.9, False), (-5.1, True)]
)
async def test_a_request_of_another_time(api: Served, minutes: float, fails: bool) -> None:
    async with at_another_time(api, timedelta(minutes=minutes)) as other:
        if fails:
            assert await other.failed("ListGateways") == INVALID
        else:
            assert len((await other.call("ListGateways"))["Gateways"]) == 1


async def test_a_tampered_body(api: Served) -> None:
    def tamper(request: Any) -> None:
        request.body = request.body.replace(b"12A3456B", b"12A3456C")

    tampered = on_the_way(api, tamper)
    assert await tampered.failed("DescribeCache", GatewayARN=GATEWAY) == INVALID


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Amz-Target", "StorageGateway_20130630.DeleteGateway"),
        ("X-Amz-Date", "20260101T000000Z"),
        ("Host", "elsewhere.example"),
        ("Content-Type", "text/plain"),
        ("X-Amz-Security-Token", "unsigned"),
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
    ],
)
async def test_a_tampered_header(api: Served, header: str, value: str) -> None:
    def tamper(request: Any) -> None:
        request.headers[header] = value

    assert await on_the_way(api, tamper).failed("ListGateways") == INVALID
    assert api.gateway.about.information.state == "RUNNING"


async def test_a_tampered_query(api: Served) -> None:
    def tamper(request: Any) -> None:
        request.url += "?all=yes"

    assert await on_the_way(api, tamper).failed("ListGateways") == INVALID


@pytest.mark.parametrize(
    ("authorization", "kind"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("Basic Zm9vOmJhcg==", "IncompleteSignatureException"),
        ("AWS4-HMAC-SHA256 Credential=x", "IncompleteSignatureException"),
    ],
)
async def test_no_signature(api: Served, authorization: str | None, kind: str) -> None:
    def tamper(request: Any) -> None:
        del request.headers["Authorization"]
        if authorization is not None:
            request.headers["Authorization"] = authorization

    assert await on_the_way(api, tamper).failed("ListGateways") == (kind, 400)


async def test_a_signature_without_a_time(api: Served) -> None:
    def tamper(request: Any) -> None:
        del request.headers["X-Amz-Date"]

    assert await on_the_way(api, tamper).failed("ListGateways") == (
        "IncompleteSignatureException",
        400,
    )


@pytest.mark.parametrize(("minutes", "fails"), [(0, False), (6, True)])
async def test_a_signature_that_has_its_time_in_date(
    api: Served, minutes: int, fails: bool
) -> None:
    def ask_for_date(request: Any, **_: object) -> None:
        request.headers["Date"] = "botocore puts the time here then"

    async with at_another_time(api, timedelta(minutes=minutes)) as other:
        other.client.meta.events.register("before-sign.storage-gateway", ask_for_date)
        if fails:
            assert await other.failed("ListGateways") == INVALID
        else:
            assert len((await other.call("ListGateways"))["Gateways"]) == 1


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: AWS4-HMAC-SHA256 Credential=\xff/20261126/r/s/aws4_request",
        b"X-Amz-Date: \xff",
        b"X-Amz-Target: \xff",
        b"X-Amz-Content-Sha256: \xff",
        b"X-Other: \xff",
    ],
)
async def test_bytes_that_are_no_text_are_an_incomplete_signature(
    api: Served, header: bytes
) -> None:
    assert await told_raw(api, b"Host: x", header) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize("host", [b"[", b"", b"a b", b"[::1", b"x:99999999"])
async def test_a_host_that_is_none_has_no_signature(api: Served, host: bytes) -> None:
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    credential = f"{KEY_ID}/{now[:8]}/{REGION}/storagegateway/aws4_request"
    authorization = (
        f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    date = f"X-Amz-Date: {now}"
    answer = await told_raw(api, b"Host: " + host, authorization.encode(), date.encode())
    assert answer == (400, "InvalidSignatureException")


async def told_raw(api: Served, *headers: bytes) -> tuple[int, str]:
    """The status and the kind of the answer to a request that no client would send."""
    host, _, port = api.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (b"POST / HTTP/1.1", *headers, b"Content-Length: 2", b"Connection: close", b"", b"{}")
    writer.write(b"\r\n".join(lines))
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), str(json.loads(body)["__type"])


async def test_a_request_that_is_too_large_is_refused(api: Served) -> None:
    arns = [GATEWAY + "x" * 400] * 2500
    assert await api.failed("ListTapes", TapeARNs=arns) == ("RequestEntityTooLargeException", 413)


@pytest.mark.parametrize("target", ["StorageGateway_20130630.MakeCoffee", "DynamoDB_20120810.Get"])
async def test_an_operation_that_nobody_knows(api: Served, target: str) -> None:
    def rename(request: Any, **_: object) -> None:
        request.headers.replace_header("X-Amz-Target", target)

    api.client.meta.events.register("before-sign.storage-gateway", rename)
    assert await api.failed("ListGateways") == ("UnknownOperationException", 400)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"NaN",
        b"[" * 100_000,
        b'{"Limit":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"Limit":' + b"[" * 600 + b"]" * 600 + b"}",
        b"\xff",
        b'{"GatewayARN":"\\ud800"}',
        b'{"\\udfff":""}',
    ],
)
async def test_a_body_that_is_no_object(api: Served, body: bytes) -> None:
    def replace(request: Any, **_: object) -> None:
        request.data = body

    api.client.meta.events.register("before-sign.storage-gateway", replace)
    assert await api.failed("ListGateways") == ("SerializationException", 400)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 405), ("POST", "/x", 404)])
async def test_every_answer_has_an_id(api: Served, method: str, path: str, status: int) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{api.url}{path}") as answer,
    ):
        told = json.loads(await answer.read())
        assert (answer.status, told["__type"]) == (status, "UnknownOperationException")
        assert len(answer.headers["x-amzn-RequestId"]) == 36
