"""The library's door: what somebody outside wants to know of volumes that pass it."""

from collections.abc import Collection
from typing import Protocol


class Door(Protocol):
    """Told of what the host moves through import/export slots.

    All methods are called in a thread and may block on a disk.  What they raise keeps the move
    from being made.
    """

    @property
    def exports(self) -> bool:
        """Whether a volume leaves at once that is moved to an import/export slot."""
        ...

    def export(self, barcodes: Collection[str]) -> None:
        """Make durable that these volumes leave the library.  Raises MediumError."""
        ...

    def keep(self, barcodes: Collection[str]) -> None:
        """Take `export` back: the move could not be made."""
        ...

    def admit(self, barcodes: Collection[str]) -> None:
        """Volumes from import/export slots are about to have a slot or a drive."""
        ...
