"""Long lists in pages: the marker is the name of the last item told, so that none is told twice."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")
DEFAULT_LIMIT: Final = 100


def page(
    items: Iterable[T], asked: Mapping[str, Any], name: Callable[[T], str]
) -> tuple[Sequence[T], dict[str, str]]:
    """The page after `Marker`, of `Limit` items at most, and the output members that it needs.

    What is made or deleted between two pages does not shift the others.
    """
    ordered = sorted(items, key=name)
    start = bisect_right(ordered, asked["Marker"], key=name) if "Marker" in asked else 0
    told = ordered[start : start + asked.get("Limit", DEFAULT_LIMIT)]
    more = start + len(told) < len(ordered)
    return told, {"Marker": name(told[-1])} if more else {}
