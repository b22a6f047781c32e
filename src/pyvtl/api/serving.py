"""Starts the API beside a gateway, and stops it before that."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from pyvtl.config.api import ApiSection
from pyvtl.config.types import is_loopback
from pyvtl.gateway.errors import GatewayError
from pyvtl.gateway.gateway import Gateway
from pyvtl.iscsi.node import PortalAddress

if TYPE_CHECKING:
    from aiohttp import web

log = structlog.get_logger()

LAST_WORDS_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API is; `credentials` is the file with keys that were made for it."""

    url: str
    credentials: Path | None


@asynccontextmanager
async def serve_api(gateway: Gateway) -> AsyncIterator[Endpoint | None]:
    """Answer requests for a running gateway; None when the settings say off.  GatewayError."""
    settings = gateway.config.api
    if settings.listen is None:
        yield None
        return
    tls = await asyncio.to_thread(_tls, settings)
    # Imports and the service model take a second in all: initiators are served meanwhile.
    await asyncio.to_thread(_prepare)
    runner, credentials = await _runner(gateway, settings)
    try:
        address = await _listen(runner, settings.listen, tls)
        endpoint = Endpoint(f"{'https' if tls else 'http'}://{address}", credentials)
        _warn(settings.listen, tls)
        log.info("api.started", url=endpoint.url)
        yield endpoint
    finally:
        await runner.cleanup()


def _prepare() -> None:
    """Import what takes long, and read the service model."""
    from pyvtl.api.http import Api  # noqa: PLC0415 - see serve_api
    from pyvtl.api.model import service_model  # noqa: PLC0415 - see serve_api

    _ = Api
    service_model()


async def _runner(gateway: Gateway, settings: ApiSection) -> tuple["web.AppRunner", Path | None]:
    from aiohttp import web  # noqa: PLC0415 - see serve_api

    from pyvtl.api.http import Api  # noqa: PLC0415 - see serve_api
    from pyvtl.api.keys import key_pair  # noqa: PLC0415 - see serve_api
    from pyvtl.api.names import Names  # noqa: PLC0415 - see serve_api
    from pyvtl.api.service import Service  # noqa: PLC0415 - see serve_api
    from pyvtl.api.sigv4 import Keys  # noqa: PLC0415 - see serve_api

    pair = await asyncio.to_thread(key_pair, settings, gateway.config.gateway.data_dir)
    service = Service(gateway, Names(settings.region, settings.account_id, gateway.gateway_id))
    keys = Keys(pair.access_key_id, pair.secret_access_key, settings.region)
    app = Api(service, keys).application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_WORDS_SECONDS)
    await runner.setup()
    return runner, pair.file


async def _listen(
    runner: "web.AppRunner", address: PortalAddress, tls: ssl.SSLContext | None
) -> PortalAddress:
    from aiohttp import web  # noqa: PLC0415 - see serve_api

    try:
        await web.TCPSite(runner, address.host, address.port, ssl_context=tls).start()
    except OSError as error:
        raise GatewayError(
            f"the API cannot listen on {address}: {error.strerror}; name another address with"
            " --api HOST:PORT (port 0 picks one), or turn it off with --api off"
        ) from None
    return PortalAddress(*runner.addresses[0][:2])


def _tls(settings: ApiSection) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise GatewayError(f"api.tls_cert and api.tls_key cannot be used: {error}") from None
    return context


def _warn(address: PortalAddress, tls: ssl.SSLContext | None) -> None:
    if tls is None and not is_loopback(address):
        log.warning(
            "api.open",
            address=str(address),
            risk="requests are signed, so that nobody can change or repeat them for long, but all"
            " that is said goes over the network in plain HTTP, CHAP secrets too; set api.tls_cert"
            " and api.tls_key",
        )
