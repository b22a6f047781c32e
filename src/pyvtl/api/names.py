"""ARNs: what AWS calls the gateway, its tapes, devices, targets and pools; and back."""

import re
from dataclasses import dataclass
from typing import Final

from pyvtl.api.errors import ApiError, invalid_request

ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):storagegateway:(?P<region>[a-z0-9-]+):(?P<account>\d+)"
    r":(?P<kind>[a-z]+)/(?P<rest>.+)"
)

GATEWAY_NAME: Final = re.compile("sgw-(?P<id>[0-9A-Fa-f]{8})")


@dataclass(frozen=True, slots=True)
class Names:
    """The names under one region and account.  Parsing raises ApiError with the given code."""

    region: str
    account: str
    gateway_id: str

    @property
    def gateway_name(self) -> str:
        """The id as AWS writes it: sgw-12A3456B."""
        return f"sgw-{self.gateway_id.upper()}"

    @property
    def gateway(self) -> str:
        """The ARN of this gateway."""
        return self._arn("gateway", self.gateway_name)

    def gateway_of(self, gateway_id: str) -> str:
        """The ARN of a gateway by its id, eight hex digits."""
        return self._arn("gateway", f"sgw-{gateway_id.upper()}")

    def tape(self, barcode: str) -> str:
        """The ARN of a tape."""
        return self._arn("tape", barcode)

    def pool(self, pool_id: str) -> str:
        """The ARN of a custom pool."""
        return self._arn("tapepool", pool_id)

    def device(self, number: int) -> str:
        """The ARN of a device: 0 is the changer, drives count from 1."""
        return f"{self.gateway}/device/{self.device_id(number)}"

    def device_id(self, number: int) -> str:
        """The last part of a device's ARN."""
        kind, ordinal = ("MEDIACHANGER", 1) if number == 0 else ("TAPEDRIVE", number)
        return f"AMZN_SGW-{self.gateway_id.upper()}_{kind}_{ordinal:05}"

    def target(self, target_name: str) -> str:
        """The ARN of a target, by its iSCSI name."""
        return f"{self.gateway}/target/{target_name}"

    def barcode(self, arn: str) -> str:
        """The barcode of a tape; TapeCartridgeNotFound when the ARN is of another account."""
        return self._own("tape", arn, invalid_request("TapeCartridgeNotFound", f"no tape {arn}"))

    def pool_id(self, arn: str) -> str:
        """The id of a custom pool."""
        unknown = invalid_request("InvalidParameters", f"there is no pool {arn}")
        return self._own("tapepool", arn, unknown)

    def other_gateway(self, arn: str) -> str:
        """The id, eight hex digits, of any gateway of this account; GatewayNotFound."""
        unknown = invalid_request("GatewayNotFound", f"there is no gateway {arn}")
        match = GATEWAY_NAME.fullmatch(self._own("gateway", arn, unknown))
        if match is None:
            raise unknown
        return match["id"].lower()

    def target_name(self, arn: str) -> str:
        """The iSCSI name of a target of this gateway; TargetNotFound."""
        name = arn.removeprefix(f"{self.gateway}/target/")
        if name == arn:
            raise invalid_request("TargetNotFound", f"there is no target {arn}")
        return name

    def _arn(self, kind: str, rest: str) -> str:
        return f"arn:aws:storagegateway:{self.region}:{self.account}:{kind}/{rest}"

    def _own(self, kind: str, arn: str, unknown: ApiError) -> str:
        """What stands behind the slash of an ARN of this kind, region and account."""
        match = ARN.fullmatch(arn)
        if match is None or arn != self._arn(kind, match["rest"]):
            raise unknown
        return match["rest"]
