"""A pack that an object store holds too: what it takes to find it there, and to prove it."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, Protocol

ARCHIVE: Final = "archive/"
"""Begins the place of packs that the archive of a tape has on its own, until that is deleted."""


def archive_of(barcode: str) -> str:
    """What is said to be the gateway of the packs that an archive has."""
    return f"{ARCHIVE}{barcode}"


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

    @property
    def archived(self) -> bool:
        """Whether it is an archive's, which no other tape may rely on."""
        return self.gateway.startswith(ARCHIVE)


class Fact(NamedTuple):
    """What the catalog says of a closed pack that is part of a tape."""

    barcode: str
    length: int
    chain: bytes
    generation: int


class StoredRows(Protocol):
    """What the catalog knows of packs in the store, each call a transaction.  CatalogError."""

    def find(self, pack_id: bytes) -> StoredPack | None:
        """The row of a pack, if the store has it."""
        ...

    def at(self, gateway: str) -> list[StoredPack]:
        """The packs that are said to be in the store under that gateway, or archive."""
        ...

    def forget(self, pack_ids: Collection[bytes]) -> set[bytes]:
        """Forget those of these packs that nothing here needs any more; which they are."""
        ...

    def leave(self, gateway: str) -> None:
        """Forget that anything is in the store under that gateway, or archive."""
        ...

    def fact(self, pack_id: bytes) -> Fact | None:
        """What a closed pack is that is part of a tape."""
        ...

    def clean(self, pack_ids: Collection[bytes] | None = None) -> list[bytes]:
        """Of these packs, or of all, those of which a segment here is a copy and no more."""
        ...

    def needed(self, barcode: str) -> list[StoredPack]:
        """All packs in the store that a tape is read from, other tapes' too."""
        ...

    def pins(self) -> set[str]:
        """The tapes of which copies are to stay here."""
        ...

    def pin(self, barcode: str, *, wanted: bool) -> None:
        """Make durable whether copies of a tape are to stay here."""
        ...

    def owners(self) -> Mapping[bytes, str]:
        """Which tape each pack is of."""
        ...

    def stored_bytes(self) -> Mapping[str, int]:
        """How much of what each tape wrote is in the store."""
        ...
