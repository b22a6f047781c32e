"""The control socket: the library's management as JSON over HTTP, for the user who runs it.

    GET    /library                      devices, slots, sessions
    GET    /tapes                        all tapes
    POST   /tapes                        make tapes: CreateTapes
    GET    /tapes/{barcode}              one tape
    DELETE /tapes/{barcode}
    POST   /tapes/{barcode}/protect      and /unprotect
    POST   /tapes/{barcode}/shred        destroy the key
    POST   /tapes/{barcode}/archive      and /cancel-archival
    POST   /tapes/{barcode}/retrieve     from the archive: Retrieve; and /cancel-retrieval
    PUT    /tapes/{barcode}/pool         AssignPool
    GET    /archive                      all archived tapes; /archive/{barcode}: one
    DELETE /archive/{barcode}            ?bypass_governance=true passes such a lock
    POST   /gateways/{id}/disable        another gateway, which is lost
    GET    /gateways/{id}/recovery-points
    POST   /recovery-points/{barcode}    retrieve the one of a disabled gateway's tape
    GET    /pools                        POST makes one: CreatePool; DELETE /pools/{id} closes it
    GET    /policy                       the rules of automatic creation; PUT, DELETE
    GET    /tags/{resource}              PUT adds, DELETE ?key=… removes
    GET    /events                       the last events; ?follow=true: server-sent events
    POST   /tapes/{barcode}/recover      copy a fenced tape: RecoverTape
    GET    /cache                        what lies here of what the object store has
    POST   /cache/evict                  delete all copies that may go
    POST   /cache/{barcode}/pin          and /unpin
    POST   /cache/{barcode}/warm         have the next pieces of a tape here: WarmTape

Requests about the gateway itself are in `control_settings`.

An error has a status of 4xx or 5xx and a body {"error": name, "message": text}.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import Field, TypeAdapter

from pyvtl.gateway.cache_desk import CacheDesk, CacheStatus
from pyvtl.gateway.control_life import TAPE, Body, LifeHandlers, answer, body
from pyvtl.gateway.control_settings import SettingsHandlers
from pyvtl.gateway.errors import (
    GatewayError,
    InvalidRequestError,
    PolicyNotFoundError,
    PoolNotFoundError,
    TagsNotFoundError,
    TapeNotArchivedError,
    TapeNotFoundError,
)
from pyvtl.gateway.gateway import Gateway
from pyvtl.gateway.life_cycle import LifeCycle
from pyvtl.gateway.pools import DEFAULT_POOL
from pyvtl.gateway.status import LibraryStatus
from pyvtl.gateway.tape import Tape

log = structlog.get_logger()

LARGEST_REQUEST: Final = 1 << 16

STATUS: Final[Mapping[type[GatewayError], int]] = {
    InvalidRequestError: 400,
    TapeNotFoundError: 404,
    TapeNotArchivedError: 404,
    PoolNotFoundError: 404,
    PolicyNotFoundError: 404,
    TagsNotFoundError: 404,
}
"""HTTP status by error; any other error is 409 Conflict."""

TAPES = TypeAdapter(list[Tape])
LIBRARY_STATUS = TypeAdapter(LibraryStatus)
CACHE_STATUS = TypeAdapter(CacheStatus)


class CreateTapes(Body):
    """Make `count` tapes with made-up barcodes that begin with `prefix`, or one of `barcode`."""

    size_bytes: int
    prefix: str | None = None
    barcode: str | None = None
    count: int = 1
    pool: str = DEFAULT_POOL
    worm: bool = False


class RecoverTape(Body):
    """Copy what this gateway has of a tape to a new one of that barcode."""

    barcode: str


class WarmTape(Body):
    """Have pieces of a tape here, from the one numbered `first` on."""

    first: int = Field(0, ge=0)


class Handlers:
    """One method for each request."""

    def __init__(self, gateway: Gateway) -> None:
        self._life, self._library = gateway.life, gateway.library
        self._status, self._cache = gateway.status, CacheDesk(gateway.vault)

    def routes(self) -> list[web.RouteDef]:
        """The table at the top of this module."""
        return [
            web.get("/library", self.show_library),
            web.get("/tapes", self.list_tapes),
            web.post("/tapes", self.create_tapes),
            web.get("/tapes/{barcode}", self.show_tape),
            web.delete("/tapes/{barcode}", self.delete_tape),
            web.post("/tapes/{barcode}/protect", self.protect_tape),
            web.post("/tapes/{barcode}/unprotect", self.unprotect_tape),
            web.post("/tapes/{barcode}/shred", self.shred_tape),
            web.post("/tapes/{barcode}/recover", self.recover_tape),
            web.get("/cache", self.show_cache),
            web.post("/cache/evict", self.evict),
            web.post("/cache/{barcode}/pin", self.pin_tape),
            web.post("/cache/{barcode}/unpin", self.unpin_tape),
            web.post("/cache/{barcode}/warm", self.warm_tape),
        ]

    async def show_library(self, request: web.Request) -> web.Response:
        return answer(LIBRARY_STATUS, self._status())

    async def list_tapes(self, request: web.Request) -> web.Response:
        return answer(TAPES, await self._library.list_tapes())

    async def create_tapes(self, request: web.Request) -> web.Response:
        wanted = await body(request, CreateTapes)
        return answer(TAPES, await self._library.create_tapes(**wanted.model_dump()))

    async def show_tape(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._library.show_tape(_barcode(request)))

    async def delete_tape(self, request: web.Request) -> web.Response:
        await self._library.delete_tape(_barcode(request))
        return web.json_response(None)

    async def protect_tape(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._library.protect_tape(_barcode(request), True))

    async def unprotect_tape(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._library.protect_tape(_barcode(request), False))

    async def shred_tape(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._library.shred_tape(_barcode(request)))

    async def recover_tape(self, request: web.Request) -> web.Response:
        wanted = await body(request, RecoverTape)
        tape = await self._library.recover_tape(_barcode(request), wanted.barcode)
        return answer(TAPE, tape)

    async def show_cache(self, request: web.Request) -> web.Response:
        return answer(CACHE_STATUS, await self._cache.status())

    async def evict(self, request: web.Request) -> web.Response:
        await self._cache.evict()
        return answer(CACHE_STATUS, await self._cache.status())

    async def pin_tape(self, request: web.Request) -> web.Response:
        await self._cache.pin(_barcode(request), wanted=True)
        return web.json_response(None)

    async def unpin_tape(self, request: web.Request) -> web.Response:
        await self._cache.pin(_barcode(request), wanted=False)
        return web.json_response(None)

    async def warm_tape(self, request: web.Request) -> web.Response:
        wanted = await body(request, WarmTape)
        warmed = await self._cache.warm(_barcode(request), wanted.first)
        return web.json_response(warmed._asdict())


def _barcode(request: web.Request) -> str:
    return request.match_info["barcode"]


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a refusal by name and reason."""
    try:
        return await handler(request)
    except GatewayError as error:
        name = type(error).__name__.removesuffix("Error")
        return _refusal(name, str(error), STATUS.get(type(error), 409))
    except web.HTTPException as error:
        return _refusal(type(error).__name__, f"{request.path}: {error.reason}", error.status)
    except Exception:
        log.exception("control.failed", method=request.method, path=request.path)
        return _refusal("Internal", "the server has a fault; its log says more", 500)


def _refusal(name: str, message: str, status: int) -> web.Response:
    return web.json_response({"error": name, "message": message}, status=status)


async def _end(life: LifeCycle) -> None:
    """Let those go who wait for events."""
    life.events.end()


def control_application(gateway: Gateway, *before: Middleware) -> web.Application:
    """What answers all of these requests, once `before` has let one through."""
    middlewares = [*before, errors_as_json]
    app = web.Application(middlewares=middlewares, client_max_size=LARGEST_REQUEST)
    for handlers in (Handlers(gateway), LifeHandlers(gateway.life), SettingsHandlers(gateway)):
        app.add_routes(handlers.routes())
    app.on_shutdown.append(lambda _app: _end(gateway.life))
    return app


@asynccontextmanager
async def serve_control(listener: socket.socket, gateway: Gateway) -> AsyncIterator[None]:
    """Answer requests on a listening socket, which is closed at the end."""
    runner = web.AppRunner(control_application(gateway), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
