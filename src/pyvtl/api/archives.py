"""Operations on the archive, which all gateways on one object store share."""

from typing import Any, Final

from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service, present
from pyvtl.gateway.errors import TapeNotArchivedError
from pyvtl.gateway.states import Status
from pyvtl.gateway.tape_shelf import ArchivedTape

RETRIEVED: Final = frozenset({Status.RETRIEVING.value, Status.RETRIEVED.value})


async def describe_tape_archives(service: Service, asked: Asked) -> Answer:
    """All archived tapes, or those that are asked for."""
    tapes = {tape.barcode: tape for tape in await service.gateway.life.list_archived()}
    names = dict.fromkeys(service.names.barcode(arn) for arn in asked.get("TapeARNs", ()))
    if unknown := [name for name in names if name not in tapes]:
        raise TapeNotArchivedError(f"the archive has no tape {unknown[0]}")
    chosen = [tapes[name] for name in names] if names else list(tapes.values())
    told, marker = page(chosen, asked, lambda tape: tape.barcode)
    return {"TapeArchives": [_archive(service, tape) for tape in told], **marker}


async def retrieve_tape_archive(service: Service, asked: Asked) -> Answer:
    """To the gateway named, whichever gateway is asked."""
    await service.gateway.life.retrieve(
        service.names.barcode(asked["TapeARN"]), service.names.other_gateway(asked["GatewayARN"])
    )
    return {"TapeARN": asked["TapeARN"]}


async def delete_tape_archive(service: Service, asked: Asked) -> Answer:
    """Refused while a retention lock holds, or while it is retrieved."""
    await service.gateway.life.delete_archived(
        service.names.barcode(asked["TapeARN"]),
        bypass_governance=asked.get("BypassGovernanceRetention", False),
    )
    return {"TapeARN": asked["TapeARN"]}


def _archive(service: Service, tape: ArchivedTape) -> dict[str, Any]:
    retrieved = tape.status in RETRIEVED
    return present(
        TapeARN=service.names.tape(tape.barcode),
        TapeBarcode=tape.barcode,
        TapeCreatedDate=tape.created_at,
        TapeSizeInBytes=tape.size_bytes,
        CompletionTime=tape.archived_at,
        RetrievedTo=service.names.gateway_of(tape.gateway) if retrieved else None,
        TapeStatus=tape.status,
        TapeUsedInBytes=tape.used_bytes,
        PoolId=tape.pool,
        Worm=tape.worm,
        RetentionStartDate=tape.retention_started_at,
        PoolEntryDate=tape.pool_entered_at,
    )
