"""Operations on the archive, which all gateways on one object store share."""

from typing import Any, Final

from pyvtl.api.paging import page
from pyvtl.api.service import GATEWAY_ARN, Answer, Asked, Service, present
from pyvtl.gateway.archived_tape import ArchivedTape
from pyvtl.gateway.errors import TapeNotArchivedError
from pyvtl.gateway.states import Status

RETRIEVED: Final = frozenset({Status.RETRIEVING.value, Status.RETRIEVED.value})


async def describe_tape_archives(service: Service, asked: Asked) -> Answer:
    """All archived tapes, or those that are asked for."""
    life = service.gateway.life
    names = {service.names.barcode(arn) for arn in asked.get("TapeARNs", ())}
    told, marker = page("archives", names or await life.archived_barcodes(), asked, str)
    tapes = await life.list_archived(told)
    if names and (unknown := set(told).difference(tape.barcode for tape in tapes)):
        raise TapeNotArchivedError(f"the archive has no tape {min(unknown)}")
    return {"TapeArchives": [_archive(service, tape) for tape in tapes], **marker}


async def retrieve_tape_archive(service: Service, asked: Asked) -> Answer:
    """To the gateway named, whichever gateway is asked."""
    gateway = service.names.other_gateway(asked[GATEWAY_ARN])
    if gateway == service.names.gateway_id:
        service.gateway.about.check_active()
    await service.gateway.life.retrieve(service.names.barcode(asked["TapeARN"]), gateway)
    return {"TapeARN": asked["TapeARN"]}


async def delete_tape_archive(service: Service, asked: Asked) -> Answer:
    """Refused while a retention lock holds, or while it is retrieved."""
    await service.gateway.life.delete_archived(
        service.names.barcode(asked["TapeARN"]),
        bypass_governance=asked.get("BypassGovernanceRetention", False),
    )
    return {"TapeARN": asked["TapeARN"]}


def retrieved_to(service: Service, tape: ArchivedTape) -> str | None:
    """The ARN of the gateway that has a tape of the archive, or that it is on its way to."""
    return service.names.gateway_of(tape.gateway) if tape.status in RETRIEVED else None


def _archive(service: Service, tape: ArchivedTape) -> dict[str, Any]:
    return present(
        TapeARN=service.names.tape(tape.barcode),
        TapeBarcode=tape.barcode,
        TapeCreatedDate=tape.created_at,
        TapeSizeInBytes=tape.size_bytes,
        CompletionTime=tape.archived_at,
        RetrievedTo=retrieved_to(service, tape),
        TapeStatus=tape.status,
        TapeUsedInBytes=tape.used_bytes,
        PoolId=tape.pool,
        Worm=tape.worm,
        RetentionStartDate=tape.retention_started_at,
        PoolEntryDate=tape.pool_entered_at,
    )
