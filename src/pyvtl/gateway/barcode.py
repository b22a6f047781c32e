"""Barcodes: which are allowed, and how they are made up."""

import re
import secrets
from collections.abc import Container, Iterator
from typing import Final

BARCODE: Final = re.compile(r"[A-Z0-9]{5,16}")
PREFIX: Final = re.compile(r"[A-Z0-9]{1,10}")
FIRST_XOR_THIRD: Final = 0xA5
"""AWS Tape Gateway makes barcodes whose three bytes have this property, and so do we."""

ATTEMPTS: Final = 1000
"""How many barcodes are drawn before a prefix, which has 65,536 of them, counts as used up."""


class BarcodeError(ValueError):
    """The barcode or prefix cannot be used; the message says what is allowed."""


def check_barcode(barcode: str) -> None:
    """Raise BarcodeError unless initiators and the management API can name a tape so."""
    if not BARCODE.fullmatch(barcode):
        raise BarcodeError(f"{barcode!r} is no barcode: 5 to 16 of the characters A-Z and 0-9")


def made_up(prefix: str, taken: Container[str]) -> Iterator[str]:
    """New barcodes, the prefix and six hexadecimal digits, none of them taken or told twice."""
    if not PREFIX.fullmatch(prefix):
        raise BarcodeError(f"{prefix!r} is no prefix: 1 to 10 of the characters A-Z and 0-9")
    told: set[str] = set()
    while True:
        barcode = _untaken(prefix, taken, told)
        told.add(barcode)
        yield barcode


def _untaken(prefix: str, taken: Container[str], told: Container[str]) -> str:
    for _ in range(ATTEMPTS):
        first, second = secrets.token_bytes(2)
        barcode = f"{prefix}{bytes([first, second, first ^ FIRST_XOR_THIRD]).hex().upper()}"
        if barcode not in taken and barcode not in told:
            return barcode
    raise BarcodeError(f"the prefix {prefix} is used up: take another")
