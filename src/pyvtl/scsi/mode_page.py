"""Mode pages: declared structures, and the values that a logical unit has in force (SPC-5)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeVar, cast

from pyvtl.wire.layout import Structure, bit, bits, octets

P = TypeVar("P", bound="ModePage")


class ModePage(Structure, size=0):
    """Base of every mode page: `size` counts the header, CHANGEABLE names what may be set.

    A page of sub_page format (`subpage` not zero) has a header of four bytes, others of two.
    An instance holds values in force; the instance that a unit starts with is its default.
    """

    CODE: ClassVar[int]
    SUBPAGE: ClassVar[int]
    CHANGEABLE: ClassVar[frozenset[str]]

    def __init_subclass__(
        cls, code: int, size: int, subpage: int = 0, changeable: str = ""
    ) -> None:
        super().__init_subclass__(size=size)
        cls.CODE = code
        cls.SUBPAGE = subpage
        cls.CHANGEABLE = frozenset(changeable.split())
        if unknown := cls.CHANGEABLE - {s.name for s in cls.SLOTS}:
            raise TypeError(f"{cls.__name__} has no fields {sorted(unknown)}")

    @classmethod
    def header(cls) -> bytes:
        """Page code and page length, in page_0 or sub_page format (SPC-5 Mode page format)."""
        if cls.SUBPAGE:
            return bytes([0x40 | cls.CODE, cls.SUBPAGE]) + (cls.SIZE - 4).to_bytes(2, "big")
        return bytes([cls.CODE, cls.SIZE - 2])

    def encode(self) -> bytes:
        header = self.header()
        return header + super().encode()[len(header) :]

    @classmethod
    def changeable_values(cls) -> bytes:
        """The page with a one in every bit that MODE SELECT may set."""
        ones = 0
        for slot in cls.SLOTS:
            if slot.name in cls.CHANGEABLE:
                ones |= slot.mask << slot.shift
        header = cls.header()
        return header + ones.to_bytes(cls.SIZE, "big")[len(header) :]


class Control(ModePage, code=0x0A, size=12, changeable="descriptor_sense"):
    """SPC-5 Control mode page.

    One task runs at a time and in the order of arrival; TST and QERR are zero.
    """

    descriptor_sense: Annotated[bool, bit(2, 2)] = False
    queue_algorithm_modifier: Annotated[int, bits(3, 7, 4)] = 0
    busy_timeout_period: Annotated[int, octets(8, 9)] = 0xFFFF


class DisconnectReconnect(ModePage, code=0x02, size=16):
    """SPC-5 Disconnect-Reconnect mode page; iSCSI negotiates its burst lengths by text keys."""

    maximum_burst_size: Annotated[int, octets(10, 11)] = 0
    first_burst_size: Annotated[int, octets(14, 15)] = 0


class InformationalExceptions(ModePage, code=0x1C, size=12, changeable="disabled"):
    """SPC-5 Informational Exceptions Control mode page: nothing is reported unasked."""

    disabled: Annotated[bool, bit(2, 3)] = True
    method: Annotated[int, bits(3, 3, 0)] = 0


@dataclass(frozen=True, slots=True)
class ModeParameters:
    """What stands before the pages: parts of the header, and the block descriptor or nothing.

    `device_specific` is a byte that each device type gives its own meaning, `block_descriptor`
    eight bytes in the form of the device type, or empty when it has none.
    """

    medium_type: int = 0
    device_specific: int = 0
    block_descriptor: bytes = b""


class ModePages:
    """The pages of one unit, in order of page code and subpage: default and current values."""

    def __init__(self, *defaults: ModePage) -> None:
        ordered = sorted(defaults, key=lambda page: (page.CODE, page.SUBPAGE))
        self._defaults = {(page.CODE, page.SUBPAGE): page for page in ordered}
        self._current = dict(self._defaults)

    def __iter__(self) -> Iterator[ModePage]:
        """The current values."""
        return iter(self._current.values())

    @property
    def defaults(self) -> Iterable[ModePage]:
        """The values that are in force after a reset."""
        return self._defaults.values()

    def find(self, code: int, subpage: int) -> ModePage | None:
        """Current values of the page with that code, if the unit has it."""
        return self._current.get((code, subpage))

    def current(self, kind: type[P]) -> P:
        """Current values of a page that the unit is known to have."""
        return cast(P, self._current[kind.CODE, kind.SUBPAGE])

    def select(self, pages: Iterable[ModePage]) -> None:
        """Put other values in force; the pages must be among the unit's."""
        for page in pages:
            assert (page.CODE, page.SUBPAGE) in self._defaults, "only known pages are selected"
            self._current[page.CODE, page.SUBPAGE] = page

    def reset(self) -> None:
        """Back to the default values (SAM-5 Logical unit reset)."""
        self._current = dict(self._defaults)
