"""RFC 7143 section 6.1: kinds of value."""

import pytest

from pyvtl.iscsi.text import TextError
from pyvtl.iscsi.values import (
    Boolean,
    Kind,
    Listed,
    Numeric,
    Word,
    both,
    either,
    first_common,
    maximum,
    minimum,
)


@pytest.mark.parametrize(
    ("written", "value"), [("512", 512), ("0x200", 512), ("0X1ff", 511), ("0", 0)]
)
def test_numbers_are_decimal_or_hexadecimal(written: str, value: int) -> None:
    assert Numeric(0, 65535).parse(written) == value


@pytest.mark.parametrize("written", ["", "-1", "+1", "007", "1.5", "0b101", "Yes", "65536", "0x"])
def test_other_numbers_and_those_out_of_range_are_refused(written: str) -> None:
    with pytest.raises(TextError):
        Numeric(0, 65535).parse(written)


@pytest.mark.parametrize("written", ["yes", "YES", "1", "true", ""])
def test_booleans_are_yes_and_no_as_written(written: str) -> None:
    with pytest.raises(TextError):
        Boolean().parse(written)


def test_a_word_is_one_of_its_list() -> None:
    assert Word().parse("anything") == "anything"
    with pytest.raises(TextError):
        Word(("Normal", "Discovery")).parse("Other")


def test_results_of_two_offers() -> None:
    """RFC 7143 section 13: minimum, maximum, AND, OR."""
    assert (minimum(512, 1024), maximum(2, 20)) == (512, 20)
    assert [both(a, b) for a in (True, False) for b in (True, False)] == [True, False, False, False]
    assert [either(a, b) for a in (True, False) for b in (True, False)] == [True, True, True, False]


def test_the_first_word_of_the_initiator_that_we_accept_is_taken() -> None:
    """RFC 7143 section 6.2.1."""
    assert first_common(("X", "None", "CRC32C"), ("CRC32C", "None")) == "None"
    with pytest.raises(TextError):
        first_common(("X",), ("CRC32C", "None"))


def test_kinds_tell_for_the_manual_what_they_are() -> None:
    kinds = (Numeric(0, 2), Boolean(), Listed(("CRC32C", "None")), Word(("A", "B")), Word())
    assert [str(kind) for kind in kinds] == [
        "0 to 2",
        "Yes or No",
        "list of CRC32C, None",
        "A or B",
        "text",
    ]


@pytest.mark.parametrize(
    ("kind", "value"), [(Numeric(0, 9), "7"), (Boolean(), "Yes"), (Boolean(), "No"), (Word(), "x")]
)
def test_values_are_rendered_as_they_are_read(kind: Kind, value: str) -> None:
    assert kind.render(kind.parse(value)) == value
