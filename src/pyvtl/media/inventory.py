"""Where the volumes of a library lie: its elements, what is in each, and what a move changes.

A change is first planned (which checks it), then made durable by the Journal, and only then
applied: so a volume is always in exactly one place, and after a crash it is where the Journal
says.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Protocol, TypeAlias

LARGEST_ADDRESS = 0xFFFF


class ElementType(IntEnum):
    """SMC-3 Element type code."""

    TRANSPORT = 1
    STORAGE = 2
    IMPORT_EXPORT = 3
    DATA_TRANSFER = 4


@dataclass(frozen=True, slots=True)
class Geometry:
    """The element addresses of each type.  Types may not overlap; there is one transport."""

    transport: range = range(1)
    drives: range = range(10_000, 10_010)
    slots: range = range(20_000, 21_600)
    import_export: range = range(30_000, 31_600)

    def __post_init__(self) -> None:
        if len(self.transport) != 1:
            raise ValueError(f"a library has one transport element, not {len(self.transport)}")
        ordered = self.in_order()
        for (kind, before), (following, after) in pairwise(ordered):
            if before.stop > after.start:
                names = f"{kind.name.lower()} and {following.name.lower()}"
                raise ValueError(f"{names} elements have the same address {after.start}")
        if ordered[0][1].start < 0 or ordered[-1][1].stop > LARGEST_ADDRESS + 1:
            raise ValueError(f"element addresses go from 0 to {LARGEST_ADDRESS}")

    def in_order(self) -> list[tuple[ElementType, range]]:
        """Types with their addresses, lowest address first; a type without elements is left out."""
        elements = {
            ElementType.TRANSPORT: self.transport,
            ElementType.STORAGE: self.slots,
            ElementType.IMPORT_EXPORT: self.import_export,
            ElementType.DATA_TRANSFER: self.drives,
        }
        present = [(kind, addresses) for kind, addresses in elements.items() if addresses]
        return sorted(present, key=lambda entry: entry[1].start)

    def matching(self, address: int, other: "Geometry") -> int:
        """The address that `other`, which has as many elements, gives the element `address`."""
        for kind, addresses in self.in_order():
            if address in addresses:
                return dict(other.in_order())[kind][addresses.index(address)]
        raise NoSuchElementError(f"there is no element {address}")

    def holds_volumes(self, address: int) -> bool:
        """Whether a volume can rest there: anywhere but in the transport."""
        return any(address in r for r in (self.drives, self.slots, self.import_export))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a volume lies.

    `home` is, for a volume in a drive, the slot that it goes back to: where it came from, or
    another one if something was put there meanwhile.  It is empty, and no other volume's home.
    `imported` says that management put it there, not the changer's own transport.
    """

    address: int
    home: int | None = None
    imported: bool = False

    def renumbered(self, here: Geometry, there: Geometry) -> "Place":
        """The same place under the addresses of another geometry with as many elements."""
        home = None if self.home is None else here.matching(self.home, there)
        return replace(self, address=here.matching(self.address, there), home=home)


Moves: TypeAlias = Mapping[str, Place | None]
"""Barcode to the place where the volume will be; None: it leaves the library.

A volume in a drive may stay where it is, and only be given another home.
"""


class Journal(Protocol):
    """Keeps places across restarts."""

    def place(self, moves: Moves) -> None:
        """Make `moves` durable, all or none, before they count.  May block on a disk.

        Raises StorageFailedError, and then nothing has changed.
        """
        ...


class InventoryError(Exception):
    """What was asked for cannot be; the message says why, and nothing was changed."""


class NoSuchElementError(InventoryError):
    """There is no element with that address that a volume could lie in."""


class ElementEmptyError(InventoryError):
    """Nothing lies where something was to be taken from."""


class ElementFullError(InventoryError):
    """Something lies where something was to be put, or there is no free element left for it."""


class UnknownVolumeError(InventoryError):
    """No volume with that barcode is in the library."""


class VolumeLoadedError(InventoryError):
    """The volume is in a drive; it has to be moved to a slot first."""


class Inventory:
    """What lies where.  `plan_*` checks and tells the outcome; `apply` makes it so."""

    def __init__(self, geometry: Geometry, places: Mapping[str, Place] | None = None) -> None:
        """Start from `places`; an address that the geometry has not: NoSuchElementError."""
        self.geometry = geometry
        self._places: dict[str, Place] = {}
        self._volumes: dict[int, str] = {}
        for barcode, place in (places or {}).items():
            if not geometry.holds_volumes(place.address):
                raise NoSuchElementError(f"{barcode} lies in {place.address}, which is no element")
            if place.address in self._volumes:
                raise ElementFullError(f"{barcode} lies where {self._volumes[place.address]} does")
            self.apply({barcode: place})

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[tuple[str, Place]]:
        """Barcodes with their places."""
        return iter(self._places.items())

    def __contains__(self, barcode: str) -> bool:
        return barcode in self._places

    def volume_at(self, address: int) -> str | None:
        """The barcode of what lies there, if anything does."""
        return self._volumes.get(address)

    def place_of(self, barcode: str) -> Place:
        """Where a volume lies, or UnknownVolumeError."""
        try:
            return self._places[barcode]
        except KeyError:
            raise UnknownVolumeError(f"there is no tape {barcode} in the library") from None

    def renumber(self, geometry: Geometry) -> None:
        """Give all elements, as many as there are, the addresses of another geometry."""
        places = {name: place.renumbered(self.geometry, geometry) for name, place in self}
        self.geometry = geometry
        self.apply(places)

    def plan_move(self, source: int, destination: int) -> Moves:
        """Take what lies in `source` to `destination`, which is empty."""
        self._check_elements(source, destination)
        barcode = self._taken_from(source)
        self._check_empty(destination)
        return self._with_homes({barcode: self._arrival(barcode, destination)})

    def plan_exchange(self, source: int, first: int, second: int) -> Moves:
        """Take what lies in `source` to `first`, and what lies there to `second`.

        `second` is empty, or the same as `source`.
        """
        self._check_elements(source, first, second)
        barcode, displaced = self._taken_from(source), self._taken_from(first)
        if source == first:
            raise ElementFullError(f"element {first} cannot be exchanged with itself")
        if second != source:
            self._check_empty(second)
        arrivals = {
            barcode: self._arrival(barcode, first),
            displaced: self._arrival(displaced, second),
        }
        return self._with_homes(arrivals)

    def plan_insertion(self, barcodes: Iterable[str]) -> Moves:
        """Put new volumes in free import/export elements, or ElementFullError naming one."""
        free = (a for a in self.geometry.import_export if a not in self._volumes)
        moves: dict[str, Place] = {}
        for barcode in barcodes:
            if barcode in self._places or barcode in moves:
                raise ElementFullError(f"tape {barcode} is in the library already")
            address = next(free, None)
            if address is None:
                raise ElementFullError(f"no free import/export slot is left for tape {barcode}")
            moves[barcode] = Place(address, imported=True)
        return moves

    def plan_removal(self, barcode: str) -> Moves:
        """Take a volume out of the library; one in a drive stays: VolumeLoadedError."""
        place = self.place_of(barcode)
        if place.address in self.geometry.drives:
            drive = self.geometry.drives.index(place.address)
            raise VolumeLoadedError(f"tape {barcode} is in drive {drive}: unload it first")
        return {barcode: None}

    def apply(self, moves: Moves) -> None:
        """Make planned moves so."""
        for barcode in moves:
            if (place := self._places.pop(barcode, None)) is not None:
                del self._volumes[place.address]
        for barcode, destination in moves.items():
            if destination is not None:
                self._places[barcode] = destination
                self._volumes[destination.address] = barcode

    def _check_elements(self, *addresses: int) -> None:
        for address in addresses:
            if not self.geometry.holds_volumes(address):
                raise NoSuchElementError(f"there is no element {address} for volumes")

    def _taken_from(self, address: int) -> str:
        barcode = self._volumes.get(address)
        if barcode is None:
            raise ElementEmptyError(f"element {address} is empty")
        return barcode

    def _check_empty(self, address: int) -> None:
        if address in self._volumes:
            raise ElementFullError(f"element {address} holds {self._volumes[address]}")

    def _arrival(self, barcode: str, destination: int) -> Place:
        """The place at `destination`; in a drive, with the slot that the volume came from."""
        place = self._places[barcode]
        if destination not in self.geometry.drives:
            return Place(destination)
        home = place.address if place.address in self.geometry.slots else place.home
        return Place(destination, home)

    def _with_homes(self, arrivals: Mapping[str, Place]) -> Moves:
        """`arrivals`, and a free slot as home for each volume in a drive that needs another one.

        That is one that has none, or whose home is being filled.  When no slot is free, what
        comes from an import/export slot cannot be loaded, and others have no home.
        """
        after = {**self._places, **arrivals}
        filled = {place.address for place in arrivals.values()}
        taken = {place.address for place in after.values()} | {p.home for p in after.values()}
        free = (address for address in self.geometry.slots if address not in taken)
        moves = dict(arrivals)
        for barcode, place in after.items():
            if place.home in filled or (barcode in arrivals and self._homeless(place)):
                moves[barcode] = replace(place, home=next(free, None))
                self._check_home(barcode, moves[barcode])
        return moves

    def _homeless(self, place: Place) -> bool:
        return place.home is None and place.address in self.geometry.drives

    def _check_home(self, barcode: str, place: Place) -> None:
        if place.home is None and self._places[barcode].address in self.geometry.import_export:
            raise ElementFullError(f"no free slot is left as a home for tape {barcode}")
