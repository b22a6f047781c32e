"""How often to ask again, and how long to wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask, and how long to wait between: at most `first` seconds, then twice that."""

    attempts: int = 5
    first_seconds: float = 0.2
    longest_seconds: float = 20

    def wait_before(self, attempt: int) -> float:
        """The longest wait in seconds before an attempt, 1 being the first one again."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))
