"""The control socket's requests about the gateway itself.

GET    /gateway                      name, state, time zone, maintenance window, disk space
POST   /gateway                      change them: UpdateGateway
DELETE /gateway                      when no tapes are left
POST   /gateway/stop                 and /start: log initiators out, and let them in again
POST   /gateway/activate             after a deletion: ActivateGateway
POST   /library/changer              make the changer another product: ChangeChanger
GET    /chap                         who has credentials where, without the secrets
POST   /chap                         set credentials: PutChap
POST   /chap/delete                  delete credentials: DeleteChap
GET    /bandwidth                    limits and schedule
POST   /bandwidth                    set limits: PutBandwidth
POST   /bandwidth/clear              take limits away: ClearBandwidth
POST   /bandwidth/schedule           set all intervals: PutSchedule
"""

from typing import Any

from aiohttp import web
from pydantic import SecretStr, TypeAdapter

from pyvtl.gateway.bandwidth import AllLimits, LimitInterval, Limits
from pyvtl.gateway.control_life import Body, answer, body
from pyvtl.gateway.gateway import Gateway
from pyvtl.gateway.information import Information

LIMITS = TypeAdapter(AllLimits)
INFORMATION = TypeAdapter(Information)


class UpdateGateway(Body):
    """What is not None is changed."""

    name: str | None = None
    time_zone: str | None = None
    hour: int | None = None
    minute: int | None = None
    day_of_week: int | None = None
    day_of_month: int | None = None


class ActivateGateway(Body):
    """As after a first start."""

    key: str
    name: str
    time_zone: str = "GMT"


class ChangeChanger(Body):
    """The product by its name in the management API."""

    type: str


class PutChap(Body):
    """Credentials of an initiator for a target."""

    target: str
    initiator: str
    secret: SecretStr
    target_secret: SecretStr | None = None


class DeleteChap(Body):
    """Whose."""

    target: str
    initiator: str


class PutBandwidth(Body):
    """Bits a second; what is None stays."""

    upload: int | None = None
    download: int | None = None


class ClearBandwidth(Body):
    """Which limits."""

    upload: bool
    download: bool


class Interval(Body):
    """Days from 0, Sunday; minutes from midnight, the last one belongs to it."""

    days: tuple[int, ...]
    first_minute: int
    last_minute: int
    upload: int | None = None
    download: int | None = None


class PutSchedule(Body):
    """All intervals."""

    intervals: tuple[Interval, ...]


class SettingsHandlers:
    """One method for each request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[web.RouteDef]:
        """The table at the top of this module."""
        return [
            web.get("/gateway", self.show_gateway),
            web.post("/gateway", self.update_gateway),
            web.delete("/gateway", self.delete_gateway),
            web.post("/gateway/stop", self.stop_gateway),
            web.post("/gateway/start", self.start_gateway),
            web.post("/gateway/activate", self.activate_gateway),
            web.post("/library/changer", self.change_changer),
            web.get("/chap", self.list_chap),
            web.post("/chap", self.put_chap),
            web.post("/chap/delete", self.delete_chap),
            web.get("/bandwidth", self.show_bandwidth),
            web.post("/bandwidth", self.put_bandwidth),
            web.post("/bandwidth/clear", self.clear_bandwidth),
            web.post("/bandwidth/schedule", self.put_schedule),
        ]

    async def show_gateway(self, request: web.Request) -> web.Response:
        gateway = self._gateway
        figures = await gateway.figures()
        information = INFORMATION.dump_python(gateway.about.information, mode="json")
        shown: dict[str, Any] = {
            "id": gateway.gateway_id,
            **information,
            "changer_type": gateway.changer_types.name,
            "activation_key": gateway.about.activation_key,
            "portals": [str(portal) for portal in gateway.portals],
            "cache_allocated_bytes": figures.cache_allocated_bytes,
            "cache_used_bytes": figures.cache_used_bytes,
            "upload_buffer_used_bytes": figures.upload_buffer_used_bytes,
        }
        return web.json_response(shown)

    async def update_gateway(self, request: web.Request) -> web.Response:
        wanted = await body(request, UpdateGateway)
        about = self._gateway.about
        if wanted.name is not None or wanted.time_zone is not None:
            await about.update(name=wanted.name, zone=wanted.time_zone)
        window = wanted.model_dump(exclude={"name", "time_zone"}, exclude_none=True)
        if window:
            await about.update_maintenance(**window)
        return await self.show_gateway(request)

    async def delete_gateway(self, request: web.Request) -> web.Response:
        await self._gateway.delete()
        return await self.show_gateway(request)

    async def stop_gateway(self, request: web.Request) -> web.Response:
        await self._gateway.shut_down()
        return await self.show_gateway(request)

    async def start_gateway(self, request: web.Request) -> web.Response:
        await self._gateway.open_up()
        return await self.show_gateway(request)

    async def activate_gateway(self, request: web.Request) -> web.Response:
        wanted = await body(request, ActivateGateway)
        await self._gateway.activate(wanted.key, wanted.name, wanted.time_zone)
        return await self.show_gateway(request)

    async def change_changer(self, request: web.Request) -> web.Response:
        await self._gateway.change_changer((await body(request, ChangeChanger)).type)
        return await self.show_gateway(request)

    async def list_chap(self, request: web.Request) -> web.Response:
        rows = self._gateway.chap.all()
        shown = [
            {
                "target": row.target,
                "initiator": row.initiator,
                "mutual": row.target_secret is not None,
            }
            for row in rows
        ]
        return web.json_response(shown)

    async def put_chap(self, request: web.Request) -> web.Response:
        wanted = await body(request, PutChap)
        theirs = wanted.target_secret
        await self._gateway.chap.put(
            wanted.target,
            wanted.initiator,
            wanted.secret.get_secret_value(),
            None if theirs is None else theirs.get_secret_value(),
        )
        return await self.list_chap(request)

    async def delete_chap(self, request: web.Request) -> web.Response:
        wanted = await body(request, DeleteChap)
        await self._gateway.chap.delete(wanted.target, wanted.initiator)
        return await self.list_chap(request)

    async def show_bandwidth(self, request: web.Request) -> web.Response:
        return answer(LIMITS, self._gateway.bandwidth.limits)

    async def put_bandwidth(self, request: web.Request) -> web.Response:
        wanted = await body(request, PutBandwidth)
        await self._gateway.bandwidth.limit(wanted.upload, wanted.download)
        return await self.show_bandwidth(request)

    async def clear_bandwidth(self, request: web.Request) -> web.Response:
        wanted = await body(request, ClearBandwidth)
        await self._gateway.bandwidth.clear(upload=wanted.upload, download=wanted.download)
        return await self.show_bandwidth(request)

    async def put_schedule(self, request: web.Request) -> web.Response:
        wanted = await body(request, PutSchedule)
        await self._gateway.bandwidth.schedule(
            [
                LimitInterval(
                    row.days, row.first_minute, row.last_minute, Limits(row.upload, row.download)
                )
                for row in wanted.intervals
            ]
        )
        return await self.show_bandwidth(request)
