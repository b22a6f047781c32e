"""Sizes as people write them."""

import re
from fractions import Fraction

UNITS = ("", "K", "M", "G", "T", "P")
_SIZE = re.compile(
    r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMGTP]?)(?P<kind>I?B|)\s*", re.IGNORECASE
)


def parse_size(text: str) -> int:
    """Bytes: a number, with KiB, MiB, GiB, TiB, PiB (or K, M, …) or the decimal kB, MB, GB, …"""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size; write bytes, or like 64MiB, 100GiB, 2.5TB")
    base = 1000 if match["unit"] and match["kind"].upper() == "B" else 1024
    return int(Fraction(match["number"]) * base ** UNITS.index(match["unit"].upper()))


def size_text(count: int) -> str:
    """A number of bytes with the largest binary unit that keeps it whole: 64MiB, 1000B."""
    power = 0
    while count and count % 1024 == 0 and power < len(UNITS) - 1:
        count, power = count // 1024, power + 1
    return f"{count}{UNITS[power]}{'i' if power else ''}B"
