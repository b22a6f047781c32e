"""What every operation works with: the gateway, and the names that AWS gives what is in it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pyvtl.api.errors import invalid_request
from pyvtl.api.names import Names
from pyvtl.gateway.gateway import Gateway

Asked: TypeAlias = Mapping[str, Any]
"""The input of an operation, checked against its shape."""

Answer: TypeAlias = Mapping[str, Any]
"""Its output, in the shape that the model gives it.  Times are seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Service:
    """One gateway under its names."""

    gateway: Gateway
    names: Names

    def check_gateway(self, arn: str) -> None:
        """GatewayNotFound unless the ARN is that of this gateway, and it is not deleted."""
        if arn != self.names.gateway:
            raise invalid_request("GatewayNotFound", f"there is no gateway {arn} here")
        self.gateway.about.check_active()


Handler: TypeAlias = Callable[[Service, Asked], Awaitable[Answer]]

GATEWAY_ARN: Final = "GatewayARN"


def of_gateway(asked: Asked) -> dict[str, Any]:
    """The output of operations that only say which gateway it was."""
    return {GATEWAY_ARN: asked[GATEWAY_ARN]}


def present(**members: Any) -> dict[str, Any]:
    """Output members, without those that are None."""
    return {name: value for name, value in members.items() if value is not None}
