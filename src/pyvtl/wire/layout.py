"""Declare a fixed-size big-endian structure the way the standards draw it.

T10 and RFC 7143 describe every structure as a table of bytes, with bit 7 on
the left.  A class here is that table: each field says which bytes and bits it
occupies, once.  Decoding, encoding, the usage mask for REPORT SUPPORTED
OPERATION CODES and the field pointer in sense data are all derived from it.

A structure of n bytes is read as one n*8-bit integer, so that a flag and a
four-byte length are the same thing: a shift and a mask.  What the integer of a
field becomes is decided by the field's type: bool, int, an IntEnum, or bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from typing import (
    Annotated,
    Any,
    ClassVar,
    Self,
    TypeAlias,
    dataclass_transform,
    get_args,
    get_type_hints,
)

Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Position:
    """Where a field lies: its first byte, its lowest bit, its width in bits."""

    byte: int
    low_bit: int
    width: int
    signed: bool = False

    def shift(self, size: int) -> int:
        """How far the field lies from the right end of a structure of `size` bytes."""
        last_byte = self.byte + (self.low_bit + self.width - 1) // 8
        return (size - 1 - last_byte) * 8 + self.low_bit


def bit(byte: int, number: int) -> Position:
    """One flag, numbered as in the standard's table."""
    return Position(byte, number, 1)


def bits(byte: int, high: int, low: int) -> Position:
    """A field within one byte, from bit `high` down to bit `low`."""
    return Position(byte, low, high - low + 1)


def octets(first: int, last: int) -> Position:
    """A big-endian unsigned integer, or a row of bytes, `first` to `last`."""
    return Position(first, 0, (last - first + 1) * 8)


def signed(first: int, last: int) -> Position:
    """A big-endian two's complement integer over whole bytes, `first` to `last`."""
    return Position(first, 0, (last - first + 1) * 8, signed=True)


@dataclass(frozen=True, slots=True)
class Slot:
    """A field as resolved for the structure that holds it."""

    name: str
    kind: type
    position: Position
    shift: int
    mask: int
    from_int: Callable[[int], Any]
    to_int: Callable[[Any], int]
    unsigned: bool
    """Whether the value is the integer in the field as it stands."""


def _codec(kind: type, position: Position) -> tuple[Callable[[int], Any], Callable[[Any], int]]:
    """How the unsigned integer in a field becomes its value, and back."""
    if kind is bytes:
        size = position.width // 8

        def from_bytes(value: bytes) -> int:
            if len(value) != size:
                raise OverflowError(f"{len(value)} bytes in a field of {size}")
            return int.from_bytes(value, "big")

        return (lambda number: number.to_bytes(size, "big")), from_bytes
    if position.signed:
        sign, modulus = 1 << position.width - 1, 1 << position.width

        def from_signed(value: int) -> int:
            if not -sign <= value < sign:
                raise OverflowError(f"{value} does not fit {position.width} bits")
            return value % modulus

        return (lambda number: (number ^ sign) - sign), from_signed
    return kind, int


def _reader(slots: Iterable[Slot]) -> Callable[[int], dict[str, Any]]:
    """From the integer of a structure to the values of its fields.

    One expression is made for the whole class, as `dataclasses` makes an `__init__`: decoding
    is what a server does for every PDU and CDB.
    """
    parts, kinds = [], {}
    for s in slots:
        field = f"number >> {s.shift} & {s.mask}"
        if not s.unsigned:
            field, kinds[s.name] = f"{s.name}({field})", s.from_int
        parts.append(f"{s.name!r}: {field}")
    reader: Callable[[int], dict[str, Any]] = eval(  # noqa: S307 - made of declarations alone
        f"lambda number: {{{', '.join(parts)}}}", kinds
    )
    return reader


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Structure:
    """Base of every declared structure; SIZE is its length in bytes.

    `class Header(Structure, size=8):` with fields `name: Annotated[int, octets(0, 1)] = 0`.
    A field without a default must be given.  Overlapping fields are refused at import.
    """

    SIZE: ClassVar[int]
    SLOTS: ClassVar[tuple[Slot, ...]]
    _READ: ClassVar[Callable[[int], dict[str, Any]]]
    _DEFAULTS: ClassVar[dict[str, Any]]
    _NAMES: ClassVar[frozenset[str]]

    def __init_subclass__(cls, size: int) -> None:
        dataclass(frozen=True, kw_only=True, init=False)(cls)
        hints = get_type_hints(cls, include_extras=True)
        cls.SIZE = size
        cls.SLOTS = tuple(
            Slot(
                f.name,
                kind,
                position,
                position.shift(size),
                (1 << position.width) - 1,
                *_codec(kind, position),
                kind is int and not position.signed,
            )
            for f in fields(cls)  # type: ignore[arg-type] # made a dataclass two lines above
            for kind, position in [get_args(hints[f.name])]
        )
        if any(s.shift < 0 for s in cls.SLOTS):
            raise TypeError(f"a field of {cls.__name__} lies beyond byte {size - 1}")
        if cls.used_bits().bit_count() != sum(s.position.width for s in cls.SLOTS):
            raise TypeError(f"two fields of {cls.__name__} overlap")
        cls._READ = _reader(cls.SLOTS)
        defaults = {f.name: f.default for f in fields(cls)}  # type: ignore[arg-type] # as above
        cls._DEFAULTS = {n: value for n, value in defaults.items() if value is not MISSING}
        cls._NAMES = frozenset(defaults)

    def __init__(self, **values: Any) -> None:
        """All fields by name; TypeError for one that is missing or that there is not."""
        # Straight into __dict__: a frozen dataclass sets its fields one by one, and slowly.
        self.__dict__.update(self._DEFAULTS, **values)
        if self.__dict__.keys() != self._NAMES:
            wrong = sorted(self.__dict__.keys() ^ self._NAMES)
            raise TypeError(f"{type(self).__name__} needs all its fields and no other: {wrong}")

    @classmethod
    def used_bits(cls) -> int:
        """A one for every bit that some field gives a meaning to."""
        used = 0
        for s in cls.SLOTS:
            used |= s.mask << s.shift
        return used

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read the structure from the first SIZE bytes of `data`; fewer raise ValueError."""
        if len(data) < cls.SIZE:
            raise ValueError(f"{cls.__name__} is {cls.SIZE} bytes, not {len(data)}")
        self = cls.__new__(cls)
        # Past __init__, which would check the names.
        self.__dict__.update(cls._READ(int.from_bytes(data[: cls.SIZE], "big")))
        return self

    def encode(self) -> bytes:
        """Write the structure as exactly SIZE bytes; a value that does not fit: OverflowError."""
        number = 0
        values = self.__dict__
        for s in self.SLOTS:
            value = values[s.name]
            if value or s.kind is bytes:  # most fields of most structures are zero
                value = value if s.unsigned else s.to_int(value)
                if value & ~s.mask:
                    raise OverflowError(f"{type(self).__name__}.{s.name} = {value} does not fit")
                number |= value << s.shift
        return number.to_bytes(self.SIZE, "big")

    @classmethod
    def position(cls, name: str) -> Position:
        """Where the field `name` lies, for the field pointer in sense data."""
        (slot,) = (s for s in cls.SLOTS if s.name == name)
        return slot.position


__all__ = ["Annotated", "Buffer", "Position", "Structure", "bit", "bits", "octets", "signed"]
