"""For each bound in the service model an input that breaks it, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyvtl.api.model import operation_model
from tests.api_client import ARN, GATEWAY

SAMPLES: Final[Mapping[str, str]] = {
    "TapeARN": f"{ARN}:tape/TAPE0001",
    "GatewayARN": GATEWAY,
    "TapeBarcode": "TAPE0001",
    "TapeBarcodePrefix": "DEMO",
    "IqnName": "iqn.2026-01.example:host",
    "KMSKey": "alias/tapes",
}
"""Strings that fit a pattern which letters alone do not fit."""

NEVER: Final = "\t\a"
"""Characters that no pattern has."""
WRONG_TYPES: Final[Mapping[str, Any]] = {
    "structure": [],
    "list": {},
    "string": 5,
    "integer": "5",
    "long": 1.5,
    "boolean": 1,
}

Broken = tuple[str, Any]
"""What is broken, in words, and the input."""


def sample(shape: Any) -> Any:
    """The least input that fits a shape."""
    least = shape.metadata.get("min", 0)
    match shape.type_name:
        case "structure":
            return {name: sample(shape.members[name]) for name in shape.required_members}
        case "list":
            return [sample(shape.member)] * max(1, least)
        case "string":
            return next(iter(shape.enum), SAMPLES.get(shape.name, "x" * max(1, least)))
        case "boolean":
            return True
        case _:
            return least


def broken(operation: str) -> Iterator[Broken]:
    """Inputs that break one bound each."""
    shape = operation_model(operation).input_shape
    whole = sample(shape)
    yield from _broken_members(shape, whole, operation)


def wrong_types(operation: str) -> Iterator[Broken]:
    """Inputs of which one member has a type that is not its own."""
    shape = operation_model(operation).input_shape
    for name, member in shape.members.items():
        yield f"{operation}.{name}", sample(shape) | {name: WRONG_TYPES[member.type_name]}


def _broken_members(shape: Any, whole: Any, path: str) -> Iterator[Broken]:
    for name in shape.required_members:
        yield f"{path} without {name}", {key: whole[key] for key in whole if key != name}
    yield f"{path} with NoSuchMember", whole | {"NoSuchMember": "x"}
    for name, member in shape.members.items():
        for what, value in _broken_value(member, f"{path}.{name}"):
            yield what, whole | {name: value}


def _broken_value(shape: Any, path: str) -> Iterator[Broken]:
    match shape.type_name:
        case "structure":
            yield from _broken_members(shape, sample(shape), path)
        case "list":
            yield from _broken_list(shape, path)
        case "string":
            yield from _broken_string(shape, path)
        case "integer" | "long":
            yield from _broken_number(shape, path)
        case _:
            pass


def _broken_list(shape: Any, path: str) -> Iterator[Broken]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if least:
        yield f"{path}: too few", []
    if most is not None:
        yield f"{path}: too many", [sample(shape.member)] * (most + 1)
    for what, value in _broken_value(shape.member, path):
        yield what, [value]


def _broken_string(shape: Any, path: str) -> Iterator[Broken]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max")
    if least:
        yield f"{path}: too short", "x" * (least - 1)
    if most is not None:
        yield f"{path}: too long", "x" * (most + 1)
    if shape.metadata.get("pattern"):
        yield f"{path}: no match", sample(shape)[:-2] + NEVER
    if shape.enum:
        yield f"{path}: no such value", "NO_SUCH_VALUE"


def _broken_number(shape: Any, path: str) -> Iterator[Broken]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None:
        yield f"{path}: too small", least - 1
    if most is not None:
        yield f"{path}: too large", most + 1
