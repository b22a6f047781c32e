"""Operations on the tapes in the library."""

import json
from collections.abc import Sequence
from typing import Any, Final

from pyvtl.api.errors import invalid_parameter
from pyvtl.api.paging import page
from pyvtl.api.service import Answer, Asked, Service, present
from pyvtl.gateway.errors import TapeNotFoundError
from pyvtl.gateway.library import Tape

GIB: Final = 1 << 30
SMALLEST, LARGEST = 100 * GIB, 15 * 1024 * GIB
DEFAULT_POOL: Final = "GLACIER"


async def create_tapes(service: Service, asked: Asked) -> Answer:
    """As many as asked for or none, and once for each client token."""
    _check(asked)
    library = service.gateway.library
    size, prefix, count = (
        asked[name] for name in ("TapeSizeInBytes", "TapeBarcodePrefix", "NumTapesToCreate")
    )
    barcodes = await service.gateway.requests.once(
        asked["ClientToken"],
        json.dumps(asked, sort_keys=True),
        lambda: library.new_barcodes(prefix, count),
        lambda barcodes: library.create_missing(barcodes, size),
    )
    return {"TapeARNs": [service.names.tape(barcode) for barcode in barcodes]}


async def create_tape_with_barcode(service: Service, asked: Asked) -> Answer:
    """One tape with a barcode of the caller's."""
    _check(asked)
    (tape,) = await service.gateway.library.create_tapes(
        barcode=asked["TapeBarcode"], size_bytes=asked["TapeSizeInBytes"]
    )
    return {"TapeARN": service.names.tape(tape.barcode)}


async def describe_tapes(service: Service, asked: Asked) -> Answer:
    """All about the tapes of the library, or about those that are asked for."""
    tapes = await service.gateway.library.list_tapes()
    told, marker = page(_wanted(service, asked, tapes), asked, lambda tape: tape.barcode)
    return {"Tapes": [_described(service, tape) for tape in told], **marker}


async def list_tapes(service: Service, asked: Asked) -> Answer:
    """The tapes in short, or those of the ones asked for that there are."""
    tapes = await service.gateway.library.list_tapes()
    wanted = {service.names.barcode(arn) for arn in asked.get("TapeARNs", ())}
    chosen = [tape for tape in tapes if not wanted or tape.barcode in wanted]
    told, marker = page(chosen, asked, lambda tape: tape.barcode)
    return {"TapeInfos": [_listed(service, tape) for tape in told], **marker}


async def delete_tape(service: Service, asked: Asked) -> Answer:
    """Refused while it is in a drive."""
    await service.gateway.library.delete_tape(service.names.barcode(asked["TapeARN"]))
    return {"TapeARN": asked["TapeARN"]}


def _check(asked: Asked) -> None:
    """What AWS demands of a new tape, and what this gateway does not have."""
    size = asked["TapeSizeInBytes"]
    if not SMALLEST <= size <= LARGEST or size % GIB:
        raise invalid_parameter(
            f"TapeSizeInBytes {size}: a tape has 100 GiB to 15 TiB ({SMALLEST} to {LARGEST}), and"
            f" whole GiB ({GIB})"
        )
    if asked.get("KMSEncrypted") or "KMSKey" in asked:
        raise invalid_parameter(
            "KMSEncrypted: tapes are encrypted as store.encryption of the settings says; leave"
            " KMSEncrypted and KMSKey out"
        )


def _wanted(service: Service, asked: Asked, tapes: Sequence[Tape]) -> Sequence[Tape]:
    """Those asked for, all of which have to be there, or all."""
    by_barcode = {tape.barcode: tape for tape in tapes}
    arns = asked.get("TapeARNs")
    if not arns:
        return tapes
    names = dict.fromkeys(service.names.barcode(arn) for arn in arns)
    if unknown := [name for name in names if name not in by_barcode]:
        raise TapeNotFoundError(f"there is no tape {unknown[0]} in the library")
    return [by_barcode[name] for name in names]


def _listed(service: Service, tape: Tape) -> dict[str, Any]:
    return {
        "TapeARN": service.names.tape(tape.barcode),
        "TapeBarcode": tape.barcode,
        "TapeSizeInBytes": tape.size_bytes,
        "TapeStatus": tape.status,
        "GatewayARN": service.names.gateway,
        "PoolId": DEFAULT_POOL,
    }


def _described(service: Service, tape: Tape) -> dict[str, Any]:
    drive = None if tape.drive is None else service.names.device(tape.drive + 1)
    return {
        "TapeARN": service.names.tape(tape.barcode),
        "TapeBarcode": tape.barcode,
        "TapeCreatedDate": tape.created_at.timestamp(),
        "TapeSizeInBytes": tape.size_bytes,
        "TapeStatus": tape.status,
        "TapeUsedInBytes": tape.used_bytes,
        "PoolId": DEFAULT_POOL,
        "Worm": False,
        **present(VTLDevice=drive),
    }
