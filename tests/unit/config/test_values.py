"""What a person may write for an address, a size and a duration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pyvtl.config.types import Seconds, parse_address
from pyvtl.config.units import parse_size, size_text
from pyvtl.iscsi.node import PortalAddress

seconds = TypeAdapter(Seconds).validate_python


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", PortalAddress("192.0.2.7", 3260)),
        ("192.0.2.7:860", PortalAddress("192.0.2.7", 860)),
        ("tape.example:3261", PortalAddress("tape.example", 3261)),
        ("::1", PortalAddress("::1", 3260)),
        ("[2001:db8::7]", PortalAddress("2001:db8::7", 3260)),
        ("[2001:db8::7]:860", PortalAddress("2001:db8::7", 860)),
    ],
)
def test_address(text: str, address: PortalAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", ":3260", "host:", "host:x", "[::1", "[no]:1", "a:b:c"])
def test_what_is_no_address_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"write HOST:PORT or \[IPV6\]:PORT"):
        parse_address(text)


def test_ports_end_at_65535() -> None:
    with pytest.raises(ValueError, match="port 65536 is beyond 65535"):
        parse_address("host:65536")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4294967296", 1 << 32),
        ("1MiB", 1 << 20),
        ("1.5 GiB", 3 << 29),
        ("100g", 100 << 30),
        ("2.5TB", 2_500_000_000_000),
        ("512B", 512),
    ],
)
def test_size(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1 apple", "1e9"])
def test_what_is_no_size_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write bytes"):
        parse_size(text)


@given(st.integers(0, 1 << 60))
def test_a_size_told_is_the_size_meant(count: int) -> None:
    assert parse_size(size_text(count)) == count


@pytest.mark.parametrize(("value", "result"), [("500ms", 0.5), ("30", 30), ("5m", 300), (7, 7)])
def test_duration(value: str | int, result: float) -> None:
    assert seconds(value) == result


def test_what_is_no_duration_is_refused_with_what_is_one() -> None:
    with pytest.raises(ValidationError, match="write seconds, or 500ms, 30s, 5m, 1h"):
        seconds("soon")
