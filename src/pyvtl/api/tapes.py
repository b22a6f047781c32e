"""Operations on the tapes of the library, and on their way from and to it."""

from datetime import datetime
from typing import Any, Final

from pyvtl.api.archives import retrieved_to
from pyvtl.api.errors import invalid_parameter, invalid_request
from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service, present
from pyvtl.api.tags import tags_of
from pyvtl.gateway.archived_tape import ArchivedTape
from pyvtl.gateway.creation import Wanted
from pyvtl.gateway.errors import TapeNotFoundError
from pyvtl.gateway.pools import DEFAULT_POOL
from pyvtl.gateway.states import Status
from pyvtl.gateway.tape import Tape

GIB: Final = 1 << 30
SMALLEST, LARGEST = 100 * GIB, 15 * 1024 * GIB
KNOWN_STATUSES: Final = frozenset(status.value for status in Status)
PERCENT: Final = 100.0


async def create_tapes(service: Service, asked: Asked) -> Answer:
    """As many as asked for or none, and once for each client token."""
    wanted = _wanted(asked, prefix=asked["TapeBarcodePrefix"], count=asked["NumTapesToCreate"])
    made = await service.gateway.library.make_tapes(wanted, asked["ClientToken"])
    return {"TapeARNs": [service.names.tape(barcode) for barcode in made]}


async def create_tape_with_barcode(service: Service, asked: Asked) -> Answer:
    """One tape with a barcode of the caller's."""
    await service.gateway.library.make_tapes(_wanted(asked, barcode=asked["TapeBarcode"]))
    return {"TapeARN": service.names.tape(asked["TapeBarcode"])}


async def describe_tapes(service: Service, asked: Asked) -> Answer:
    """All about the tapes of the library, or about those that are asked for."""
    library = service.gateway.library
    here = library.barcodes()
    names = [service.names.barcode(arn) for arn in asked.get("TapeARNs", ())]
    if unknown := [name for name in names if name not in here]:
        raise TapeNotFoundError(f"there is no tape {unknown[0]} in the library")
    told, marker = page("tapes here", set(names) or here, asked, str)
    tapes = await library.list_tapes(told)
    return {"Tapes": [_described(service, tape) for tape in tapes], **marker}


async def list_tapes(service: Service, asked: Asked) -> Answer:
    """The tapes of library and archive in short, or those of the ones asked for that there are."""
    library, life = service.gateway.library, service.gateway.life
    names = {service.names.barcode(arn) for arn in asked.get("TapeARNs", ())}
    # The library first: what leaves it for the archive in between is found in both, not in none.
    names = names or library.barcodes() | await life.archived_barcodes()
    told, marker = page("tapes", names, asked, str)
    here = await library.list_tapes(library.barcodes().intersection(told))
    rows = {tape.barcode: _listed(service, tape) for tape in here}
    archived = await life.list_archived(name for name in told if name not in rows)
    rows |= {tape.barcode: _listed_archived(service, tape) for tape in archived}
    return {"TapeInfos": [rows[name] for name in told if name in rows], **marker}


async def delete_tape(service: Service, asked: Asked) -> Answer:
    """Refused while it is in a drive, retrieved, or on its way."""
    await service.gateway.life.delete_tape(service.names.barcode(asked["TapeARN"]))
    return _of_tape(asked)


async def cancel_archival(service: Service, asked: Asked) -> Answer:
    """Only while it is IN TRANSIT TO VTS."""
    await service.gateway.life.cancel_archival(service.names.barcode(asked["TapeARN"]))
    return _of_tape(asked)


async def cancel_retrieval(service: Service, asked: Asked) -> Answer:
    """Only while it is RETRIEVING."""
    await service.gateway.life.cancel_retrieval(service.names.barcode(asked["TapeARN"]))
    return _of_tape(asked)


async def assign_tape_pool(service: Service, asked: Asked) -> Answer:
    """A tape of the library or of the archive."""
    await service.gateway.life.assign_pool(
        service.names.barcode(asked["TapeARN"]),
        asked["PoolId"],
        bypass_governance=asked.get("BypassGovernanceRetention", False),
    )
    return _of_tape(asked)


def check_size(size: int) -> None:
    """What AWS demands of the capacity of a tape."""
    if not SMALLEST <= size <= LARGEST or size % GIB:
        raise invalid_parameter(
            f"TapeSizeInBytes {size}: a tape has 100 GiB to 15 TiB ({SMALLEST} to {LARGEST}), and"
            f" whole GiB ({GIB})"
        )


def seconds(moment: datetime | None) -> float | None:
    """A time as the API tells it."""
    return None if moment is None else moment.timestamp()


def _of_tape(asked: Asked) -> dict[str, Any]:
    return {"TapeARN": asked["TapeARN"]}


def _wanted(asked: Asked, **which: Any) -> Wanted:
    """What both ways to make tapes share."""
    check_size(asked["TapeSizeInBytes"])
    if asked.get("KMSEncrypted") or "KMSKey" in asked:
        raise invalid_request(
            "ParametersNotImplemented",
            "tapes are encrypted as store.encryption of the settings says: leave KMSEncrypted and"
            " KMSKey out",
        )
    return Wanted(
        asked["TapeSizeInBytes"],
        pool=asked.get("PoolId", DEFAULT_POOL),
        worm=asked.get("Worm", False),
        tags=tags_of(asked),
        **which,
    )


def _status(tape: Tape) -> str:
    """One of AWS's: a tape that is damaged, or whose key is destroyed, cannot be recovered."""
    return tape.status if tape.status in KNOWN_STATUSES else Status.IRRECOVERABLE.value


def _listed(service: Service, tape: Tape) -> dict[str, Any]:
    return present(
        TapeARN=service.names.tape(tape.barcode),
        TapeBarcode=tape.barcode,
        TapeSizeInBytes=tape.size_bytes,
        TapeStatus=_status(tape),
        GatewayARN=service.names.gateway,
        PoolId=tape.pool,
        RetentionStartDate=seconds(tape.retention_started_at),
        PoolEntryDate=seconds(tape.pool_entered_at),
    )


def _listed_archived(service: Service, tape: ArchivedTape) -> dict[str, Any]:
    return present(
        TapeARN=service.names.tape(tape.barcode),
        TapeBarcode=tape.barcode,
        TapeSizeInBytes=tape.size_bytes,
        TapeStatus=tape.status,
        GatewayARN=retrieved_to(service, tape),
        PoolId=tape.pool,
        RetentionStartDate=tape.retention_started_at,
        PoolEntryDate=tape.pool_entered_at,
    )


def _described(service: Service, tape: Tape) -> dict[str, Any]:
    drive = None if tape.drive is None else service.names.device(tape.drive + 1)
    return present(
        TapeARN=service.names.tape(tape.barcode),
        TapeBarcode=tape.barcode,
        TapeCreatedDate=tape.created_at.timestamp(),
        TapeSizeInBytes=tape.size_bytes,
        TapeStatus=_status(tape),
        VTLDevice=drive,
        Progress=None if tape.progress is None else tape.progress * PERCENT,
        TapeUsedInBytes=tape.used_bytes,
        PoolId=tape.pool,
        Worm=tape.worm,
        RetentionStartDate=seconds(tape.retention_started_at),
        PoolEntryDate=seconds(tape.pool_entered_at),
    )
