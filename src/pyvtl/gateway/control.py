"""The control socket: the library's management as JSON over HTTP, for the user who runs it.

    GET    /library                      devices, slots, sessions
    GET    /tapes                        all tapes
    POST   /tapes                        make tapes: CreateTapes
    GET    /tapes/{barcode}              one tape
    DELETE /tapes/{barcode}
    POST   /tapes/{barcode}/protect      and /unprotect
    POST   /tapes/{barcode}/shred        destroy the key
    POST   /tapes/{barcode}/recover      copy a fenced tape: RecoverTape
    GET    /cache                        what lies here of what the object store has
    POST   /cache/evict                  delete all copies that may go
    POST   /cache/{barcode}/pin          and /unpin
    POST   /cache/{barcode}/warm         have the next pieces of a tape here: WarmTape

An error has a status of 4xx or 5xx and a body {"error": name, "message": text}.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pyvtl.gateway.cache_desk import CacheDesk, CacheStatus
from pyvtl.gateway.errors import (
    GatewayError,
    InvalidRequestError,
    TapeNotFoundError,
)
from pyvtl.gateway.library import Library, Tape
from pyvtl.gateway.status import LibraryStatus

log = structlog.get_logger()

LARGEST_REQUEST: Final = 1 << 16

STATUS: Final[Mapping[type[GatewayError], int]] = {InvalidRequestError: 400, TapeNotFoundError: 404}
"""HTTP status by error; any other error is 409 Conflict."""

TAPE = TypeAdapter(Tape)
TAPES = TypeAdapter(list[Tape])
LIBRARY_STATUS = TypeAdapter(LibraryStatus)
CACHE_STATUS = TypeAdapter(CacheStatus)


Body = TypeVar("Body", bound=BaseModel)


class CreateTapes(BaseModel):
    """Make `count` tapes with made-up barcodes that begin with `prefix`, or one of `barcode`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size_bytes: int
    prefix: str | None = None
    barcode: str | None = None
    count: int = 1


class RecoverTape(BaseModel):
    """Copy what this gateway has of a tape to a new one of that barcode."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    barcode: str


class WarmTape(BaseModel):
    """Have pieces of a tape here, from the one numbered `first` on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: int = Field(0, ge=0)


class Handlers:
    """One method for each request."""

    def __init__(
        self, library: Library, status: Callable[[], LibraryStatus], cache: CacheDesk
    ) -> None:
        self._library, self._cache = library, cache
        self._status = status

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
        return _answer(LIBRARY_STATUS, self._status())

    async def list_tapes(self, request: web.Request) -> web.Response:
        return _answer(TAPES, await self._library.list_tapes())

    async def create_tapes(self, request: web.Request) -> web.Response:
        wanted = await _wanted(CreateTapes, request)
        return _answer(TAPES, await self._library.create_tapes(**wanted.model_dump()))

    async def show_tape(self, request: web.Request) -> web.Response:
        return _answer(TAPE, await self._library.show_tape(_barcode(request)))

    async def delete_tape(self, request: web.Request) -> web.Response:
        await self._library.delete_tape(_barcode(request))
        return web.json_response(None)

    async def protect_tape(self, request: web.Request) -> web.Response:
        return _answer(TAPE, await self._library.protect_tape(_barcode(request), True))

    async def unprotect_tape(self, request: web.Request) -> web.Response:
        return _answer(TAPE, await self._library.protect_tape(_barcode(request), False))

    async def shred_tape(self, request: web.Request) -> web.Response:
        return _answer(TAPE, await self._library.shred_tape(_barcode(request)))

    async def recover_tape(self, request: web.Request) -> web.Response:
        wanted = await _wanted(RecoverTape, request)
        tape = await self._library.recover_tape(_barcode(request), wanted.barcode)
        return _answer(TAPE, tape)

    async def show_cache(self, request: web.Request) -> web.Response:
        return _answer(CACHE_STATUS, await self._cache.status())

    async def evict(self, request: web.Request) -> web.Response:
        await self._cache.evict()
        return _answer(CACHE_STATUS, await self._cache.status())

    async def pin_tape(self, request: web.Request) -> web.Response:
        await self._cache.pin(_barcode(request), wanted=True)
        return web.json_response(None)

    async def unpin_tape(self, request: web.Request) -> web.Response:
        await self._cache.pin(_barcode(request), wanted=False)
        return web.json_response(None)

    async def warm_tape(self, request: web.Request) -> web.Response:
        wanted = await _wanted(WarmTape, request)
        warmed = await self._cache.warm(_barcode(request), wanted.first)
        return web.json_response(warmed._asdict())


async def _wanted(kind: type[Body], request: web.Request) -> Body:
    """The body of a request.  Raises InvalidRequestError."""
    try:
        return kind.model_validate_json(await request.read())
    except ValidationError as error:
        raise InvalidRequestError(str(error)) from None


def _barcode(request: web.Request) -> str:
    return request.match_info["barcode"]


def _answer(kind: TypeAdapter[Any], value: Any) -> web.Response:
    return web.Response(body=kind.dump_json(value), content_type="application/json")


@web.middleware
async def errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
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


@asynccontextmanager
async def serve_control(
    listener: socket.socket,
    library: Library,
    status: Callable[[], LibraryStatus],
    cache: CacheDesk,
) -> AsyncIterator[None]:
    """Answer requests on a listening socket, which is closed at the end."""
    app = web.Application(middlewares=[errors_as_json], client_max_size=LARGEST_REQUEST)
    app.add_routes(Handlers(library, status, cache).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()
