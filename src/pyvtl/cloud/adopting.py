"""The gateways on a store: which are deleted, which are lost, and who looks after what is left."""

from functools import partial
from typing import Any

from pyvtl.cloud.documents import GatewayDocument, decode, encode
from pyvtl.cloud.errors import NotFoundError, PreconditionFailedError, UnavailableError
from pyvtl.cloud.heads import read_document, read_head
from pyvtl.cloud.names import GATEWAYS, gateway_key
from pyvtl.cloud.objects import STANDARD, ObjectStore, Unchanged, listing
from pyvtl.cloud.refusals import FencedError, NoGatewayError, RefusedTapeError
from pyvtl.cloud.spans import READS_AT_ONCE, at_once
from pyvtl.cloud.taking import barcodes

SEEN_SECONDS = 300
"""How often a gateway says that it is there."""
CONNECTED_SECONDS = 900
"""How long after that it counts as connected."""


class RefusedAdoptionError(RefusedTapeError):
    """The gateway is not one to adopt; nothing was changed."""


async def adopt(store: ObjectStore, gateway: str, lost: str, *, silent_at: int = 0) -> None:
    """Make durable that `gateway` looks after what the lost one left.

    From then on the lost one is refused when it comes back.  With `silent_at`, in seconds since
    1970, it must not have said lately then that it is there.  Raises RefusedAdoptionError.
    """
    if lost == gateway:
        raise RefusedAdoptionError(f"gateway {lost} is this one")
    try:
        document, etag = await _read(store, lost)
    except NoGatewayError as error:
        raise RefusedAdoptionError(str(error)) from None
    if document.adopted_by == gateway:
        return
    _check_free(document)
    if silent_at:
        _check_silent(document, silent_at)
    now = await _change(store, document, etag, adopted_by=gateway)
    if now.adopted_by != gateway:
        _check_free(now)


async def report(store: ObjectStore, gateway: str, *, deleted: bool, now: int) -> None:
    """Let all who use the store know that a gateway is there, or is deleted.

    `now` counts seconds since 1970.
    """
    document, etag = await _read(store, gateway)
    is_fresh = document.seen_at is not None and now < document.seen_at + SEEN_SECONDS
    if document.deleted is not deleted or not is_fresh:
        await _change(store, document, etag, deleted=deleted, seen_at=now)


async def disable(store: ObjectStore, gateway: str, lost: str, *, now: int) -> None:
    """As `adopt`, unless the lost one has said lately that it is there.

    Raises NoGatewayError, RefusedAdoptionError.
    """
    await check_known(store, lost)
    await adopt(store, gateway, lost, silent_at=now)


def _check_silent(document: GatewayDocument, now: int) -> None:
    if document.seen_at is not None and now < document.seen_at + CONNECTED_SECONDS:
        raise RefusedAdoptionError(
            f"gateway {document.gateway_id} was connected {max(0, now - document.seen_at)} s ago:"
            f" only one that has been silent for {CONNECTED_SECONDS} s can be disabled; stop it,"
            " and wait"
        )


async def check_known(store: ObjectStore, gateway: str) -> None:
    """Raise NoGatewayError for a gateway that the store knows nothing of."""
    await _read(store, gateway)


async def check_disabled(store: ObjectStore, gateway: str) -> None:
    """Raise RefusedAdoptionError unless some gateway has adopted this one."""
    document, _ = await _read(store, gateway)
    if document.adopted_by is None:
        raise RefusedAdoptionError(f"gateway {gateway} is not disabled: disable it first")


async def check_is_there(store: ObjectStore, gateway: str) -> None:
    """Raise NoGatewayError unless tapes can be retrieved to a gateway."""
    document, _ = await _read(store, gateway)
    if document.adopted_by is not None:
        raise NoGatewayError(
            f"gateway {gateway} was taken for lost and adopted by {document.adopted_by}"
        )
    if document.deleted:
        raise NoGatewayError(f"gateway {gateway} is deleted: activate it again first")


def _check_free(document: GatewayDocument) -> None:
    if document.adopted_by is not None:
        raise RefusedAdoptionError(
            f"gateway {document.gateway_id} was adopted by {document.adopted_by}:"
            " adopt that one, if it is lost too"
        )


async def _change(
    store: ObjectStore, document: GatewayDocument, etag: str, **changes: Any
) -> GatewayDocument:
    """The document after the change, or as somebody who was faster has left it.

    Raises what kept it from being changed where nobody was.
    """
    changed = GatewayDocument.model_validate(document.model_dump(exclude={"format"}) | changes)
    key = gateway_key(document.gateway_id)
    try:
        await store.put(key, encode(changed), Unchanged(etag), storage_class=STANDARD)
    except (PreconditionFailedError, UnavailableError):
        now, _ = await _read(store, document.gateway_id)
        if all(getattr(now, name) == getattr(document, name) for name in changes):
            raise
        return now
    return changed


async def _read(store: ObjectStore, gateway: str) -> tuple[GatewayDocument, str]:
    key = gateway_key(gateway)
    try:
        content = await store.get(key)
    except (NotFoundError, ValueError):  # What cannot be a key is none.
        raise NoGatewayError(f"the store knows no gateway {gateway}") from None
    return decode(GatewayDocument, key, content.data), content.info.etag


async def check_not_adopted(store: ObjectStore, gateway: str) -> None:
    """Raise FencedError if another gateway took this one for lost."""
    known = await read_document(store, GatewayDocument, gateway_key(gateway))
    if known is not None and known.adopted_by is not None:
        raise FencedError(
            f"gateway {gateway} was taken for lost and adopted by {known.adopted_by}: nothing"
            " is sent from here any more, and all that is here stays here; use a new data folder"
        )


async def prefixes_of(store: ObjectStore, gateway: str) -> set[str]:
    """The gateways whose packs this one looks after: its own, those it adopted, and theirs."""
    keys = [entry.key async for entry in listing(store, GATEWAYS)]
    adopters = {}
    for key in keys:
        document = decode(GatewayDocument, key, (await store.get(key)).data)
        adopters[document.gateway_id] = document.adopted_by
    found, new = {gateway}, {gateway}
    while new:
        new = {lost for lost, adopter in adopters.items() if adopter in new} - found
        found |= new
    return found


async def tapes_of(store: ObjectStore, gateway: str) -> list[str]:
    """The tapes that a gateway owns, by barcode, but those that were deleted or archived."""
    jobs = [partial(read_head, store, barcode) for barcode in await barcodes(store)]
    heads = [held.head for held in await at_once(jobs, READS_AT_ONCE) if held is not None]
    return [head.barcode for head in heads if (head.owner, head.state) == (gateway, "active")]
