"""CRC32C (Castagnoli), the checksum of iSCSI digests and of our frames."""

from functools import cache

from crc32c import crc32c

__all__ = ["combined", "crc32c"]

POLYNOMIAL = 0x82F63B78
"""0x11EDC6F41 (RFC 7143 section 13.1) without x^32; the highest bit stands for x^0."""
ONE, X_TO_THE_8 = 1 << 31, 1 << 23


def combined(first: int, second: int, second_length: int) -> int:
    """The checksum of two pieces one after the other, from those of both.  Length in bytes."""
    return _product(first, _zeros(second_length)) ^ second


@cache
def _zeros(length: int) -> int:
    """What a checksum is multiplied with when so many bytes follow: x^(8 * length)."""
    factor, square = ONE, X_TO_THE_8
    while length:
        if length & 1:
            factor = _product(factor, square)
        square = _product(square, square)
        length >>= 1
    return factor


def _product(left: int, right: int) -> int:
    """Of two polynomials, modulo that of CRC32C."""
    product = 0
    for bit in reversed(range(32)):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (POLYNOMIAL if right & 1 else 0)
    return product
