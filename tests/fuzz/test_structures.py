"""Every declared structure of the program keeps what is put into it."""

import importlib
import pkgutil
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyvtl
from pyvtl.wire.layout import Slot, Structure


def structures() -> list[type[Structure]]:
    """All of them, from all modules; those that others derive from are left out."""
    for module in pkgutil.walk_packages(pyvtl.__path__, "pyvtl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    mine = (
        s
        for s in subclasses(Structure)
        if s.__module__.startswith("pyvtl.") and not s.__subclasses__()
    )
    return sorted(set(mine), key=lambda s: (s.__module__, s.__qualname__))


def subclasses(base: type[Structure]) -> Iterator[type[Structure]]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def values(slot: Slot) -> st.SearchStrategy[Any]:
    """What the field can hold."""
    position = slot.position
    if slot.kind is bytes:
        size = position.width // 8
        return st.binary(min_size=size, max_size=size)
    if slot.kind is bool:
        return st.booleans()
    if issubclass(slot.kind, IntEnum):
        return st.sampled_from(list(slot.kind))
    if position.signed:
        return st.integers(-(1 << position.width - 1), (1 << position.width - 1) - 1)
    return st.integers(0, slot.mask)


@pytest.mark.parametrize("structure", structures(), ids=lambda s: s.__qualname__)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_encoded_is_decoded(structure: type[Structure], data: st.DataObject) -> None:
    fields = {slot.name: data.draw(values(slot)) for slot in structure.SLOTS}
    whole = structure(**fields)
    wire = whole.encode()
    assert len(wire) == structure.SIZE
    assert structure.decode(wire) == whole
    assert structure.decode(memoryview(wire + b"more")) == whole


@pytest.mark.parametrize("structure", structures(), ids=lambda s: s.__qualname__)
def test_too_few_bytes_are_refused(structure: type[Structure]) -> None:
    with pytest.raises(ValueError, match=str(structure.SIZE)):
        structure.decode(bytes(structure.SIZE - 1))
