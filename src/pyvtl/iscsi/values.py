"""What the values of text keys look like, and how two offers become one (RFC 7143 section 6.1)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

from pyvtl.iscsi import text
from pyvtl.iscsi.text import TextError


class Kind(Protocol):
    """What the values of a key look like."""

    def parse(self, value: str) -> Any:
        """The value as Python has it; TextError when it is none of this kind."""

    def render(self, value: Any) -> str:
        """The value as the wire has it."""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number within a range, both ends included."""

    low: int
    high: int

    def parse(self, value: str) -> int:
        parsed = text.number(value)
        if not self.low <= parsed <= self.high:
            raise TextError(f"{parsed} is not within {self.low} to {self.high}")
        return parsed

    def render(self, value: int) -> str:
        return str(value)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


@dataclass(frozen=True, slots=True)
class Boolean:
    """Yes or No."""

    WORDS: ClassVar[Mapping[str, bool]] = {"Yes": True, "No": False}

    def parse(self, value: str) -> bool:
        if value not in self.WORDS:
            raise TextError(f"{value!r} is neither Yes nor No")
        return self.WORDS[value]

    def render(self, value: bool) -> str:
        return "Yes" if value else "No"

    def __str__(self) -> str:
        return "Yes or No"


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of words, the most wanted first; unknown ones are passed over."""

    words: tuple[str, ...]

    def parse(self, value: str) -> tuple[str, ...]:
        return tuple(value.split(","))

    def render(self, value: str) -> str:
        return value

    def __str__(self) -> str:
        return "list of " + ", ".join(self.words)


@dataclass(frozen=True, slots=True)
class Word:
    """Any text, such as a name; with words, one of them."""

    words: tuple[str, ...] = ()

    def parse(self, value: str) -> str:
        if self.words and value not in self.words:
            raise TextError(f"{value!r} is none of {', '.join(self.words)}")
        return value

    def render(self, value: str) -> str:
        return value

    def __str__(self) -> str:
        return " or ".join(self.words) or "text"


Result: TypeAlias = Callable[[Any, Any], Any]
"""From the initiator's offer and ours, the value that holds."""


def minimum(offered: int, ours: int) -> int:
    """The smaller number."""
    return min(offered, ours)


def maximum(offered: int, ours: int) -> int:
    """The larger number."""
    return max(offered, ours)


def both(offered: bool, ours: bool) -> bool:
    """Yes when both say so: AND."""
    return offered and ours


def either(offered: bool, ours: bool) -> bool:
    """Yes when one says so: OR."""
    return offered or ours


def first_common(offered: Iterable[str], ours: Iterable[str]) -> str:
    """The first offered word that we accept; TextError when there is none."""
    for word in offered:
        if word in ours:
            return word
    raise TextError("no value in common")
