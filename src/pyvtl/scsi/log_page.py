"""Log parameters: what a device counts and reports through LOG SENSE (SPC-5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

TAPE_ALERT = 0x2E
TAPE_ALERT_FLAGS = 64
BINARY_LIST = 0x03
"""Control byte of a binary list parameter: FORMAT AND LINKING 11b."""


@dataclass(frozen=True, slots=True)
class LogParameter:
    """One parameter: its code, its value, and the control byte (SPC-5 Log parameters)."""

    code: int
    value: bytes
    control: int = BINARY_LIST

    def encode(self) -> bytes:
        """Code (2), control byte, length, value."""
        return self.code.to_bytes(2, "big") + bytes([self.control, len(self.value)]) + self.value


LogPages: TypeAlias = Mapping[tuple[int, int], Callable[[], Sequence[LogParameter]]]
"""Page code and subpage to what gives the parameters, in order of their codes."""


def tape_alert() -> Sequence[LogParameter]:
    """TapeAlert log page (SSC-5 and SMC-3): 64 flags, none of them raised."""
    return [LogParameter(flag, b"\0") for flag in range(1, TAPE_ALERT_FLAGS + 1)]
