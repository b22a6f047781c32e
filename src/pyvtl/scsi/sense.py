"""Sense data: what a device server tells the initiator about a condition (SPC-5 Sense data).

A Sense is a plain value; only `encode_fixed` and `encode_descriptor` know the wire formats.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Self

from pyvtl.scsi.asc import Asc
from pyvtl.wire.layout import Position, Structure, bit, bits, octets

__all__ = [
    "Asc",
    "CheckCondition",
    "Sense",
    "SenseKey",
    "illegal_request",
    "invalid_field",
    "invalid_parameter",
]


class SenseKey(IntEnum):
    """SPC-5 Sense key."""

    NO_SENSE = 0x0
    RECOVERED_ERROR = 0x1
    NOT_READY = 0x2
    MEDIUM_ERROR = 0x3
    HARDWARE_ERROR = 0x4
    ILLEGAL_REQUEST = 0x5
    UNIT_ATTENTION = 0x6
    DATA_PROTECT = 0x7
    BLANK_CHECK = 0x8
    VENDOR_SPECIFIC = 0x9
    COPY_ABORTED = 0xA
    ABORTED_COMMAND = 0xB
    VOLUME_OVERFLOW = 0xD
    MISCOMPARE = 0xE
    COMPLETED = 0xF


@dataclass(frozen=True, slots=True)
class FieldPointer:
    """What was wrong with a CDB (`in_cdb`) or with the parameter data (SPC-5 Field pointer)."""

    byte: int
    bit: int | None
    in_cdb: bool

    @classmethod
    def to(cls, position: Position, *, in_cdb: bool, offset: int = 0) -> Self:
        """Point at the field at `position` of a structure that starts at byte `offset`."""
        high = (position.low_bit + position.width - 1) % 8
        return cls(offset + position.byte, high, in_cdb)

    def encode(self) -> bytes:
        """The three sense-key specific bytes: SKSV, C/D, BPV, bit pointer, field pointer."""
        flags = 0x80 | self.in_cdb << 6
        if self.bit is not None:
            flags |= 0x08 | self.bit
        return bytes([flags]) + self.byte.to_bytes(2, "big")


class FixedSense(Structure, size=18):
    """Fixed format sense data (SPC-5 Fixed format sense data), 18 bytes."""

    valid: Annotated[bool, bit(0, 7)] = False
    response_code: Annotated[int, bits(0, 6, 0)] = 0x70
    filemark: Annotated[bool, bit(2, 7)] = False
    end_of_medium: Annotated[bool, bit(2, 6)] = False
    incorrect_length: Annotated[bool, bit(2, 5)] = False
    sense_key: Annotated[int, bits(2, 3, 0)] = 0
    information: Annotated[int, octets(3, 6)] = 0
    additional_length: Annotated[int, octets(7, 7)] = 10
    asc: Annotated[int, octets(12, 13)] = 0
    sense_key_specific: Annotated[bytes, octets(15, 17)] = bytes(3)


@dataclass(frozen=True, slots=True)
class Sense:
    """One condition.  `deferred` says that it is about an earlier command, not this one.

    `information` is signed: the fixed format carries it as 32 bits of two's complement, the
    descriptor format as 64; one that does not fit the fixed format leaves VALID at zero.
    """

    key: SenseKey = SenseKey.NO_SENSE
    asc: Asc = Asc.NO_ADDITIONAL_SENSE_INFORMATION
    information: int | None = None
    filemark: bool = False
    end_of_medium: bool = False
    incorrect_length: bool = False
    field: FieldPointer | None = None
    deferred: bool = False

    def encode_fixed(self) -> bytes:
        """Fixed format: response code 70h (current) or 71h (deferred), 18 bytes."""
        information = self.information
        valid = information is not None and -(1 << 31) <= information < 1 << 32
        return FixedSense(
            valid=valid,
            response_code=0x71 if self.deferred else 0x70,
            filemark=self.filemark,
            end_of_medium=self.end_of_medium,
            incorrect_length=self.incorrect_length,
            sense_key=self.key,
            information=(information or 0) & 0xFFFF_FFFF if valid else 0,
            asc=self.asc.value,
            sense_key_specific=self.field.encode() if self.field else bytes(3),
        ).encode()

    def encode_descriptor(self) -> bytes:
        """Descriptor format: response code 72h (current) or 73h (deferred)."""
        descriptors = b""
        if self.information is not None:
            information = self.information & 0xFFFF_FFFF_FFFF_FFFF
            descriptors += bytes([0x00, 0x0A, 0x80, 0x00]) + information.to_bytes(8, "big")
        if self.field is not None:
            descriptors += bytes([0x02, 0x06, 0, 0]) + self.field.encode() + b"\0"
        if self.filemark or self.end_of_medium or self.incorrect_length:
            flags = self.filemark << 7 | self.end_of_medium << 6 | self.incorrect_length << 5
            descriptors += bytes([0x04, 0x02, 0x00, flags])
        code = 0x73 if self.deferred else 0x72
        header = bytes([code, self.key]) + self.asc.value.to_bytes(2, "big")
        return header + bytes(3) + bytes([len(descriptors)]) + descriptors


class CheckCondition(Exception):  # noqa: N818 - the standard's name for it
    """End the command with CHECK CONDITION status and this sense data."""

    def __init__(self, sense: Sense) -> None:
        super().__init__(f"{sense.key.name} / {sense.asc.name}")
        self.sense = sense


def illegal_request(asc: Asc) -> CheckCondition:
    """The command cannot be done as it stands: sense key 05 with `asc`, pointing at no field."""
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, asc))


def invalid_field(cdb: Structure, name: str) -> CheckCondition:
    """The CDB field `name` has a value this device does not take: 05/24/00, pointing at it."""
    pointer = FieldPointer.to(cdb.position(name), in_cdb=True)
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB, field=pointer))


def invalid_parameter(parameters: Structure, name: str, offset: int = 0) -> CheckCondition:
    """The parameter list field `name`, of a structure at byte `offset`, is refused: 05/26/00."""
    pointer = FieldPointer.to(parameters.position(name), in_cdb=False, offset=offset)
    return CheckCondition(
        Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_PARAMETER_LIST, field=pointer)
    )
