"""Which product the changer stands in for, kept across restarts and changed while it serves.

The catalog has where tapes lie under the addresses of the settings, whatever the product's own
addresses are: so a change of product is one small file, and a crash leaves the one or the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pyvtl.device.changer.product import ElementMap, Product
from pyvtl.device.profile import aws_changer, ibm_03584, stk_l700
from pyvtl.gateway.errors import DeviceInUseError, InvalidRequestError
from pyvtl.gateway.kept import Kept
from pyvtl.gateway.library import Library
from pyvtl.media.inventory import Geometry, Inventory, Journal, Moves, Place


@dataclass(frozen=True, slots=True)
class Kind:
    """A product by its name in the management API; without a map it has the settings' addresses."""

    product: Callable[[str], Product]
    elements: ElementMap | None = None

    def geometry(self, settings: Geometry) -> Geometry:
        """The addresses of as many elements as the settings say."""
        return settings if self.elements is None else self.elements.geometry(settings)


KINDS: Final[Mapping[str, Kind]] = {
    "AWS-Gateway-VTL": Kind(aws_changer.product),
    "STK-L700": Kind(stk_l700.product, stk_l700.ELEMENTS),
    "IBM-03584L32-0402": Kind(ibm_03584.product, ibm_03584.ELEMENTS),
}


@dataclass(frozen=True, slots=True)
class ChangerType:
    """The name of a product, one of KINDS."""

    name: str = "AWS-Gateway-VTL"


class Renumbering(Journal):
    """A journal that has all places under the addresses of the settings."""

    def __init__(self, journal: Journal, inventory: Inventory, settings: Geometry) -> None:
        self._journal = journal
        self._inventory = inventory
        self._settings = settings

    def place(self, moves: Moves) -> None:
        here, there = self._inventory.geometry, self._settings
        self._journal.place({name: p and p.renumbered(here, there) for name, p in moves.items()})


class ChangerTypes:
    """The changer's product, and how it becomes another."""

    def __init__(self, kept: Kept[ChangerType], gateway_id: str, settings: Geometry) -> None:
        """`settings` are the addresses that the catalog knows."""
        self._kept = kept
        self._gateway_id = gateway_id
        self._settings = settings

    @property
    def name(self) -> str:
        """The name of the product."""
        return self._kept.value.name

    @property
    def product(self) -> Product:
        """The product of this gateway."""
        return KINDS[self.name].product(self._gateway_id)

    def inventory(self, places: Mapping[str, Place]) -> Inventory:
        """What lies where, under the product's addresses; `places` are as the catalog has them."""
        inventory = Inventory(self._settings, places)
        inventory.renumber(KINDS[self.name].geometry(self._settings))
        return inventory

    def journal(self, catalog: Journal, inventory: Inventory) -> Journal:
        """What moves in the inventory are written to, so that the catalog gets its addresses."""
        return Renumbering(catalog, inventory, self._settings)

    async def change(
        self,
        name: str,
        library: Library,
        initiators: Callable[[], int],
        end_sessions: Callable[[], None],
    ) -> None:
        """Have the changer be another product.

        `initiators` counts those that are logged in to it: DeviceInUseError if there is one.
        `end_sessions` ends such as come while it changes.  Raises InvalidRequestError too.
        """
        kind = KINDS.get(name)
        if kind is None:
            raise InvalidRequestError(f"{name!r} is no changer: there are {', '.join(KINDS)}")
        if count := initiators():
            raise DeviceInUseError(
                f"the changer has {count} initiators logged in: log them out first"
            )
        async with library.standing_still:
            here, there = library.geometry, kind.geometry(self._settings)
            await library.changer.become(
                kind.product(self._gateway_id),
                there,
                lambda: self._kept.change(lambda _: ChangerType(name)),
            )
            library.bays = {here.matching(a, there): bay for a, bay in library.bays.items()}
            end_sessions()
