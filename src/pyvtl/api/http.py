"""One POST of JSON 1.1 in, one answer out: limits, signature, operation, shape, in this order."""

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final, NoReturn

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from botocore.model import Shape

from pyvtl.api.errors import INTERNAL, TOO_LARGE, ApiError, refused
from pyvtl.api.model import operation_model, target_prefix
from pyvtl.api.operations import OPERATIONS, run
from pyvtl.api.service import Service
from pyvtl.api.sigv4 import Arrived, Keys, claimed, verify
from pyvtl.api.validation import validated
from pyvtl.gateway.control import control_application
from pyvtl.gateway.errors import GatewayError

log = structlog.get_logger()

LARGEST_REQUEST: Final = 1 << 20
"""Bytes of a body; DescribeTapes with the names of 1,500 tapes has 150 KiB."""

BODY_SECONDS: Final = 60
"""How long a body may take."""

CONTENT_TYPE: Final = "application/x-amz-json-1.1"
CONTROL: Final = "/control"
"""Under it are the requests of the control socket, for `pyvtl --endpoint`; they are signed, too."""

REQUEST_ID: Final = "x-amzn-RequestId"
TARGET: Final = "X-Amz-Target"


def utc_now() -> datetime:
    """The time that signatures are held against."""
    return datetime.now(UTC)


class Api:
    """Answers requests that are signed with `keys`."""

    def __init__(self, service: Service, keys: Keys, now: Callable[[], datetime] = utc_now) -> None:
        self._service = service
        self._keys = keys
        self._now = now

    def application(self) -> web.Application:
        """What aiohttp serves."""
        app = web.Application(middlewares=[as_aws_answers], client_max_size=LARGEST_REQUEST)
        app.router.add_post("/", self.answer)
        app.add_subapp(CONTROL, control_application(self._service.gateway, self._signed))
        return app

    async def answer(self, request: web.Request) -> web.Response:
        """Do what is asked for; ApiError or GatewayError."""
        body = await self._verified(request)
        row = OPERATIONS.find(_operation_name(request))
        model = operation_model(row.name)
        asked = _decoded(model.input_shape, body)
        output = await run(row, replace(self._service, host=_reached(request)), asked)
        log.debug("api.answered", operation=row.name)
        return _response(output)

    @property
    def _signed(self) -> Middleware:
        @web.middleware
        async def signed(request: web.Request, handler: Handler) -> web.StreamResponse:
            """Let a control request through whose signature is right."""
            await self._verified(request)
            return await handler(request)

        return signed

    async def _verified(self, request: web.Request) -> bytes:
        """The body, once it is known who sent it; strangers are refused before it is read."""
        claim = claimed(self._keys, request.headers, self._now())
        if (request.content_length or 0) > LARGEST_REQUEST:
            _too_large()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            _too_large()
        except TimeoutError:
            raise ApiError("RequestTimeoutException", "the body does not come") from None
        url = f"http://{request.headers['Host']}{request.raw_path}"
        verify(self._keys, claim, Arrived(request.method, url, request.headers, body))
        return body


@web.middleware
async def as_aws_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a refusal in AWS's words, and give every answer an id."""
    request_id = str(uuid.uuid4())
    answer = await _told(request, handler, request_id)
    if not answer.prepared:
        answer.headers[REQUEST_ID] = request_id
    return answer


async def _told(
    request: web.Request,
    handler: Handler,
    request_id: str,
) -> web.StreamResponse:
    target = request.headers.get(TARGET)
    try:
        return await handler(request)
    except ApiError as error:
        refusal = error
    except GatewayError as error:
        refusal = refused(error)
    except web.HTTPException as error:
        refusal = ApiError(
            "UnknownOperationException", f"{error.reason}: POST to /", status=error.status
        )
    except Exception:
        log.exception("api.failed", target=target, request_id=request_id)
        refusal = ApiError(
            "InternalServerError",
            f"the server has a fault; its log says more under request_id {request_id}",
            "InternalError",
            INTERNAL,
        )
    log.info("api.refused", target=target, kind=refusal.kind, reason=str(refusal))
    return _response(refusal.body, refusal.status)


def _reached(request: web.Request) -> str:
    """The address of this machine that a request came to."""
    address = ip_address(request.get_extra_info("sockname")[0].partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def _operation_name(request: web.Request) -> str:
    """What X-Amz-Target names; ApiError unless it is of this service and version."""
    prefix, _, name = request.headers.get(TARGET, "").rpartition(".")
    if prefix != target_prefix():
        raise ApiError("UnknownOperationException", f"{TARGET} must be {target_prefix()}.OPERATION")
    return name


def _decoded(shape: Shape, body: bytes) -> Mapping[str, Any]:
    """The input of an operation; ApiError."""
    try:
        value = json.loads(body or b"{}", parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # Half of a surrogate pair is no text.
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", f"the body is no JSON: {error}") from None
    return validated(shape, value)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _response(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(
        body=json.dumps(body).encode(),
        status=status,
        headers={"Content-Type": CONTENT_TYPE},
    )


def _too_large() -> NoReturn:
    raise ApiError(
        "RequestEntityTooLargeException",
        f"a request has {LARGEST_REQUEST} bytes at most",
        status=TOO_LARGE,
    )
