"""What is measured: the loads, as values in tables."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

SHAPES: Final = {
    "f1": ("--block", "64k", "--blocks-per-cmd", "1"),
    "f4": ("--block", "64k", "--blocks-per-cmd", "4"),
    "f16": ("--block", "64k", "--blocks-per-cmd", "16"),
    "v256": ("--block", "0", "--rec", "256k"),
}
"""Fixed blocks of 64 KiB, so many in a command; or variable blocks of 256 KiB."""

DATA: Final = ("random", "text", "zero", "repeated")
"""`text` is source code; `repeated` is random data that the pool holds already."""

DIGESTS: Final = {
    "none": (),
    "header": ("--hdigest", "1"),
    "both": ("--hdigest", "1", "--ddigest", "1"),
}

_CPUS: Final = sorted(os.sched_getaffinity(0))
SERVER_CPU: Final = _CPUS[0]
PLACEMENTS: Final = {"one": SERVER_CPU, "two": _CPUS[-1]}
"""The processor of the load: the server's, or one of its own."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load: every drive has a tape and a connection of its own."""

    shape: str = "f1"
    data: str = "random"
    drives: int = 1
    digests: str = "none"
    depth: int = 1
    """Commands in flight on each connection."""
    placement: str = "two"

    def label(self) -> str:
        """A row's name in tables: what differs from the plainest load."""
        extras = [self.data if self.data != "random" else ""]
        extras += [f"{self.digests} digests" if self.digests != "none" else ""]
        extras += [f"depth {self.depth}" if self.depth > 1 else ""]
        return " ".join([self.shape, f"x{self.drives}", *filter(None, extras)])


def table(
    shapes: Iterable[str],
    drives: Iterable[int],
    data: Iterable[str] = ("random",),
    digests: Iterable[str] = ("none",),
    depths: Iterable[int] = (1,),
) -> Iterator[Scenario]:
    """Every combination, at both placements."""
    for row in product(PLACEMENTS, data, digests, depths, drives, shapes):
        placement, kind, digest, depth, count, shape = row
        yield Scenario(shape, kind, count, digest, depth, placement)


@dataclass(frozen=True, slots=True)
class Suite:
    """Loads, and the servers that get each of them in turns."""

    servers: tuple[str, ...]
    scenarios: tuple[Scenario, ...]


SOME: Final = ("f1", "f16", "v256")

SUITES: Final = {
    "macro": Suite(
        ("pyvtl",),
        (
            *table(SHAPES, (1, 4, 10)),
            *table(SOME, (1,), data=("text", "zero", "repeated")),
            *table(SOME, (1,), digests=("header", "both")),
            *table(SOME, (1,), depths=(4,)),
        ),
    ),
    "peer": Suite(
        ("pyvtl", "tgt", "sink"),
        (
            *table(SHAPES, (1, 4)),
            *table(SOME, (1, 4), data=("repeated",)),
            *table(SOME, (1, 4), digests=("both",)),
            *table(SOME, (1,), data=("text",)),
            *table(("f1",), (10,)),
        ),
    ),
    "ceiling": Suite(("pyvtl", "sink"), tuple(table(SHAPES, (1, 4)))),
    "drives": Suite(("pyvtl", "tgt", "sink"), tuple(table(("f1",), (1, 2, 3, 4, 6, 8, 10)))),
}
"""`drives` is the first part of `scale`."""
