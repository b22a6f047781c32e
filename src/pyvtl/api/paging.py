"""Long lists in pages: the marker names the list and the last item told, so none is told twice."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pyvtl.api.errors import invalid_parameter

T = TypeVar("T")
DEFAULT_LIMIT: Final = 100


def page(
    of: str, items: Iterable[T], asked: Mapping[str, Any], name: Callable[[T], str]
) -> tuple[Sequence[T], dict[str, str]]:
    """The page after `Marker`, of `Limit` items at most, and the output members that it needs.

    What is made or deleted between two pages does not shift the others.  `of` says which list it
    is; the marker of another one is refused as InvalidParameters.
    """
    ordered = sorted(items, key=name)
    marker = asked.get("Marker")
    start = 0 if marker is None else bisect_right(ordered, _last_told(of, marker), key=name)
    told = ordered[start : start + asked.get("Limit", DEFAULT_LIMIT)]
    more = start + len(told) < len(ordered)
    return told, {"Marker": _marker(of, name(told[-1]))} if more else {}


def _marker(of: str, last: str) -> str:
    return urlsafe_b64encode(f"{of}/{last}".encode()).decode()


def _last_told(of: str, marker: str) -> str:
    try:
        kind, _, last = urlsafe_b64decode(marker).decode().partition("/")
    except ValueError:
        kind = last = ""
    if kind != of:
        raise invalid_parameter(
            f"Marker {marker!r} is none that this list has given: leave it out for the first page"
        )
    return last
