"""What the API answers when it does not do what was asked: names, codes and HTTP statuses."""

from collections.abc import Mapping
from typing import Any, Final

from pyvtl.gateway import errors as gateway
from pyvtl.gateway.errors import GatewayError

BAD_REQUEST, TOO_LARGE, INTERNAL = 400, 413, 500
INVALID_REQUEST: Final = "InvalidGatewayRequestException"

CODES: Final[Mapping[type[GatewayError], str]] = {
    gateway.InvalidRequestError: "InvalidParameters",
    gateway.TapeNotFoundError: "TapeCartridgeNotFound",
    gateway.BarcodeTakenError: "InvalidParameters",
    gateway.NoFreeSlotError: "MaximumTapeCartridgeCountExceeded",
    gateway.TapeInUseError: "OperationAborted",
    gateway.WrongStatusError: "OperationAborted",
    gateway.TapeNotArchivedError: "TapeCartridgeNotFound",
    gateway.RetentionLockedError: "UnauthorizedOperation",
    gateway.PoolNotFoundError: "InvalidParameters",
    gateway.PoolInUseError: "OperationAborted",
    gateway.PoolChangeError: "OperationAborted",
    gateway.PolicyNotFoundError: "InvalidParameters",
    gateway.TooManyTagsError: "InvalidParameters",
    gateway.TagsNotFoundError: "InvalidParameters",
    gateway.TokenReusedError: "InvalidParameters",
    gateway.NoStoreError: "NotSupported",
    gateway.StoreUnavailableError: "ServiceUnavailable",
    gateway.OtherGatewayNotFoundError: "GatewayNotFound",
    gateway.StorageError: "StorageFailure",
    gateway.GatewayNotFoundError: "GatewayNotFound",
    gateway.GatewayInUseError: "OperationAborted",
    gateway.ActivationKeyError: "ActivationKeyInvalid",
    gateway.TargetNotFoundError: "TargetNotFound",
    gateway.ChapCredentialsNotFoundError: "ChapCredentialNotFound",
    gateway.DeviceNotFoundError: "InvalidParameters",
    gateway.DeviceInUseError: "OperationAborted",
    gateway.RateLimitNotFoundError: "BandwidthThrottleScheduleNotFound",
    gateway.InvalidScheduleError: "InvalidSchedule",
    gateway.DiskNotFoundError: "DiskDoesNotExist",
    gateway.DiskInUseError: "DiskAlreadyAllocated",
    GatewayError: "InternalError",
}
"""The code of AWS's list that is nearest to each refusal of the gateway, or of a class above it."""


class ApiError(Exception):
    """An answer of its own: `kind` is its `__type`, `code` goes with those that have one."""

    def __init__(
        self, kind: str, message: str, code: str | None = None, status: int = BAD_REQUEST
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.status = status

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON, in the shape that the service model gives errors."""
        body: dict[str, Any] = {"__type": self.kind, "message": str(self)}
        if self.code is not None:
            body["error"] = {"errorCode": self.code, "errorDetails": {}}
        return body


def invalid_request(code: str, message: str) -> ApiError:
    """A refusal that clients know as InvalidGatewayRequestException."""
    return ApiError(INVALID_REQUEST, message, code)


def invalid_parameter(message: str) -> ApiError:
    """A refusal of a value."""
    return invalid_request("InvalidParameters", message)


def refused(error: GatewayError) -> ApiError:
    """What the gateway refuses, as AWS would put it."""
    code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    return invalid_request(code, str(error))
