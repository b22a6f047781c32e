"""What every operation works with: the gateway, and the names that AWS gives what is in it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from pyvtl.api.errors import ApiError, invalid_parameter, invalid_request
from pyvtl.api.names import Names
from pyvtl.gateway.gateway import Gateway
from pyvtl.gateway.tags import GATEWAY
from pyvtl.iscsi.node import PortalAddress

Asked: TypeAlias = Mapping[str, Any]
"""The input of an operation, checked against its shape."""

Answer: TypeAlias = Mapping[str, Any]
"""Its output, in the shape that the model gives it.  Times are seconds since 1970."""


ALL_ADDRESSES: Final = ("0.0.0.0", "::")  # noqa: S104 - nobody listens because of this


@dataclass(frozen=True, slots=True)
class Service:
    """One gateway under its names."""

    gateway: Gateway
    names: Names
    host: str = ""
    """The address of this machine that whoever asks has reached."""

    @property
    def portals(self) -> Sequence[PortalAddress]:
        """Where initiators are told to connect: of all addresses the one that was reached."""
        portals = self.gateway.config.portal.advertise or self.gateway.portals
        return [replace(p, host=self.host) if p.host in ALL_ADDRESSES else p for p in portals]

    def check_gateway(self, arn: str) -> None:
        """GatewayNotFound unless the ARN is that of this gateway, and it is not deleted."""
        if arn != self.names.gateway:
            raise invalid_request("GatewayNotFound", f"there is no gateway {arn} here")
        self.gateway.about.check_active()

    def resource(self, arn: str) -> str:
        """What has tags, as `Tags` names it."""
        if arn == self.names.gateway:
            self.gateway.about.check_active()
            return GATEWAY
        for kind, parse in (("tape", self.names.barcode), ("pool", self.names.pool_id)):
            with suppress(ApiError):
                return f"{kind}/{parse(arn)}"
        raise invalid_parameter(f"{arn} is neither a tape nor a pool nor this gateway")


Handler: TypeAlias = Callable[[Service, Asked], Awaitable[Answer]]

GATEWAY_ARN: Final = "GatewayARN"


def of_gateway(asked: Asked) -> dict[str, Any]:
    """The output of operations that only say which gateway it was."""
    return {GATEWAY_ARN: asked[GATEWAY_ARN]}


def present(**members: Any) -> dict[str, Any]:
    """Output members, without those that are None."""
    return {name: value for name, value in members.items() if value is not None}
