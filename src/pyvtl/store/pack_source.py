"""What the store asks of an object store: bytes of packs whose segments are no longer here."""

from typing import Protocol

from pyvtl.store.errors import StoreError
from pyvtl.store.stored import StoredPack


class UnreachableError(StoreError):
    """What is wanted lies in an object store that does not answer; nothing is wrong with it."""


class PackSource(Protocol):
    """Packs of the object store.  Called from drives' threads, several at a time; blocks.

    Both calls raise UnreachableError after a set time, and DamageError when the store answers that
    the object is not there, or gives fewer bytes than were asked for.
    """

    def fetch(self, pack: StoredPack, start: int, length: int) -> bytes:
        """`length` bytes of the pack from byte `start` on."""
        ...

    def fetch_map(self, pack: StoredPack) -> bytes:
        """The header and the footer of the pack, one behind the other."""
        ...


class NoSource:
    """There is no object store: all that would be there is out of reach."""

    def fetch(self, pack: StoredPack, start: int, length: int) -> bytes:
        raise _unreachable(pack)

    def fetch_map(self, pack: StoredPack) -> bytes:
        raise _unreachable(pack)


def _unreachable(pack: StoredPack) -> UnreachableError:
    return UnreachableError(
        f"pack {pack.pack_id.hex()} is kept in the object store alone: name the store with --store"
    )
