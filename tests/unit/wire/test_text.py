"""Fixed-width text, and the checksum of digests and frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.wire.checksum import combined, crc32c
from pyvtl.wire.text import left_aligned


def test_text_is_padded_with_spaces() -> None:
    assert left_aligned("IBM", 8) == b"IBM     "


@pytest.mark.parametrize("text", ["too long for it", "tab\t", "\xe9"])
def test_text_that_does_not_fit_or_print_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"printable|ascii"):
        left_aligned(text, 8)


def test_crc32c_has_the_value_of_the_rfc() -> None:
    """RFC 7143 appendix A.4: 32 bytes of zeros, of ones, and counting up."""
    assert [crc32c(bytes(32)), crc32c(b"\xff" * 32), crc32c(bytes(range(32)))] == [
        0x8A9136AA,
        0x62A8AB43,
        0x46DD794E,
    ]


def test_crc32c_goes_on_from_an_earlier_part() -> None:
    assert crc32c(b"world", crc32c(b"hello ")) == crc32c(b"hello world")


@given(st.binary(), st.binary())
def test_crc32c_of_two_pieces_is_known_from_those_of_both(first: bytes, second: bytes) -> None:
    assert combined(crc32c(first), crc32c(second), len(second)) == crc32c(first + second)
