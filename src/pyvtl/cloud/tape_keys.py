"""The wrapped data keys of encrypted tapes: they go before the tape, and can be destroyed.

The master key that unwraps them is never here.  A key stands under its own digest, so what is
read is what was written.  A key that was destroyed leaves a note: one that is only missing is
damage, and is told as such.
"""

import json

from blake3 import blake3

from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import put_once
from pyvtl.cloud.names import key_key, key_prefix, shredded_key
from pyvtl.cloud.objects import STANDARD, ObjectStore
from pyvtl.cloud.refusals import RefusedTapeError

ID_SIZE = 16
NOTE = json.dumps({"format": 1, "shredded": True}).encode() + b"\n"
"""What stands in `key.json` of a shredded tape, and in the store."""


def key_id(key: bytes | None) -> str | None:
    """What a wrapped key is known by, if there is one."""
    return None if key is None else blake3(key).digest(ID_SIZE).hex()


async def send_key(store: ObjectStore, barcode: str, key: bytes | None) -> None:
    """Have the wrapped key of a tape in the store, if it has one.

    Whoever shreds the tape meanwhile leaves the note first: then the key goes again, and
    RefusedTapeError says so.
    """
    name = key_id(key)
    if key is None or name is None:
        return
    await put_once(store, key_key(barcode, name), key)
    if await is_shredded(store, barcode):
        await store.erase(key_prefix(barcode))
        raise RefusedTapeError("it was shredded")


async def read_key(store: ObjectStore, barcode: str, name: str) -> bytes:
    """The `key.json` of a tape: its wrapped key, or a note that it was shredded.

    RefusedTapeError where it is neither, CorruptDataError where it is not what it was.
    """
    if await is_shredded(store, barcode):
        return NOTE
    try:
        key = (await store.get(key_key(barcode, name))).data
    except NotFoundError:
        raise RefusedTapeError(
            f"it is encrypted, and its key {key_key(barcode, name)} is missing in the store"
        ) from None
    if key_id(key) != name:
        raise CorruptDataError(f"{key_key(barcode, name)} in the store is not the key it was")
    return key


async def shred_key(store: ObjectStore, barcode: str) -> None:
    """Destroy the key of a tape, every version of it.

    UnsupportedError, AccessDeniedError: a version may be left, and with it the tape can be read.
    """
    await store.put(shredded_key(barcode), NOTE, storage_class=STANDARD)
    await store.erase(key_prefix(barcode))


async def is_shredded(store: ObjectStore, barcode: str) -> bool:
    """Whether the store says that the key of a tape was destroyed, or was to be."""
    try:
        await store.head(shredded_key(barcode))
    except NotFoundError:
        return False
    return True
