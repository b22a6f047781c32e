"""Declared structures: the table in the standard is the class."""

from dataclasses import FrozenInstanceError, replace
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.wire.layout import Annotated, Position, Structure, bit, bits, octets, signed


class Color(IntEnum):
    RED = 1
    GREEN = 2


class Example(Structure, size=12):
    flag: Annotated[bool, bit(0, 7)] = False
    color: Annotated[Color, bits(0, 2, 0)] = Color.RED
    length: Annotated[int, octets(1, 3)] = 0
    count: Annotated[int, signed(4, 7)] = 0
    name: Annotated[bytes, octets(8, 11)] = b"abcd"


def test_every_kind_of_field_lies_where_it_is_declared() -> None:
    example = Example(flag=True, color=Color.GREEN, length=0x010203, count=-2, name=b"wxyz")
    assert example.encode().hex() == "82010203fffffffe7778797a"
    assert Example.decode(example.encode()) == example


def test_decode_takes_any_buffer_and_leaves_what_follows() -> None:
    raw = Example(length=7).encode()
    expected = Example(length=7)
    assert Example.decode(bytearray(raw + b"more")) == expected
    assert Example.decode(memoryview(raw)) == expected


def test_decode_gives_the_declared_types() -> None:
    decoded = Example.decode(Example(flag=True).encode())
    assert (decoded.flag, type(decoded.color), type(decoded.name)) == (True, Color, bytes)


def test_too_few_bytes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="Example is 12 bytes, not 11"):
        Example.decode(bytes(11))


@pytest.mark.parametrize(
    "wrong",
    [
        Example(length=1 << 24),
        Example(length=-1),
        Example(count=1 << 31),
        Example(count=-(1 << 31) - 1),
        Example(name=b"abc"),
        Example(name=b""),
    ],
    ids=repr,
)
def test_a_value_that_does_not_fit_is_refused(wrong: Example) -> None:
    with pytest.raises(OverflowError):
        wrong.encode()


def test_fields_that_overlap_are_refused_at_import() -> None:
    with pytest.raises(TypeError, match="two fields of Overlap overlap"):

        class Overlap(Structure, size=1):
            low: Annotated[int, bits(0, 4, 0)] = 0
            high: Annotated[int, bits(0, 7, 4)] = 0


def test_a_field_beyond_the_structure_is_refused_at_import() -> None:
    with pytest.raises(TypeError, match="a field of Beyond lies beyond byte 1"):

        class Beyond(Structure, size=2):
            third: Annotated[int, octets(2, 2)] = 0


class Needy(Structure, size=2):
    first: Annotated[int, octets(0, 0)]
    second: Annotated[int, octets(1, 1)] = 7


@pytest.mark.parametrize("values", [{}, {"second": 1}, {"third": 1}, {"first": 1, "third": 1}])
def test_all_fields_and_no_other_are_to_be_given(values: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Needy needs all its fields and no other"):
        Needy(**values)


def test_a_field_with_a_default_may_be_left_out_and_none_can_be_changed() -> None:
    needy = Needy(first=1)
    assert (needy.first, needy.second) == (1, 7)
    with pytest.raises(FrozenInstanceError):
        needy.first = 2  # type: ignore[misc] # it is what must not be
    assert replace(needy, first=2) == Needy(first=2, second=7)


def test_position_is_what_the_field_pointer_needs() -> None:
    assert Example.position("color") == Position(byte=0, low_bit=0, width=3)


def test_used_bits_cover_every_field() -> None:
    assert Example.used_bits().to_bytes(12, "big").hex() == "87" + "ff" * 11


@given(st.binary(min_size=12, max_size=12))
def test_encode_undoes_decode_where_all_bits_mean_something(raw: bytes) -> None:
    used = Example.used_bits()
    legal = bytearray((int.from_bytes(raw, "big") & used).to_bytes(12, "big"))
    legal[0] = legal[0] & 0x80 | Color.GREEN
    assert Example.decode(legal).encode() == legal
