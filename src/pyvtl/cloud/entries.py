"""What a manifest says of packs: made of segments that are here, or of what is known of others."""

from collections.abc import Iterable, Sequence

from pyvtl.cloud.documents import PackEntry
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import put_once
from pyvtl.cloud.local_packs import SentPack
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import ObjectStore
from pyvtl.store.format import SegmentHeader, decode_header
from pyvtl.store.stored import StoredPack


def stored_pack(entry: PackEntry) -> StoredPack:
    """The pack of an entry, as the catalog keeps it."""
    return StoredPack(
        bytes.fromhex(entry.pack_id),
        entry.gateway,
        entry.length,
        entry.crc32c,
        entry.map,
        entry.map_offset,
        entry.map_length,
    )


def stored_packs(entries: Iterable[PackEntry]) -> tuple[StoredPack, ...]:
    """The packs of entries, in their order."""
    return tuple(stored_pack(entry) for entry in entries)


async def entry_of(store: ObjectStore, pack: StoredPack) -> PackEntry:
    """The entry of a pack that the store has; its header, in its map, has what a row has not.

    CorruptDataError where the store no longer has it.
    """
    key = pack_key(pack.gateway, pack.pack_id.hex())
    try:
        if (await store.head(key)).size != pack.length:
            raise CorruptDataError(f"{key} in the store has another length than it had")
    except NotFoundError:
        raise CorruptDataError(f"{key}, which the store had, is missing there") from None
    found = await store.get(pack.map, pack.map_offset, SegmentHeader.SIZE)
    header = decode_header(found.data)
    if header is None or header.pack_id != pack.pack_id:
        raise CorruptDataError(f"{pack.map} in the store is no map of pack {pack.pack_id.hex()}")
    return PackEntry(
        pack_id=pack.pack_id.hex(),
        gateway=pack.gateway,
        sequence=header.sequence,
        length=pack.length,
        crc32c=pack.crc32c,
        map=pack.map,
        map_offset=pack.map_offset,
        map_length=pack.map_length,
    )


async def put_map(
    store: ObjectStore, gateway: str, key: str, packs: Sequence[SentPack]
) -> tuple[PackEntry, ...]:
    """Put the outlines of the packs one after another into one object."""
    if not packs:
        return ()
    outlines = b"".join(pack.local.outline for pack in packs)
    await put_once(store, key, outlines)
    entries, offset = [], 0
    for pack in packs:
        entries.append(_entry(gateway, pack, key, offset))
        offset += len(pack.local.outline)
    return tuple(entries)


def _entry(gateway: str, sent: SentPack, key: str, offset: int) -> PackEntry:
    local, file = sent.local, sent.file
    return PackEntry(
        pack_id=local.pack.pack_id.hex(),
        gateway=gateway,
        sequence=local.pack.sequence,
        length=file.size,
        crc32c=file.crc32c,
        map=key,
        map_offset=offset,
        map_length=len(local.outline),
    )
