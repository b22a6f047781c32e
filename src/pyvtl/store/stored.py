"""A pack that an object store holds too: what it takes to find it there, and to prove it."""

from typing import NamedTuple


class StoredPack(NamedTuple):
    """A pack that a committed recovery point of its tape lists: from then on the segment is a copy.

    `gateway` wrote it; `length` and `crc32c` are of the whole object.  Its header and its footer,
    one behind the other, stand in the object `map`: `map_length` bytes from `map_offset` on.
    """

    pack_id: bytes
    gateway: str
    length: int
    crc32c: int
    map: str
    map_offset: int
    map_length: int
