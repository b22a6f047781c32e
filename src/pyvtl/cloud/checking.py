"""Hold a store against itself, and against a data folder; nothing is changed.

Heads, manifests, maps, packs and keys have to say the same, and the catalog no more than they do.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from pyvtl.cloud.adopting import prefixes_of
from pyvtl.cloud.attaching import parse_outline, read_packs
from pyvtl.cloud.documents import Head, Manifest, PackEntry
from pyvtl.cloud.errors import CorruptDataError, NotFoundError
from pyvtl.cloud.heads import read_document, read_head
from pyvtl.cloud.names import pack_key, pack_prefix
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.spans import at_once, spans
from pyvtl.cloud.taking import barcodes, wanted_key
from pyvtl.cloud.threads import in_thread
from pyvtl.media.known import KnownPacks
from pyvtl.store.format import SegmentHeader
from pyvtl.wire.checksum import crc32c

READS_AT_ONCE = 8


class StoreRepair(StrEnum):
    """What can be mended in a store, with what is here or there."""

    PACK = "send its segment again"
    MAP = "make its map anew"


@dataclass(frozen=True, slots=True)
class StoreFinding:
    """One thing in a store that is not as it should be, of which tape and which pack.

    `harmless` is what the next push or collection puts right by itself.
    """

    barcode: str | None
    what: str
    pack: str | None = None
    repair: StoreRepair | None = None
    harmless: bool = False


@dataclass(slots=True)
class Needs:
    """All packs that heads list, each with one tape that needs it, and all maps."""

    packs: dict[tuple[str, str], tuple[str, PackEntry]] = field(default_factory=dict)
    maps: dict[tuple[str, int], tuple[str, PackEntry]] = field(default_factory=dict)

    def add(self, barcode: str, entries: Iterable[PackEntry]) -> None:
        for entry in entries:
            self.packs.setdefault((entry.gateway, entry.pack_id), (barcode, entry))
            self.maps.setdefault((entry.map, entry.map_offset), (barcode, entry))

    @property
    def bytes(self) -> int:
        """How much all packs have."""
        return sum(entry.length for _, entry in self.packs.values())


class BucketCheck:
    """Checks one store.  Raises ObjectStoreError where it fails."""

    def __init__(
        self,
        store: ObjectStore,
        gateway: str,
        known: KnownPacks,
        *,
        read_data: bool = False,
        advance: Callable[[int], object] = lambda _size: None,
    ) -> None:
        """`advance` is told how many bytes of packs were read, or were found to be there."""
        self._store, self._gateway, self._known = store, gateway, known
        self._read_data, self._advance = read_data, advance
        self._proved: set[tuple[str, int]] = set()
        self._prefixes: set[str] = set()
        self.needs = Needs()

    async def findings(self) -> list[StoreFinding]:
        """All that is wrong."""
        self._prefixes = await prefixes_of(self._store, self._gateway)
        found = [each for name in await barcodes(self._store) for each in await self._tape(name)]
        packs = [partial(self._pack, *each) for each in self.needs.packs.values()]
        maps = [partial(self._map, *each) for each in self.needs.maps.values()]
        for several in await at_once([*packs, *maps], asyncio.Semaphore(READS_AT_ONCE)):
            found += several
        return [*found, *self._catalog(), *await self._leftovers()]

    async def _tape(self, barcode: str) -> list[StoreFinding]:
        """What is wrong with the head of a tape and its recovery points."""
        try:
            held = await read_head(self._store, barcode)
            if held is None:
                return []  # It went since it was listed.
            found = list(self._head(barcode, held.head))
            for number, key in enumerate([held.head.manifest, *held.head.earlier]):
                if key is not None:
                    found += await self._manifest(held.head, key, latest=number == 0)
        except RefusedTapeError as error:
            return [StoreFinding(barcode, str(error))]
        return found

    def _head(self, barcode: str, head: Head) -> Iterator[StoreFinding]:
        label = self._known.labels.get(barcode)
        if head.barcode != barcode:
            yield StoreFinding(barcode, f"its head is of tape {head.barcode}")
        if label is not None and label.tape_id != head.tape_id:
            what = f"its head is of another tape of this barcode, of gateway {head.owner}"
            yield StoreFinding(barcode, what)
        elif label is not None and head.owner != self._gateway and not label.deleted:
            what = f"it belongs to gateway {head.owner} since epoch {head.epoch}"
            yield StoreFinding(barcode, what, harmless=True)

    async def _manifest(self, head: Head, key: str, *, latest: bool) -> list[StoreFinding]:
        if head.state == "deleted" and not latest:
            return []
        manifest = await read_document(self._store, Manifest, key)
        if manifest is None:
            return [StoreFinding(head.barcode, f"{key} is missing, and its head names it")]
        if (manifest.barcode, manifest.tape_id) != (head.barcode, head.tape_id):
            return [StoreFinding(head.barcode, f"{key} is of another tape")]
        self.needs.add(head.barcode, manifest.entries)
        return await self._whole(manifest) if latest and head.state == "active" else []

    async def _whole(self, manifest: Manifest) -> list[StoreFinding]:
        """Whether the packs of a recovery point follow each other, and its key is there."""
        try:
            await wanted_key(self._store, manifest)
            await read_packs(self._store, manifest)
        except NotFoundError:
            return []  # A map is missing, and that is told by itself.
        except (CorruptDataError, RefusedTapeError) as error:
            return [StoreFinding(manifest.barcode, str(error))]
        self._proved |= {(entry.map, entry.map_offset) for entry in manifest.packs}
        return []

    async def _pack(self, barcode: str, entry: PackEntry) -> list[StoreFinding]:
        may_mend = bytes.fromhex(entry.pack_id) in self._known.here
        try:
            fault = await self._pack_fault(entry)
            may_mend = may_mend and entry.gateway in self._prefixes  # Who wrote it deletes it.
        except NotFoundError as error:
            fault = str(error)
        self._advance(0 if self._read_data else entry.length)
        repair = StoreRepair.PACK if may_mend else None
        return [StoreFinding(barcode, fault, entry.pack_id, repair)] if fault else []

    async def _pack_fault(self, entry: PackEntry) -> str | None:
        key = pack_key(entry.gateway, entry.pack_id)
        try:
            info = await self._store.head(key)
            if info.size != entry.length:
                return f"{key} has {info.size} bytes, and {entry.length} are listed"
            crc = await self._crc_of(entry) if self._read_data else info.crc32c
        except CorruptDataError as error:
            return str(error)
        return f"{key} is not what was sent" if crc not in (None, entry.crc32c) else None

    async def _crc_of(self, entry: PackEntry) -> int:
        """That of all bytes of a pack, which are read."""
        crc, key = 0, pack_key(entry.gateway, entry.pack_id)
        for span in spans(entry.length):
            content = await self._store.get(key, span.start, span.length)
            crc = await in_thread(crc32c, content.data, crc)
            self._advance(len(content.data))
        return crc

    async def _map(self, barcode: str, entry: PackEntry) -> list[StoreFinding]:
        if not self._read_data and (entry.map, entry.map_offset) in self._proved:
            return []
        try:
            outline = (await self._store.get(entry.map, entry.map_offset, entry.map_length)).data
            await in_thread(parse_outline, entry, outline)
            if not self._read_data or await self._is_that_of_the_pack(entry, outline):
                return []
            what = f"{entry.map} says otherwise than the footer"
        except (NotFoundError, CorruptDataError) as error:
            what = str(error)
        return [StoreFinding(barcode, what, entry.pack_id, StoreRepair.MAP)]

    async def _is_that_of_the_pack(self, entry: PackEntry, outline: bytes) -> bool:
        """Whether a map is what the pack says; of a missing pack, that is told by itself."""
        with suppress(NotFoundError):
            return outline == await outline_of(self._store, entry)
        return True

    def _catalog(self) -> Iterator[StoreFinding]:
        """What the data folder takes to be in the store, and what it has not sent yet."""
        listed = {bytes.fromhex(pack_id) for _, pack_id in self.needs.packs}
        for pack_id, (stored, barcode) in self._known.stored.items():
            if (stored.gateway, pack_id.hex()) not in self.needs.packs:
                what = "the catalog takes it to be in the store, and no recovery point lists it"
                yield StoreFinding(barcode, what, pack_id.hex())
        dirty: dict[str, int] = {}
        for pack_id, barcode in self._known.closed.items():
            if pack_id not in listed:
                dirty[barcode] = dirty.get(barcode, 0) + 1
        for barcode, count in sorted(dirty.items()):
            yield StoreFinding(barcode, f"{count} packs are here alone yet", harmless=True)

    async def _leftovers(self) -> list[StoreFinding]:
        """Packs of ours that nobody needs."""
        count = size = 0
        for prefix in self._prefixes:
            async for entry in listing(self._store, pack_prefix(prefix)):
                name = entry.key.rpartition("/")[2]
                if (prefix, name) not in self.needs.packs and not self._is_needed(name):
                    count, size = count + 1, size + entry.size
        what = f"{count} packs of {size} bytes that nobody needs: `pyvtl store collect`"
        return [StoreFinding(None, what, harmless=True)] if count else []

    def _is_needed(self, name: str) -> bool:
        try:
            return bytes.fromhex(name) in self._known.needed
        except ValueError:
            return True


async def outline_of(store: ObjectStore, entry: PackEntry) -> bytes:
    """The header and the footer of a pack, from the pack itself."""
    key, size = pack_key(entry.gateway, entry.pack_id), entry.map_length - SegmentHeader.SIZE
    header = await store.get(key, 0, SegmentHeader.SIZE)
    footer = await store.get(key, entry.length - size, size)
    return header.data + footer.data
