"""RFC 7143 section 6.1: the format of text."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.iscsi import text
from pyvtl.iscsi.keys import KEYS
from pyvtl.iscsi.text import Assembly, TextError


def test_pairs_are_ended_by_null_bytes() -> None:
    wire = bytes.fromhex("486561646572446967657374 3d 4e6f6e65 00 54617267 65744e616d65 3d 00")
    assert text.parse(wire) == [("HeaderDigest", "None"), ("TargetName", "")]
    assert text.encode(text.parse(wire)) == wire


def test_padding_between_and_after_pairs_is_passed_over() -> None:
    assert text.parse(b"InitialR2T=Yes\0\0\0ImmediateData=No\0\0") == [
        ("InitialR2T", "Yes"),
        ("ImmediateData", "No"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"MaxConnections=1",
        b"MaxConnections\0",
        b"=1\0",
        b"1MaxConnections=1\0",
        b"Max Connections=1\0",
        b"M" * 64 + b"=1\0",
        b"InitiatorName=\xff\0",
        b"InitiatorName=" + b"x" * 256 + b"\0",
        b"CHAP_C=0x" + b"0" * 2050 + b"\0",
    ],
    ids=lambda data: data[:24].decode(errors="replace"),
)
def test_what_is_no_pair_is_refused(data: bytes) -> None:
    with pytest.raises(TextError):
        text.parse(data)


def test_the_longest_names_and_values_are_taken() -> None:
    """63 characters of a name, 255 bytes of each value in a list, 1024 bytes of CHAP_C."""
    pairs = [
        ("X-" + "n" * 61, "v" * 255),
        ("HeaderDigest", "a" * 255 + "," + "b" * 255),
        ("CHAP_C", "0x" + "5a" * 1024),
        ("X#NodeArchitecture", "x"),
    ]
    assert text.parse(text.encode(pairs)) == pairs


def test_every_key_of_section_13_has_a_name_that_is_one() -> None:
    """`iSCSIProtocolLevel` has no capital first, and `X#NodeArchitecture` a number sign."""
    pairs = [(name, "1") for name in KEYS]
    assert text.parse(text.encode(pairs)) == pairs


def test_a_name_given_twice_is_refused() -> None:
    """RFC 7143 section 6.2."""
    assert text.unique([("A", "1"), ("B", "2")]) == {"A": "1", "B": "2"}
    with pytest.raises(TextError):
        text.unique([("A", "1"), ("A", "1")])


@given(st.binary(max_size=64))
def test_binary_values_are_read_in_both_codings(data: bytes) -> None:
    coded = "0b" + base64.b64encode(data).decode()
    assert text.binary(text.hexadecimal(data)) == data
    assert text.binary(coded) == data
    assert text.binary(coded.replace("0b", "0B", 1)) == data


@pytest.mark.parametrize(
    "value", ["", "00ff", "0x0", "0xgg", "0x00 11", "0bA", "0bQUI", "0b\u00e9", "12"]
)
def test_broken_binary_values_are_refused(value: str) -> None:
    with pytest.raises(TextError):
        text.binary(value)


def test_a_text_is_joined_from_the_pdus_that_continue_it() -> None:
    """RFC 7143 section 6.2: a pair may be cut anywhere."""
    assembly = Assembly()
    assert assembly.receive(b"MaxConn", continues=True) is None
    assert assembly.receive(b"ections=1\0Initia", continues=True) is None
    assert assembly.receive(b"lR2T=No\0", continues=False) == [
        ("MaxConnections", "1"),
        ("InitialR2T", "No"),
    ]
    assert assembly.receive(b"A=1\0", continues=False) == [("A", "1")]


def test_a_text_beyond_the_limit_is_refused_before_it_is_kept() -> None:
    assembly = Assembly(limit=8)
    assert assembly.receive(b"A=1\0", continues=True) is None
    with pytest.raises(TextError):
        assembly.receive(b"B=123", continues=True)


@given(st.binary(max_size=100), st.integers(min_value=1, max_value=40))
def test_pieces_of_a_text_fit_and_are_the_text(data: bytes, limit: int) -> None:
    pieces = text.cut(data, limit)
    assert b"".join(pieces) == data
    assert pieces
    assert all(len(piece) <= limit for piece in pieces)


@given(st.binary(max_size=200))
def test_random_bytes_are_pairs_or_refused(data: bytes) -> None:
    try:
        pairs = text.parse(data)
    except TextError:
        return
    assert text.parse(text.encode(pairs)) == pairs
