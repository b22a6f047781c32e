"""Text as login and text PDUs carry it: key=value pairs, each ended by a null byte.

RFC 7143 section 6.1.  Nothing here knows what a key means; that is in keys.py.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from pyvtl.wire.layout import Buffer

Pair: TypeAlias = tuple[str, str]
"""A key and its value."""

MAX_NAME = 63
"""Characters in a key's name (section 6.1)."""

MAX_VALUE = 255
"""Bytes in a value that is not a large binary value (section 6.1)."""

MAX_BINARY = 1024
"""Bytes in a large binary value once decoded, as CHAP_C allows them (section 12.1.3)."""

MAX_TEXT = 65536
"""Bytes that one text may have over all the PDUs that carry it."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.+@_#-]*")
"""Section 6.1 wants a capital first, which iSCSIProtocolLevel of section 13.24 has not."""

_BINARY = ("0x", "0X", "0b", "0B")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}|0[xX][0-9A-Fa-f]{1,16}")


class TextError(ValueError):
    """The text breaks section 6.1; whoever knows the phase says what goes back."""


def parse(data: Buffer) -> list[Pair]:
    """The pairs of a whole text, in order; TextError when it is none."""
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError as error:
        raise TextError("the text is not UTF-8") from error
    if text and not text.endswith("\0"):
        raise TextError("the last pair is not ended by a null byte")
    return [_pair(piece) for piece in text.split("\0") if piece]


def _pair(piece: str) -> Pair:
    name, equals, value = piece.partition("=")
    if not equals:
        raise TextError(f"{name[:MAX_NAME]!r} has no value")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise TextError(f"{name[:MAX_NAME]!r} is no name of a key")
    # A large binary value is longer in its encoded form: at most two digits a byte.
    limit = 2 + 2 * MAX_BINARY if value.startswith(_BINARY) else MAX_VALUE
    longest = max(len(item.encode()) for item in value.split(","))
    if longest > limit:
        raise TextError(f"a value of {name} has {longest} bytes")
    return name, value


def encode(pairs: Iterable[Pair]) -> bytes:
    """The pairs as the data segment carries them."""
    return b"".join(f"{name}={value}\0".encode() for name, value in pairs)


def unique(pairs: Iterable[Pair]) -> dict[str, str]:
    """The pairs by name; a name that comes twice is a TextError (section 6.2)."""
    by_name: dict[str, str] = {}
    for name, value in pairs:
        if name in by_name:
            raise TextError(f"{name} is given twice")
        by_name[name] = value
    return by_name


def number(value: str) -> int:
    """A decimal or hexadecimal constant of up to 64 bits."""
    if not _NUMBER.fullmatch(value):
        raise TextError(f"{value[:MAX_VALUE]!r} is no number")
    return int(value, 16 if value[:2] in ("0x", "0X") else 10)


def binary(value: str) -> bytes:
    """A large binary value, hexadecimal (0x) or base64 (0b)."""
    decode = {"0x": bytes.fromhex, "0b": _from_base64}.get(value[:2].lower())
    if decode is None or not value[2:].isascii() or any(c.isspace() for c in value):
        raise TextError("a binary value starts with 0x or 0b")
    try:
        return decode(value[2:])
    except ValueError as error:  # binascii.Error is one
        raise TextError("a binary value is broken") from error


def _from_base64(digits: str) -> bytes:
    return binascii.a2b_base64(digits, strict_mode=True)


def hexadecimal(data: bytes) -> str:
    """A binary value in the form that every initiator reads."""
    return "0x" + data.hex()


class Assembly:
    """Joins a text whose PDUs say with their C bit that more follows (section 6.2)."""

    def __init__(self, limit: int = MAX_TEXT) -> None:
        self._limit = limit
        self._parts = bytearray()

    def receive(self, data: Buffer, *, continues: bool) -> list[Pair] | None:
        """Take one data segment: the pairs when it was the last, None before."""
        if len(self._parts) + len(data) > self._limit:
            raise TextError(f"the text has more than {self._limit} bytes")
        self._parts += data
        if continues:
            return None
        whole, self._parts = self._parts, bytearray()
        return parse(whole)


def cut(data: bytes, limit: int) -> Sequence[bytes]:
    """A text in pieces of at most `limit` bytes, for PDUs of which all but the last set C."""
    return list(_pieces(data, limit)) or [b""]


def _pieces(data: bytes, limit: int) -> Iterator[bytes]:
    for at in range(0, len(data), limit):
        yield data[at : at + limit]
