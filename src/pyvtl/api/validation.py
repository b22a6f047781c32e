"""Holds a value against its shape in the service model: types, members, bounds, patterns."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from botocore.model import Shape

from pyvtl.api.errors import ApiError, invalid_parameter
from pyvtl.api.model import compiled

DEEPEST: Final = 32
"""Levels of a body; the model has four."""
MOST_SHOWN: Final = 64
"""Characters of a wrong value that a message repeats."""

NAMES: Final[Mapping[str, str]] = {
    "structure": "a structure",
    "list": "a list",
    "map": "a map",
    "string": "a string",
    "integer": "an integer",
    "long": "an integer",
    "double": "a number",
    "boolean": "a Boolean",
    "timestamp": "a time in seconds since 1970",
}
LARGEST: Final[Mapping[str, int]] = {"integer": (1 << 31) - 1, "long": (1 << 63) - 1}


def validated(shape: Shape, value: Any) -> Mapping[str, Any]:
    """The value, a JSON object, if it fits an operation's input; null members count as absent.

    Raises ApiError: SerializationException for wrong types, else InvalidParameters with all that
    is wrong.
    """
    cleaned = _without_nulls(value)
    problems = list(_problems(shape, cleaned, ""))
    if problems:
        many = "error" if len(problems) == 1 else "errors"
        raise invalid_parameter(
            f"{len(problems)} validation {many} detected: {'; '.join(problems)}"
        )
    assert isinstance(cleaned, dict)
    return cleaned


def _without_nulls(value: Any, deeper: int = DEEPEST) -> Any:
    """The value without members that are null; ApiError for what is nested too deeply."""
    if isinstance(value, dict | list) and deeper == 0:
        raise ApiError("SerializationException", f"the body is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if item is not None}
        return {key: _without_nulls(item, deeper - 1) for key, item in kept.items()}
    if isinstance(value, list):
        return [_without_nulls(item, deeper - 1) for item in value]
    return value


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not _fits[shape.type_name](value):
        raise ApiError(
            "SerializationException",
            f"{path or 'the request'} must be {NAMES[shape.type_name]}, not {_shown(shape, value)}",
        )
    yield from _checks[shape.type_name](shape, value, path)


def _structure(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            where = _join(path, name)
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            known = ", ".join(shape.members)
            yield f"'{_join(path, name)}' is not a member: there are {known}"
        else:
            yield from _problems(member, item, _join(path, name))


def _list(shape: Any, value: list[Any], path: str) -> Iterator[str]:
    yield from _bounds(shape, len(value), value, path, "have length")
    for number, item in enumerate(value, 1):
        yield from _problems(shape.member, item, f"{path}.{number}.member")


def _map(shape: Any, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _problems(shape.key, key, path)
        yield from _problems(shape.value, item, _join(path, key))


def _string(shape: Any, value: str, path: str) -> Iterator[str]:
    too_long = list(_bounds(shape, len(value), value, path, "have length"))
    yield from too_long
    pattern = shape.metadata.get("pattern")
    if not too_long and pattern and not compiled(pattern).fullmatch(value):
        yield _violation(shape, value, path, f"satisfy regular expression pattern: {pattern}")
    if shape.enum and value not in shape.enum:
        yield _violation(shape, value, path, f"satisfy enum value set: [{', '.join(shape.enum)}]")


def _number(shape: Any, value: float, path: str) -> Iterator[str]:
    yield from _bounds(shape, value, value, path, "have value")


def _nothing_more(shape: Any, value: Any, path: str) -> Iterator[str]:
    return iter(())


def _bounds(shape: Any, measured: float, value: Any, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and measured < least:
        yield _violation(shape, value, path, f"{what} greater than or equal to {least}")
    if most is not None and measured > most:
        yield _violation(shape, value, path, f"{what} less than or equal to {most}")


def _violation(shape: Any, value: Any, path: str, constraint: str) -> str:
    shown = _shown(shape, value)
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {constraint}"


def _shown(shape: Any, value: Any) -> str:
    if shape.metadata.get("sensitive"):
        return "(not shown)"
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _join(path: str, name: str) -> str:
    """A path as AWS writes it, members with a small first letter."""
    member = name[:1].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _is_integer(largest: int) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= largest

    return fits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_fits: Final[Mapping[str, Callable[[Any], bool]]] = {
    "structure": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
    "integer": _is_integer(LARGEST["integer"]),
    "long": _is_integer(LARGEST["long"]),
    "double": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "timestamp": _is_number,
}
_checks: Final[Mapping[str, Callable[[Any, Any, str], Iterator[str]]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "double": _number,
    "boolean": _nothing_more,
    "timestamp": _nothing_more,
}
