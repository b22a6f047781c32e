"""A library whose drives and journal are as simple as they can be, and fail when told to."""

from collections.abc import Mapping

from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.profile import aws_changer
from pyvtl.media.inventory import Geometry, Inventory, Moves, Place
from pyvtl.media.medium import StorageFailedError
from pyvtl.scsi.identity import Identity
from tests.scsi_client import ALICE, BOB, introduce

SMALL = Geometry(drives=range(100, 102), slots=range(200, 203), import_export=range(300, 302))


class ListJournal:
    """Keeps places in memory; fails when told to."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self.places = dict(places)
        self.broken = False

    def place(self, moves: Moves) -> None:
        if self.broken:
            raise StorageFailedError("no space left on device")
        for barcode, place in moves.items():
            self.places.pop(barcode, None)
            if place is not None:
                self.places[barcode] = place


class EmptyBay:
    """A drive as far as the changer sees it: it holds a volume, or refuses to."""

    def __init__(self, number: int) -> None:
        self.identity = Identity("IBM", "ULT3580-TD5", "PV10", f"1FAD4876{number:02X}", bytes(8))
        self.loaded: str | None = None
        self.removal_prevented = False
        self.failure: Exception | None = None

    async def load(self, barcode: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.loaded = barcode

    async def unload(self, *, by_force: bool = False) -> None:
        if self.failure is not None:
            raise self.failure
        self.loaded = None


class Library:
    """The changer with what stands around it."""

    def __init__(self, places: Mapping[str, Place], geometry: Geometry = SMALL) -> None:
        self.journal = ListJournal(places)
        self.bays = {address: EmptyBay(n) for n, address in enumerate(geometry.drives, 1)}
        self.changer = MediumChanger(
            aws_changer.identity("1fad4876"), Inventory(geometry, places), self.bays, self.journal
        )
        introduce(self.changer, ALICE, BOB)
        for barcode, place in places.items():
            if place.address in self.bays:
                self.bays[place.address].loaded = barcode

    @property
    def places(self) -> dict[str, Place]:
        """Where everything lies: journal and inventory agree, and so do the drives."""
        places = dict(self.changer.inventory)
        assert places == self.journal.places
        in_drives = {a: bay.loaded for a, bay in self.bays.items() if bay.loaded}
        assert in_drives == {p.address: b for b, p in places.items() if p.address in self.bays}
        return places
