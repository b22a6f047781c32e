"""What tells one product of changer from another: its strings, its pages, its element addresses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pyvtl.device.changer.mode_pages import mode_pages
from pyvtl.media.inventory import Geometry
from pyvtl.scsi.identity import Identity
from pyvtl.scsi.inquiry import PRIMARY_VPD_PAGES
from pyvtl.scsi.mode_page import ModePage
from pyvtl.scsi.nexus import Nexus

VpdPages: TypeAlias = Mapping[int, Callable[[Any, Nexus], bytes]]


def as_it_is(identity: Identity, standard: bytes) -> bytes:
    """Standard INQUIRY data of a product that adds nothing to it."""
    return standard


@dataclass(frozen=True, slots=True)
class Product:
    """One product.  `inquiry` makes its standard INQUIRY data of that which all units have."""

    identity: Identity
    vpd_pages: VpdPages = field(default_factory=lambda: PRIMARY_VPD_PAGES)
    mode_pages: Callable[[Geometry], tuple[ModePage, ...]] = mode_pages
    inquiry: Callable[[Identity, bytes], bytes] = as_it_is


@dataclass(frozen=True, slots=True)
class ElementMap:
    """The first element address of each type in a product, the storage slots behind all others."""

    transport: int
    import_export: int
    drives: int
    slots: int
    step: int

    def geometry(self, like: Geometry) -> Geometry:
        """This product with as many elements as `like` has.

        Import/export slots for which there is no room before the next type stand behind the
        storage slots, at the next multiple of `step`: the product itself never has so many.
        """
        slots = _row(self.slots, len(like.slots))
        behind = -(-slots.stop // self.step) * self.step
        following = min(a for a in (self.drives, self.slots) if a > self.import_export)
        fits = self.import_export + len(like.import_export) <= following
        first = self.import_export if fits else behind
        return Geometry(
            transport=_row(self.transport, 1),
            drives=_row(self.drives, len(like.drives)),
            slots=slots,
            import_export=_row(first, len(like.import_export)),
        )


def _row(first: int, count: int) -> range:
    return range(first, first + count)
