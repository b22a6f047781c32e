"""Operations on gateways that are lost, and on the recovery points of their tapes."""

from typing import Any, Final

from pyvtl.api.errors import invalid_request
from pyvtl.api.paging import page
from pyvtl.api.service import GATEWAY_ARN, Answer, Asked, Service, of_gateway, present
from pyvtl.cloud.recovering import RecoveryPoint
from pyvtl.gateway.states import Status

AVAILABLE: Final = Status.AVAILABLE.value


async def disable_gateway(service: Service, asked: Asked) -> Answer:
    """Another gateway that is lost, for ever; refused while that is, or was lately, connected."""
    if asked[GATEWAY_ARN] == service.names.gateway:
        raise invalid_request(
            "OperationAborted",
            "the gateway is connected: DisableGateway is for one that does not work any more;"
            " shut this one down, or delete it",
        )
    await service.gateway.life.disable(service.names.other_gateway(asked[GATEWAY_ARN]))
    return of_gateway(asked)


async def describe_tape_recovery_points(service: Service, asked: Asked) -> Answer:
    """Those of the tapes of any gateway on the object store that are not in the archive."""
    life = service.gateway.life
    barcodes = await life.recoverable(service.names.other_gateway(asked[GATEWAY_ARN]))
    told, marker = page("recovery points", barcodes, asked, str)
    rows = [_point(service, point) for point in await life.recovery_points(told)]
    return of_gateway(asked) | {"TapeRecoveryPointInfos": rows, **marker}


async def retrieve_tape_recovery_point(service: Service, asked: Asked) -> Answer:
    """A tape of a disabled gateway, to this one, read-only: it is RECOVERED."""
    await service.gateway.life.recover(service.names.barcode(asked["TapeARN"]))
    return {"TapeARN": asked["TapeARN"]}


def _point(service: Service, point: RecoveryPoint) -> dict[str, Any]:
    return present(
        TapeARN=service.names.tape(point.barcode),
        TapeRecoveryPointTime=point.taken_at,
        TapeSizeInBytes=point.size_bytes,
        TapeStatus=AVAILABLE,
    )
