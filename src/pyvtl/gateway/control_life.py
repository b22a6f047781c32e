"""The requests of the control socket that are about the life of tapes beyond the library."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pyvtl.cloud.recovering import RecoveryPoint
from pyvtl.gateway.archived_tape import ArchivedTape
from pyvtl.gateway.errors import InvalidRequestError
from pyvtl.gateway.ledger import PoolRecord, Rule
from pyvtl.gateway.life_cycle import LifeCycle
from pyvtl.gateway.tape import Tape

TAPE = TypeAdapter(Tape)
ARCHIVED_TAPE = TypeAdapter(ArchivedTape)
ARCHIVED_TAPES = TypeAdapter(list[ArchivedTape])
RECOVERY_POINTS = TypeAdapter(list[RecoveryPoint])
POOL = TypeAdapter(PoolRecord)
POOLS = TypeAdapter(list[PoolRecord])
RULES = TypeAdapter(list[Rule])
TAGS = TypeAdapter(dict[str, str])


class Body(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


Wanted = TypeVar("Wanted", bound=Body)


class Retrieve(Body):
    """To which gateway; this one if none is named."""

    gateway: str | None = None


class AssignPool(Body):
    """The new pool of a tape."""

    pool: str
    bypass_governance: bool = False


class CreatePool(Body):
    """A custom pool."""

    name: str
    storage_class: str
    retention_lock: str = "NONE"
    lock_days: int = 0


class LifeHandlers:
    """One method for each request."""

    def __init__(self, life: LifeCycle) -> None:
        self._life = life

    def routes(self) -> list[web.RouteDef]:
        """What the table in `control.py` says of them."""
        return [
            web.post("/tapes/{barcode}/archive", self.archive),
            web.post("/tapes/{barcode}/cancel-archival", self.cancel_archival),
            web.post("/tapes/{barcode}/retrieve", self.retrieve),
            web.post("/tapes/{barcode}/cancel-retrieval", self.cancel_retrieval),
            web.put("/tapes/{barcode}/pool", self.assign_pool),
            web.get("/archive", self.list_archived),
            web.get("/archive/{barcode}", self.show_archived),
            web.delete("/archive/{barcode}", self.delete_archived),
            web.post("/gateways/{id}/disable", self.disable_gateway),
            web.get("/gateways/{id}/recovery-points", self.list_recovery_points),
            web.post("/recovery-points/{barcode}", self.retrieve_recovery_point),
            web.get("/pools", self.list_pools),
            web.post("/pools", self.create_pool),
            web.delete("/pools/{id}", self.delete_pool),
            web.get("/policy", self.show_policy),
            web.put("/policy", self.set_policy),
            web.delete("/policy", self.delete_policy),
            web.get("/tags/{resource:.+}", self.list_tags),
            web.put("/tags/{resource:.+}", self.add_tags),
            web.delete("/tags/{resource:.+}", self.remove_tags),
            web.get("/events", self.events),
        ]

    async def archive(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._life.archive(_barcode(request)))

    async def cancel_archival(self, request: web.Request) -> web.Response:
        return answer(TAPE, await self._life.cancel_archival(_barcode(request)))

    async def retrieve(self, request: web.Request) -> web.Response:
        wanted = await body(request, Retrieve) if request.can_read_body else Retrieve()
        await self._life.retrieve(_barcode(request), wanted.gateway)
        return answer(ARCHIVED_TAPE, await self._life.show_archived(_barcode(request)))

    async def cancel_retrieval(self, request: web.Request) -> web.Response:
        await self._life.cancel_retrieval(_barcode(request))
        return web.json_response(None)

    async def assign_pool(self, request: web.Request) -> web.Response:
        wanted = await body(request, AssignPool)
        await self._life.assign_pool(
            _barcode(request), wanted.pool, bypass_governance=wanted.bypass_governance
        )
        return web.json_response(None)

    async def list_archived(self, request: web.Request) -> web.Response:
        return answer(ARCHIVED_TAPES, await self._life.list_archived())

    async def show_archived(self, request: web.Request) -> web.Response:
        return answer(ARCHIVED_TAPE, await self._life.show_archived(_barcode(request)))

    async def delete_archived(self, request: web.Request) -> web.Response:
        bypass = request.query.get("bypass_governance") == "true"
        await self._life.delete_archived(_barcode(request), bypass_governance=bypass)
        return web.json_response(None)

    async def disable_gateway(self, request: web.Request) -> web.Response:
        await self._life.disable(request.match_info["id"])
        return web.json_response(None)

    async def list_recovery_points(self, request: web.Request) -> web.Response:
        barcodes = await self._life.recoverable(request.match_info["id"])
        return answer(RECOVERY_POINTS, await self._life.recovery_points(barcodes))

    async def retrieve_recovery_point(self, request: web.Request) -> web.Response:
        await self._life.recover(_barcode(request))
        return web.json_response(None)

    async def list_pools(self, request: web.Request) -> web.Response:
        return answer(POOLS, await self._life.pools.list())

    async def create_pool(self, request: web.Request) -> web.Response:
        wanted = await body(request, CreatePool)
        return answer(POOL, await self._life.pools.create(**wanted.model_dump()))

    async def delete_pool(self, request: web.Request) -> web.Response:
        await self._life.pools.delete(request.match_info["id"])
        return web.json_response(None)

    async def show_policy(self, request: web.Request) -> web.Response:
        return answer(RULES, await self._life.policies.show())

    async def set_policy(self, request: web.Request) -> web.Response:
        try:
            rules = RULES.validate_json(await request.read())
        except ValidationError as error:
            raise InvalidRequestError(str(error)) from None
        await self._life.policies.set(rules)
        return answer(RULES, await self._life.policies.show())

    async def delete_policy(self, request: web.Request) -> web.Response:
        await self._life.policies.delete()
        return web.json_response(None)

    async def list_tags(self, request: web.Request) -> web.Response:
        return web.json_response(await self._life.tags.list(request.match_info["resource"]))

    async def add_tags(self, request: web.Request) -> web.Response:
        try:
            tags: Mapping[str, str] = TAGS.validate_json(await request.read())
        except ValidationError as error:
            raise InvalidRequestError(str(error)) from None
        await self._life.tags.add(request.match_info["resource"], tags)
        return await self.list_tags(request)

    async def remove_tags(self, request: web.Request) -> web.Response:
        keys = request.query.getall("key", [])
        await self._life.tags.remove(request.match_info["resource"], keys)
        return await self.list_tags(request)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The last events as a list, or all from now on, one after another."""
        if request.query.get("follow") != "true":
            return web.json_response([event.as_dict() for event in self._life.events.recent])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with self._life.events.following() as queue, suppress(ConnectionResetError):
            await response.prepare(request)
            while (event := await queue.get()) is not None:
                await response.write(f"data: {json.dumps(event.as_dict())}\n\n".encode())
        return response


async def body(request: web.Request, kind: type[Wanted]) -> Wanted:
    """The body of a request.  Raises InvalidRequestError."""
    try:
        return kind.model_validate_json(await request.read())
    except ValidationError as error:
        raise InvalidRequestError(str(error)) from None


def answer(kind: TypeAdapter[Any], value: Any) -> web.Response:
    """A value as JSON."""
    return web.Response(body=kind.dump_json(value), content_type="application/json")


def _barcode(request: web.Request) -> str:
    return request.match_info["barcode"]
