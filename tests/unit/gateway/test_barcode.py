"""Barcodes: which are allowed, and how they are made up."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.gateway.barcode import BarcodeError, check_barcode, made_up


@given(st.from_regex(r"[A-Z0-9]{5,16}", fullmatch=True))
def test_five_to_sixteen_capitals_and_digits_are_a_barcode(barcode: str) -> None:
    check_barcode(barcode)


@pytest.mark.parametrize("barcode", ["", "DEMO", "demo1FE3BA", "A" * 17, "DEMO 1FE3BA", "DEMO-1"])
def test_anything_else_is_none(barcode: str) -> None:
    with pytest.raises(BarcodeError, match="5 to 16 of the characters A-Z and 0-9"):
        check_barcode(barcode)


def test_made_up_barcodes_are_like_aws_s() -> None:
    """Prefix and six hexadecimal digits; the first byte XOR the third is A5h."""
    barcodes = list(islice(made_up("DEMO", ()), 100))
    assert len(set(barcodes)) == 100
    for barcode in barcodes:
        check_barcode(barcode)
        prefix, digits = barcode[:4], bytes.fromhex(barcode[4:])
        assert (prefix, digits[0] ^ digits[2]) == ("DEMO", 0xA5)


def test_a_taken_barcode_is_not_made_up_again() -> None:
    class All:
        def __contains__(self, barcode: object) -> bool:
            return True

    with pytest.raises(BarcodeError, match="the prefix DEMO is used up"):
        next(made_up("DEMO", All()))


@pytest.mark.parametrize("prefix", ["", "demo", "ELEVENCHARS"])
def test_a_prefix_leaves_room_for_six_digits(prefix: str) -> None:
    with pytest.raises(BarcodeError, match="1 to 10 of the characters A-Z and 0-9"):
        next(made_up(prefix, ()))
