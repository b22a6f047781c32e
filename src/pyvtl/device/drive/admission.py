"""What a drive keeps to when it accepts records, beside its own memory."""

from dataclasses import dataclass
from typing import Final, Protocol

from pyvtl.device.memory import MIB


class Valve(Protocol):
    """Slows down those who write, or holds them, while the library has too little room."""

    async def admit(self, size: int) -> None:
        """Wait until `size` record bytes more may be accepted; cancelling it changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """`reserve_bytes` is how far ahead of what is accepted disk space is reserved.

    The `valve` is asked about once for each MiB, never for filemarks.
    """

    reserve_bytes: int = 64 * MIB
    valve: Valve | None = None


AT_ONCE: Final = Admission()
"""Nothing holds the drive back but its own memory."""
