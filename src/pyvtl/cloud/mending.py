"""Mend what is wrong in a store, with what is right here or there."""

from collections.abc import Coroutine, Iterable
from typing import Any

from pyvtl.cloud.attaching import parse_outline
from pyvtl.cloud.checking import Needs, StoreFinding, StoreRepair, outline_of
from pyvtl.cloud.documents import PackEntry
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.local_packs import other_pack
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import STANDARD, ObjectStore
from pyvtl.cloud.sending import send_file
from pyvtl.cloud.spans import FinishedFile, measure
from pyvtl.cloud.threads import in_thread
from pyvtl.media.known import KnownPacks
from pyvtl.store.errors import DamageError


async def mend_store(
    store: ObjectStore, findings: Iterable[StoreFinding], needs: Needs, known: KnownPacks
) -> list[str]:
    """Do what the findings propose, packs before maps; gives what could not be done, and why.

    Raises ObjectStoreError where the store fails.
    """
    failures = []
    wanted = {(each.repair, each.pack) for each in findings if each.repair is not None}
    for _, entry in needs.packs.values():
        if (StoreRepair.PACK, entry.pack_id) in wanted:
            failures += await _tried(_mend_pack(store, entry, known))
    broken = {e.map for _, e in needs.maps.values() if (StoreRepair.MAP, e.pack_id) in wanted}
    for key in sorted(broken):
        entries = [entry for _, entry in needs.maps.values() if entry.map == key]
        failures += await _tried(_mend_map(store, key, entries))
    return failures


async def _tried(mending: Coroutine[Any, Any, None]) -> list[str]:
    try:
        await mending
    except (CorruptDataError, NotFoundError, DamageError, OSError) as error:
        return [str(error)]
    return []


async def _mend_pack(store: ObjectStore, entry: PackEntry, known: KnownPacks) -> None:
    """Put the segment that is here in the place of what is wrong or missing, if it is right."""
    key, pack_id = pack_key(entry.gateway, entry.pack_id), bytes.fromhex(entry.pack_id)
    local = await in_thread(other_pack, pack_id, known.here[pack_id])
    wanted = FinishedFile(local.path, entry.length, entry.crc32c)
    if await in_thread(measure, local.path) != wanted:
        raise DamageError(f"{local.path} is not what was sent as {key}")
    await store.delete([key])
    await send_file(store, key, local.path)


async def _mend_map(store: ObjectStore, key: str, entries: list[PackEntry]) -> None:
    """Make a map anew from the packs, and leave what it has of others."""
    size = max(entry.map_offset + entry.map_length for entry in entries)
    data = bytearray(await _bytes_of(store, key))
    data.extend(bytes(max(0, size - len(data))))
    for entry in entries:
        outline = await outline_of(store, entry)
        await in_thread(parse_outline, entry, outline)
        data[entry.map_offset : entry.map_offset + entry.map_length] = outline
    await store.put(key, bytes(data), storage_class=STANDARD)


async def _bytes_of(store: ObjectStore, key: str) -> bytes:
    try:
        return (await store.get(key)).data
    except (NotFoundError, CorruptDataError):
        return b""
