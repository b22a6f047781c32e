"""CDBs of a medium changer (SMC-3)."""

from pyvtl.scsi.cdb import Annotated, Cdb, bit, bits, octets


class InitializeElementStatus(Cdb, opcode=0x07, size=6):
    """SMC-3 INITIALIZE ELEMENT STATUS."""


class InitializeElementStatusWithRange(Cdb, opcode=0x37, size=10):
    """SMC-3 INITIALIZE ELEMENT STATUS WITH RANGE; without RANGE all elements are meant."""

    fast: Annotated[bool, bit(1, 1)] = False
    range_given: Annotated[bool, bit(1, 0)] = False
    starting_address: Annotated[int, octets(2, 3)] = 0
    element_count: Annotated[int, octets(6, 7)] = 0


class PositionToElement(Cdb, opcode=0x2B, size=10):
    """SMC-3 POSITION TO ELEMENT."""

    transport_address: Annotated[int, octets(2, 3)] = 0
    destination_address: Annotated[int, octets(4, 5)] = 0
    invert: Annotated[bool, bit(8, 0)] = False


class MoveMedium(Cdb, opcode=0xA5, size=12):
    """SMC-3 MOVE MEDIUM."""

    transport_address: Annotated[int, octets(2, 3)] = 0
    source_address: Annotated[int, octets(4, 5)] = 0
    destination_address: Annotated[int, octets(6, 7)] = 0
    invert: Annotated[bool, bit(10, 0)] = False


class ExchangeMedium(Cdb, opcode=0xA6, size=12):
    """SMC-3 EXCHANGE MEDIUM."""

    transport_address: Annotated[int, octets(2, 3)] = 0
    source_address: Annotated[int, octets(4, 5)] = 0
    first_destination_address: Annotated[int, octets(6, 7)] = 0
    second_destination_address: Annotated[int, octets(8, 9)] = 0
    invert_first: Annotated[bool, bit(10, 1)] = False
    invert_second: Annotated[bool, bit(10, 0)] = False


class ReadElementStatus(Cdb, opcode=0xB8, size=12):
    """SMC-3 READ ELEMENT STATUS; element type 0 asks for all types."""

    volume_tag: Annotated[bool, bit(1, 4)] = False
    element_type: Annotated[int, bits(1, 3, 0)] = 0
    starting_address: Annotated[int, octets(2, 3)] = 0
    element_count: Annotated[int, octets(4, 5)] = 0
    current_data: Annotated[bool, bit(6, 1)] = False
    device_id: Annotated[bool, bit(6, 0)] = False
    allocation_length: Annotated[int, octets(7, 9)] = 0
