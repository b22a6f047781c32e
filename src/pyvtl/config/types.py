"""Kinds of values that settings have, with what a person may write for each."""

import ipaddress
import re
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from pyvtl.config.units import parse_size
from pyvtl.iscsi.node import PortalAddress

ISCSI_PORT, API_PORT, LAST_PORT = 3260, 3261, 65535
OFF = "off"
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>\d{1,5}))?")


class Unit(StrEnum):
    """What a number counts, for those who show it."""

    BYTES = "bytes"
    SECONDS = "seconds"


def parse_address(text: str, default_port: int = ISCSI_PORT) -> PortalAddress:
    """`HOST`, `HOST:PORT`, `IPV6` or `[IPV6]:PORT`; ValueError says what is wrong."""
    bare = text.strip()
    if bare.count(":") > 1 and not bare.startswith("["):
        bare = f"[{bare}]"
    match = _ADDRESS.fullmatch(bare)
    host = match and (match["six"] or match["host"])
    if not match or not host or (match["six"] and not _is_ipv6(match["six"])):
        raise ValueError(f"{text!r} is no address; write HOST:PORT or [IPV6]:PORT")
    port = int(match["port"] or default_port)
    if port > LAST_PORT:
        raise ValueError(f"port {port} is beyond {LAST_PORT}")
    return PortalAddress(host, port)


def is_loopback(address: PortalAddress) -> bool:
    """Whether only this machine can reach it; of names only localhost is known to be so."""
    try:
        return ipaddress.ip_address(address.host.partition("%")[0]).is_loopback
    except ValueError:
        return address.host == "localhost"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _as_address(value: object) -> object:
    return parse_address(value) if isinstance(value, str) else value


def _as_api_address(value: object) -> object:
    if value == OFF:
        return None
    return parse_address(value, API_PORT) if isinstance(value, str) else value


def _as_row(value: object) -> object:
    """A text is a row of values with commas between them, as flags and the environment give it."""
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _as_seconds(value: object) -> object:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*", value)
        if match is None:
            raise ValueError(f"{value!r} is no duration; write seconds, or 500ms, 30s, 5m, 1h")
        return float(match[1]) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[match[2] or "s"]
    return value


def _as_size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


Portal = Annotated[PortalAddress, BeforeValidator(_as_address)]
Portals = Annotated[tuple[Portal, ...], NoDecode, BeforeValidator(_as_row)]
ApiAddress = Annotated[PortalAddress | None, BeforeValidator(_as_api_address)]
Seconds = Annotated[float, BeforeValidator(_as_seconds), Unit.SECONDS]
Size = Annotated[int, BeforeValidator(_as_size), Unit.BYTES]
