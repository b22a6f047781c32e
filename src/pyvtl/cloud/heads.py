"""The head of a tape: read it, and put another in its place by compare-and-swap."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pyvtl.cloud.documents import Document, Head, decode, encode
from pyvtl.cloud.errors import NotFoundError, PreconditionFailedError, UnavailableError
from pyvtl.cloud.names import head_key
from pyvtl.cloud.objects import STANDARD, Absent, ObjectStore, Unchanged
from pyvtl.cloud.refusals import RefusedTapeError

AnyDocument = TypeVar("AnyDocument", bound=Document)
Result = TypeVar("Result")
ATTEMPTS = 3
"""How often to start anew because the own gateway changed the head meanwhile."""


class HeadMovedError(RefusedTapeError):
    """Somebody else changed the head meanwhile."""


@dataclass(frozen=True, slots=True)
class HeldHead:
    """A head as it stands in the store."""

    head: Head
    etag: str


def nonce() -> str:
    """What no other head has."""
    return secrets.token_hex(16)


async def read_document(
    store: ObjectStore, kind: type[AnyDocument], key: str
) -> AnyDocument | None:
    """A document, or None where there is none."""
    try:
        return decode(kind, key, (await store.get(key)).data)
    except NotFoundError:
        return None


async def put_once(store: ObjectStore, key: str, data: bytes) -> None:
    """Write an object under a key that nobody else uses; a lost answer may have been a success."""
    try:
        await store.put(key, data, Absent(), storage_class=STANDARD)
    except (PreconditionFailedError, UnavailableError):
        if await _bytes_of(store, key) != data:
            raise


async def _bytes_of(store: ObjectStore, key: str) -> bytes | None:
    try:
        return (await store.get(key)).data
    except NotFoundError:
        return None


async def read_head(store: ObjectStore, barcode: str) -> HeldHead | None:
    """The head of a tape, or None where there is none."""
    key = head_key(barcode)
    try:
        content = await store.get(key)
    except NotFoundError:
        return None
    return HeldHead(decode(Head, key, content.data), content.info.etag)


async def commit_head(store: ObjectStore, head: Head, before: HeldHead | None) -> HeldHead:
    """Put `head` in the place of the one before, or where none is.  Raises HeadMovedError.

    Where the answer is lost or refuses, the head that stands there tells whose it is: the nonce.
    """
    when = Absent() if before is None else Unchanged(before.etag)
    key = head_key(head.barcode)
    try:
        info = await store.put(key, encode(head), when, storage_class=STANDARD)
    except (UnavailableError, PreconditionFailedError, NotFoundError) as error:
        now = await read_head(store, head.barcode)
        if now is not None and now.head.nonce == head.nonce:
            return now
        if isinstance(error, UnavailableError):
            raise
        owner = f"gateway {now.head.owner}" if now is not None else "somebody"
        raise HeadMovedError(
            f"{owner} changed its head in the store meanwhile: try again"
        ) from None
    return HeldHead(head, info.etag)


async def although_it_moves(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Begin an attempt anew when its head moves: a collection of ours puts all of them anew."""
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except HeadMovedError:
            continue
    return await attempt()
