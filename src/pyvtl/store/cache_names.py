"""What the files of the cache are called: after the pack, and which piece of it each one is."""

import re
from typing import Final

from pyvtl.store.cache_space import Key
from pyvtl.store.outline import OUTLINE_SUFFIX

CACHE: Final = "cache"
"""Their folder in a data folder."""
OUTLINE: Final = -1
"""Stands for the outline among the numbers of pieces."""
NAME = re.compile(rf"([0-9a-f]{{32}})(-[0-9]+|{OUTLINE_SUFFIX})")


def name_of(key: Key) -> str:
    """The name of a file."""
    pack_id, number = key
    part = OUTLINE_SUFFIX if number == OUTLINE else f"-{number}"
    return f"{pack_id.hex()}{part}"


def key_of(name: str) -> Key | None:
    """The key of a file in the cache; None for what is no such file."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    part = match[2]
    return bytes.fromhex(match[1]), OUTLINE if part == OUTLINE_SUFFIX else int(part[1:])
