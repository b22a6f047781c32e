"""Sense data on the wire (SPC-5 Sense data)."""

from pyvtl.scsi.cdb import Annotated, Cdb, bit
from pyvtl.scsi.sense import Asc, CheckCondition, Sense, SenseKey, invalid_field


class Example(Cdb, opcode=0x08, size=6):
    sili: Annotated[bool, bit(1, 1)] = False


FILEMARK = Sense(asc=Asc.FILEMARK_DETECTED, information=10, filemark=True)


def test_fixed_format() -> None:
    assert FILEMARK.encode_fixed().hex() == "f000800000000a0a00000000000100000000"


def test_descriptor_format() -> None:
    assert FILEMARK.encode_descriptor().hex() == (
        "7200000100000010" + "000a8000000000000000000a" + "04020080"
    )


def test_negative_information_is_two_s_complement_in_both_formats() -> None:
    sense = Sense(incorrect_length=True, information=-2)
    assert sense.encode_fixed()[3:7].hex() == "fffffffe"
    assert sense.encode_descriptor()[12:20].hex() == "fffffffffffffffe"


def test_information_too_large_for_the_fixed_format_is_not_valid_there() -> None:
    raw = Sense(information=1 << 32).encode_fixed()
    assert (raw[0], raw[3:7]) == (0x70, bytes(4))


def test_a_deferred_error_has_response_code_71h_or_73h() -> None:
    sense = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, deferred=True)
    assert (sense.encode_fixed()[0], sense.encode_descriptor()[0]) == (0x71, 0x73)


def test_invalid_field_points_at_its_highest_bit() -> None:
    """SKSV, C/D and BPV set, bit 1, byte 1."""
    raised = invalid_field(Example(sili=True), "sili")
    assert raised.sense.encode_fixed()[12:18].hex() == "240000c90001"
    assert raised.sense.encode_descriptor()[8:16].hex() == "02060000c9000100"


def test_the_exception_reads_as_its_condition() -> None:
    assert str(CheckCondition(FILEMARK)) == "NO_SENSE / FILEMARK_DETECTED"
