"""The library as one thing to manage: tapes, the slots they lie in, the drives that hold them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyvtl.cloud.threads import in_thread
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.gateway.bay import DriveBay
from pyvtl.gateway.creation import Creation, Wanted, no_free_slot
from pyvtl.gateway.errors import (
    StorageError,
    TapeInUseError,
    TapeNotFoundError,
    WrongStatusError,
    told_as_gateway_errors,
)
from pyvtl.gateway.events import Events
from pyvtl.gateway.ledger import Ledger, TapeRecord
from pyvtl.gateway.pools import DEFAULT_POOL, check_unlocked
from pyvtl.gateway.states import IN_LIBRARY, READ_ONLY, Happening, Status, after
from pyvtl.gateway.tape import IDLE, Doing, Tape, tape_of
from pyvtl.gateway.tape_shelf import TapeShelf
from pyvtl.media.inventory import (
    ElementFullError,
    ElementType,
    Geometry,
    UnknownVolumeError,
    VolumeLoadedError,
)
from pyvtl.media.vault import Vault
from pyvtl.media.volume import Volume


@dataclass(frozen=True, slots=True)
class SlotCount:
    """How many slots of a kind there are, and how many hold a tape."""

    full: int
    total: int


class Library:
    """Tapes, changer and drives.  What cannot be raises a GatewayError and changes nothing."""

    def __init__(
        self,
        vault: Vault,
        changer: MediumChanger,
        bays: Mapping[int, DriveBay],
        ledger: Ledger,
        events: Events,
        *,
        shelf: TapeShelf | None,
    ) -> None:
        """`bays` are the drives by element address; `shelf` is in the object store, if any."""
        self.changer = changer
        self.bays = bays
        self.ledger = ledger
        self.afterwards: Callable[[str], None] | None = None
        """What is told when a tape was removed here, and does the rest of deleting it."""
        self.check_pool: Callable[[str], Awaitable[object]] = _any_pool
        """Raises PoolNotFoundError unless tapes may be put into a pool."""
        self.doing: Mapping[str, Doing] = {}
        self._vault, self._shelf = vault, shelf
        self._events = events
        self._creation = Creation(vault, changer, ledger, shelf)
        self._changing = asyncio.Lock()

    @property
    def geometry(self) -> Geometry:
        return self.changer.inventory.geometry

    async def list_tapes(self, barcodes: Iterable[str] | None = None) -> list[Tape]:
        """All tapes, or those of the named that there are, by barcode.

        Also those that are in the archive, as long as there is something to do for them here.
        """
        found = {v.barcode: v for v in await in_thread(self._vault.volumes)}
        records = self.ledger.tapes()
        names = records if barcodes is None else records.keys() & set(barcodes)
        return [self._tape(records[name], found.get(name)) for name in sorted(names)]

    def barcodes(self) -> set[str]:
        """The barcodes of all tapes but those that are in the archive alone."""
        return {name for name, tape in self.ledger.tapes().items() if not tape.is_of_archive}

    @property
    def standing_still(self) -> asyncio.Lock:
        """While this is held no tape is made, deleted or taken away."""
        return self._changing

    async def show_tape(self, barcode: str) -> Tape:
        """One tape; TapeNotFoundError."""
        for tape in await self.list_tapes([barcode]):
            return tape
        raise TapeNotFoundError(f"there is no tape {barcode}")

    async def create_tapes(
        self,
        *,
        size_bytes: int,
        prefix: str | None = None,
        barcode: str | None = None,
        count: int = 1,
        pool: str = DEFAULT_POOL,
        worm: bool = False,
        tags: Mapping[str, str] | None = None,
        client_token: str | None = None,
    ) -> list[Tape]:
        """Make blank tapes in the first free import/export slots, all or none.

        The same request with the same client token makes nothing more.  Raises PoolNotFoundError,
        InvalidRequestError, TooManyTagsError, BarcodeTakenError, NoFreeSlotError, TokenReusedError,
        and StoreUnavailableError where no object store tells which barcodes other gateways have.
        """
        wanted = Wanted(size_bytes, prefix, barcode, count, pool, worm, tags or {})
        return await self.list_tapes(await self.make_tapes(wanted, client_token))

    async def make_tapes(self, wanted: Wanted, client_token: str | None = None) -> list[str]:
        """As `create_tapes`; the barcodes, also of tapes that were made before for that token."""
        if await self._creation.made_before(wanted, client_token) is None:
            await self.check_pool(wanted.pool)
        async with self._changing:
            made = await self._creation.make(wanted, client_token)
        if made.new:
            self.tell(made.barcodes)
        return made.barcodes

    async def delete_tape(self, barcode: str) -> None:
        """Delete a tape in a slot and all that is on it.

        Raises TapeNotFoundError, TapeInUseError, WrongStatusError, TapeRetrievedError.  After a
        StorageError it is DELETING: the deletion goes on by itself if there is a store, when it is
        asked for again, or at the next start.
        """
        await self.take_away(barcode, Happening.DELETION_STARTED)
        try:
            await self.drop_volume(barcode)
        finally:
            if self.afterwards is not None:
                self.afterwards(barcode)
        if self.afterwards is None:
            await self.forget(barcode)

    async def take_away(self, barcode: str, happening: Happening) -> None:
        """Take a tape from its slot, for it is to be deleted or archived.

        Raises TapeNotFoundError, TapeInUseError, WrongStatusError.
        """
        async with self._changing:
            after(barcode, self.ledger.tape(barcode).status, happening)
            await self._take_out(barcode)
            try:
                await in_thread(self.ledger.move, barcode, happening)
            except StorageError:
                await self.place([barcode])
                raise
        self.tell([barcode])

    async def take_up(self, barcode: str, happening: Happening) -> None:
        """Give a tape that came back an import/export slot; NoFreeSlotError, WrongStatusError."""
        async with self._changing:
            self.check_room(barcode)
            await in_thread(self.ledger.move, barcode, happening)
            await self.place([barcode])
        self.tell([barcode])

    async def drop_volume(self, barcode: str) -> None:
        """Remove what is here of a tape; once more is no error.  StorageError."""
        async with self._changing:
            if barcode in await in_thread(self._vault.barcodes):
                with told_as_gateway_errors():
                    await in_thread(self._vault.delete, barcode)

    async def forget(self, barcode: str) -> None:
        """Nothing is left of a tape that was DELETING."""
        record = await in_thread(self.ledger.move, barcode, Happening.DELETED)
        self._events.status_changed(barcode, record.status)

    async def shred_tape(self, barcode: str) -> Tape:
        """Destroy the key of an encrypted tape; TapeNotFoundError, StorageError while in use.

        StorageError also when it is destroyed here, and in the object store perhaps not.
        RetentionLockedError under a COMPLIANCE lock.
        """
        record = self.ledger.tape(barcode)
        check_unlocked(
            barcode, record.retention_lock, record.locked_until, time.time(), bypass=True
        )
        with told_as_gateway_errors():
            await in_thread(self._vault.shred, barcode)
        if self._shelf is not None:
            await self._shelf.shred(barcode)
        return await self.show_tape(barcode)

    async def recover_tape(self, barcode: str, new: str) -> Tape:
        """Copy what is here of a fenced tape to a new one in a free import/export slot.

        Raises TapeNotFoundError, BarcodeTakenError, NoFreeSlotError, StorageError.
        """
        async with self._changing:
            await self.show_tape(barcode)
            await self._creation.check_barcode(new)
            with told_as_gateway_errors():
                await in_thread(self._vault.recover, barcode, new)
                await self.changer.insert([new])
            await self._note_unknown()
            return await self.show_tape(new)

    async def protect_tape(self, barcode: str, write_protected: bool) -> Tape:
        """Make a tape read-only, or writable again, wherever it is.

        TapeNotFoundError; WrongStatusError for one that is not AVAILABLE: it is read-only, or on
        its way, and what would be written here now came too late for the object store.
        """
        tape = await self.show_tape(barcode)
        if (status := self.ledger.tape(barcode).status) is not Status.AVAILABLE:
            advice = "it stays read-only" if status in READ_ONLY else "wait until it is AVAILABLE"
            raise WrongStatusError(f"tape {barcode} is {status}: {advice}")
        protect_closed = partial(self._vault.protect, barcode, write_protected)
        bay = self.bays.get(tape.element_address) if tape.element_address is not None else None
        with told_as_gateway_errors():
            if bay is None:
                await in_thread(protect_closed)
            else:
                await bay.protect(barcode, write_protected, protect_closed)
        return await self.show_tape(barcode)

    def count(self, kind: ElementType) -> SlotCount:
        """How many elements of a type there are, and how many of them are full."""
        addresses = dict(self.geometry.in_order()).get(kind, range(0))
        full = sum(place.address in addresses for _, place in self.changer.inventory)
        return SlotCount(full, len(addresses))

    async def take_stock(self) -> None:
        """After a start: what a crash left between two steps is as it should be.

        Tapes that the ledger does not know are AVAILABLE, those that lie nowhere get a place, and
        those that are on their way to or from the archive have none.
        """
        await self._creation.resume()
        await self._finish_deletions()
        there = await self._note_unknown()
        here = self._in_library()
        for barcode, _ in tuple(self.changer.inventory):
            if barcode not in here:
                await self.changer.remove(barcode)
        await self.place(sorted(name for name in here & there if not self._lies(name)))

    async def in_import_export(self) -> list[str]:
        """The barcodes of what lies in import/export slots."""
        doors = self.geometry.import_export
        return [name for name, place in self.changer.inventory if place.address in doors]

    def check_room(self, barcode: str) -> None:
        """Raise NoFreeSlotError unless a tape that lies nowhere can have an import/export slot."""
        try:
            self.changer.inventory.plan_insertion([barcode])
        except ElementFullError as error:
            raise no_free_slot(self.changer, error) from None

    async def place(self, barcodes: Sequence[str]) -> None:
        """Give tapes import/export slots, as many as there are; the rest has none for now."""
        room = self.count(ElementType.IMPORT_EXPORT)
        if fitting := barcodes[: room.total - room.full]:
            await self.changer.insert(fitting)

    async def _note_unknown(self) -> set[str]:
        """Let the ledger know of all tapes that are here; their barcodes."""
        volumes = await in_thread(self._vault.volumes)
        unknown = [v for v in volumes if self.ledger.find(v.barcode) is None]
        await in_thread(self._note, unknown)
        return {volume.barcode for volume in volumes}

    def _note(self, unknown: Sequence[Volume]) -> None:
        """Blocks."""
        self.ledger.put([_found(v, worm=self._vault.is_worm(v.barcode)) for v in unknown])

    async def _finish_deletions(self) -> None:
        """Without anybody who does it afterwards."""
        records = self.ledger.tapes().values()
        deleting = [r.barcode for r in records if r.status is Status.DELETING]
        for barcode in deleting if self.afterwards is None else ():
            await self.drop_volume(barcode)
            await self.forget(barcode)

    def _lies(self, barcode: str) -> bool:
        return barcode in self.changer.inventory

    def _in_library(self) -> set[str]:
        tapes = self.ledger.tapes().values()
        return {record.barcode for record in tapes if record.status in IN_LIBRARY}

    async def _take_out(self, barcode: str) -> None:
        """Take a tape from its place, if it has one; TapeInUseError."""
        try:
            await self.changer.remove(barcode)
        except VolumeLoadedError as error:
            raise TapeInUseError(str(error)) from None
        except UnknownVolumeError:
            pass  # It lies nowhere: a volume that a crash left between two steps.

    def tell(self, barcodes: Sequence[str]) -> None:
        """Let everybody know of the status that tapes have now."""
        for barcode in barcodes:
            if (record := self.ledger.find(barcode)) is not None:
                self._events.status_changed(barcode, record.status)

    # Steps of the above

    def _tape(self, record: TapeRecord, volume: Volume | None) -> Tape:
        inventory, barcode = self.changer.inventory, record.barcode
        place = inventory.place_of(barcode) if barcode in inventory else None
        return tape_of(record, volume, place, self.geometry, self.doing.get(barcode, IDLE))


async def _any_pool(_pool_id: str) -> None:
    """Nobody looks after pools."""


def _found(volume: Volume, *, worm: bool) -> TapeRecord:
    """A tape that nobody made here: one that was pulled, or of a time before the ledger."""
    created_at = int(volume.created_at.timestamp())
    return TapeRecord(
        volume.barcode,
        Status.AVAILABLE,
        volume.capacity_bytes,
        created_at,
        DEFAULT_POOL,
        worm=worm,
    )
