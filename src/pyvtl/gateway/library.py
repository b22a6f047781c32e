"""The library as one thing to manage: tapes, the slots they lie in, the drives that hold them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.changer.product import Product
from pyvtl.gateway.barcode import BarcodeError, check_barcode, made_up
from pyvtl.gateway.bay import DriveBay
from pyvtl.gateway.errors import (
    BarcodeTakenError,
    InvalidRequestError,
    NoFreeSlotError,
    TapeInUseError,
    TapeNotFoundError,
    told_as_gateway_errors,
)
from pyvtl.media.inventory import (
    ElementFullError,
    ElementType,
    Geometry,
    Place,
    UnknownVolumeError,
    VolumeLoadedError,
)
from pyvtl.media.vault import Vault
from pyvtl.media.volume import Volume

T = TypeVar("T")
SMALLEST_TAPE: Final = 1 << 20
LARGEST_TAPE: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class Tape:
    """One tape: the volume, and where it lies.  Sizes in bytes.

    `slot` and `home_slot` are numbered as mtx does: storage slots from 1, import/export slots
    after them; `drive` counts from 0, as mtx counts data transfer elements.
    """

    barcode: str
    status: str
    size_bytes: int
    used_bytes: int
    write_protected: bool
    created_at: datetime
    element_address: int | None
    slot: int | None
    drive: int | None
    home_slot: int | None


@dataclass(frozen=True, slots=True)
class SlotCount:
    """How many slots of a kind there are, and how many hold a tape."""

    full: int
    total: int


class Library:
    """Tapes, changer and drives.  What cannot be raises a GatewayError and changes nothing."""

    def __init__(self, vault: Vault, changer: MediumChanger, bays: Mapping[int, DriveBay]) -> None:
        """`bays` are the drives by element address."""
        self.changer = changer
        self.bays = bays
        self._vault = vault
        self._changing = asyncio.Lock()

    @property
    def geometry(self) -> Geometry:
        return self.changer.inventory.geometry

    async def list_tapes(self) -> list[Tape]:
        """All tapes, by barcode."""
        volumes = await asyncio.to_thread(self._vault.volumes)
        return [self._tape(volume) for volume in sorted(volumes, key=lambda v: v.barcode)]

    async def with_all_tapes(self, use: Callable[[Sequence[Tape]], Awaitable[T]]) -> T:
        """What `use` makes of all tapes; none is made or deleted meanwhile."""
        async with self._changing:
            return await use(await self.list_tapes())

    async def new_barcodes(self, prefix: str, count: int) -> Sequence[str]:
        """Made-up barcodes that no tape has or had; InvalidRequestError."""
        return await self._new_barcodes(prefix, None, count)

    async def create_missing(self, barcodes: Sequence[str], size_bytes: int) -> None:
        """Make those of the tapes that there are not, and never were; as `create_tapes`."""
        _check_size(size_bytes)
        async with self._changing:
            there = await asyncio.to_thread(self._vault.barcodes)
            if missing := [name for name in barcodes if name not in there]:
                await self._create(missing, size_bytes)

    async def show_tape(self, barcode: str) -> Tape:
        """One tape; TapeNotFoundError."""
        for tape in await self.list_tapes():
            if tape.barcode == barcode:
                return tape
        raise TapeNotFoundError(f"there is no tape {barcode}")

    async def create_tapes(
        self,
        *,
        size_bytes: int,
        prefix: str | None = None,
        barcode: str | None = None,
        count: int = 1,
    ) -> list[Tape]:
        """Make blank tapes in the first free import/export slots, all or none.

        Raises InvalidRequestError, BarcodeTakenError or NoFreeSlotError.
        """
        _check_size(size_bytes)
        async with self._changing:
            barcodes = await self._new_barcodes(prefix, barcode, count)
            return await self._create(barcodes, size_bytes)

    async def delete_tape(self, barcode: str) -> None:
        """Delete a tape and all that is on it; TapeNotFoundError, TapeInUseError."""
        async with self._changing:
            await self.show_tape(barcode)
            try:
                await self.changer.remove(barcode)
            except VolumeLoadedError as error:
                raise TapeInUseError(str(error)) from None
            except UnknownVolumeError:
                pass  # It lies nowhere: a volume that a crash left between two steps.
            with told_as_gateway_errors():
                await asyncio.to_thread(self._vault.delete, barcode)

    async def shred_tape(self, barcode: str) -> Tape:
        """Destroy the key of an encrypted tape; TapeNotFoundError, StorageError while in use."""
        await self.show_tape(barcode)
        with told_as_gateway_errors():
            await asyncio.to_thread(self._vault.shred, barcode)
        return await self.show_tape(barcode)

    async def protect_tape(self, barcode: str, write_protected: bool) -> Tape:
        """Make a tape read-only, or writable again, wherever it is; TapeNotFoundError."""
        tape = await self.show_tape(barcode)
        protect_closed = partial(self._vault.protect, barcode, write_protected)
        bay = self.bays.get(tape.element_address) if tape.element_address is not None else None
        with told_as_gateway_errors():
            if bay is None:
                await asyncio.to_thread(protect_closed)
            else:
                await bay.protect(barcode, write_protected, protect_closed)
        return await self.show_tape(barcode)

    async def become(
        self, product: Product, geometry: Geometry, keep: Callable[[], Awaitable[object]]
    ) -> None:
        """Have the changer be another product, once `keep` has made it durable."""
        async with self._changing:
            before = self.geometry
            await self.changer.become(product, geometry, keep)
            self.bays = {before.matching(a, geometry): bay for a, bay in self.bays.items()}

    def count(self, kind: ElementType) -> SlotCount:
        """How many elements of a type there are, and how many of them are full."""
        addresses = dict(self.geometry.in_order()).get(kind, range(0))
        full = sum(place.address in addresses for _, place in self.changer.inventory)
        return SlotCount(full, len(addresses))

    async def place_the_unplaced(self) -> None:
        """Give volumes that lie nowhere an import/export slot: a crash left them half created."""
        volumes = await asyncio.to_thread(self._vault.volumes)
        lost = [v.barcode for v in volumes if v.barcode not in self.changer.inventory]
        room = self.count(ElementType.IMPORT_EXPORT)
        if fitting := lost[: room.total - room.full]:
            await self.changer.insert(fitting)

    # Steps of the above

    async def _create(self, barcodes: Sequence[str], size_bytes: int) -> list[Tape]:
        self._check_room(barcodes)
        create = partial(self._create_volumes, barcodes, size_bytes)
        volumes = await asyncio.to_thread(create)
        try:
            await self.changer.insert(barcodes)
        except ElementFullError as error:
            await asyncio.to_thread(self._delete_volumes, barcodes)
            raise NoFreeSlotError(str(error)) from None
        return [self._tape(volume) for volume in volumes]

    async def _new_barcodes(
        self, prefix: str | None, barcode: str | None, count: int
    ) -> Sequence[str]:
        taken = await asyncio.to_thread(self._vault.barcodes)
        try:
            if barcode is None:
                return list(islice(made_up(prefix or "", taken), count))
            check_barcode(barcode)
        except BarcodeError as error:
            raise InvalidRequestError(str(error)) from None
        if barcode in taken:
            raise BarcodeTakenError(
                f"the barcode {barcode} is taken: no two tapes ever have the same, not even"
                " after the first is deleted"
            )
        return [barcode]

    def _check_room(self, barcodes: Sequence[str]) -> None:
        slots = self.count(ElementType.IMPORT_EXPORT)
        free = slots.total - slots.full
        if len(barcodes) > free:
            raise NoFreeSlotError(
                f"no free import/export slot is left for tape {barcodes[free]}: {slots.full} of"
                f" {slots.total} are full; move tapes to storage slots, or delete some"
            )

    def _create_volumes(self, barcodes: Sequence[str], size_bytes: int) -> list[Volume]:
        """All or none; StorageError."""
        made: list[Volume] = []
        with told_as_gateway_errors(), ExitStack() as undo:
            for barcode in barcodes:
                made.append(self._vault.create(barcode, size_bytes))
                undo.callback(self._vault.delete, barcode)
            undo.pop_all()
        return made

    def _delete_volumes(self, barcodes: Sequence[str]) -> None:
        for barcode in barcodes:
            self._vault.delete(barcode)

    def _tape(self, volume: Volume) -> Tape:
        inventory = self.changer.inventory
        place = inventory.place_of(volume.barcode) if volume.barcode in inventory else None
        address = None if place is None else place.address
        return Tape(
            barcode=volume.barcode,
            status=volume.status,
            size_bytes=volume.capacity_bytes,
            used_bytes=volume.used_bytes,
            write_protected=volume.write_protected,
            created_at=volume.created_at,
            element_address=address,
            slot=slot_number(self.geometry, address),
            drive=_index(self.geometry.drives, address),
            home_slot=slot_number(self.geometry, _home(place)),
        )


def _check_size(size_bytes: int) -> None:
    if not SMALLEST_TAPE <= size_bytes <= LARGEST_TAPE:
        raise InvalidRequestError(f"a tape of {size_bytes} bytes: sizes go from 1MiB to 1EiB")


def slot_number(geometry: Geometry, address: int | None) -> int | None:
    """The number that mtx gives a storage or import/export element; None for other elements."""
    index = _index(geometry.slots, address)
    if index is not None:
        return index + 1
    index = _index(geometry.import_export, address)
    return None if index is None else len(geometry.slots) + index + 1


def _index(elements: range, address: int | None) -> int | None:
    return elements.index(address) if address is not None and address in elements else None


def _home(place: Place | None) -> int | None:
    return place.home if place is not None else None
