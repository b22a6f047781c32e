"""What the changer needs of a drive: a bay that a volume is put into and taken out of."""

from typing import Protocol

from pyvtl.scsi.identity import Identity


class Bay(Protocol):
    """One data transfer element.

    `load` and `unload` raise CheckCondition with the drive's own sense data, or MediumError
    when the volume cannot be opened or closed; either way the volume stays where it was.
    """

    @property
    def identity(self) -> Identity:
        """Who the drive is, for the device identifier in READ ELEMENT STATUS."""
        ...

    @property
    def removal_prevented(self) -> bool:
        """Whether an initiator of the drive has prevented medium removal."""
        ...

    async def load(self, barcode: str) -> None:
        """Open the volume and make the drive ready with it."""
        ...

    async def unload(self, *, by_force: bool = False) -> None:
        """Make durable what was written, and let the volume go; without one: do nothing.

        An initiator may prevent that until the last moment, except when it is done by force.
        """
        ...
