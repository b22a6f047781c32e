"""Counts that do not depend on how busy the machine is, of the parts of the block path.

`python -m benchmarks.counting`, with `counting.so` preloaded, prints them as JSON: for a 64 KiB
block, averaged over many.
"""

import json
import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct
from typing import Any, Final

from benchmarks.parts import BLOCK_SIZE, PARTS, Step
from benchmarks.programs import Programs
from pyvtl import logs

NUMBERS: Final = Struct("=6Q")
BLOCKS: Final = 256


@dataclass(frozen=True, slots=True)
class Counts:
    """What libc was asked for, as `native/counting.c` counts it."""

    copied_bytes: float
    large_allocations: float
    allocations: float
    receives: float
    sends: float
    file_writes: float

    def since(self, before: "Counts", blocks: int) -> "Counts":
        """For each of so many blocks."""
        pairs = zip(asdict(self).values(), asdict(before).values(), strict=True)
        return Counts(*((now - then) / blocks for now, then in pairs))

    @property
    def copies(self) -> float:
        """How often every byte of a block was copied."""
        return self.copied_bytes / BLOCK_SIZE


def counts_in(file: Path) -> Counts:
    """What a program that runs with this file has asked for so far."""
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as page:
        return Counts(*NUMBERS.unpack_from(page))


def preloading(programs: Programs, file: Path) -> dict[str, str]:
    """The environment that makes a program count into a file."""
    return {"LD_PRELOAD": str(programs.counting), "COUNTING_FILE": str(file)}


@dataclass(frozen=True, slots=True)
class PartCounts:
    """Of one part, for a block.  Python's own objects count as allocations too."""

    calls: float
    """Of functions, Python's and C's, in the thread that took the step."""
    allocations: float
    large_allocations: float
    copies: float


def count_parts(programs: Programs, folder: Path) -> dict[str, PartCounts]:
    """All parts, in a process of their own."""
    environment = os.environ | preloading(programs, folder / "counts")
    environment |= {"PYTHONMALLOC": "malloc", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "benchmarks.counting"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {name: PartCounts(**counts) for name, counts in json.loads(done.stdout).items()}


def counts_table(parts: Mapping[str, PartCounts]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| part | calls | allocations | large ones | copies |"
    yield "|---|---|---|---|---|"
    for name, part in parts.items():
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in asdict(part).values()) + " |"


def _calls(step: Step, blocks: int) -> int:
    """How many functions a step calls."""
    calls = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    step(blocks)
    sys.setprofile(None)
    return calls


def _count(step: Step, counted: Callable[[], Counts]) -> PartCounts:
    """Twice the blocks less once the blocks: what a step does only once does not count."""
    step(BLOCKS)
    calls = _calls(step, 2 * BLOCKS) - _calls(step, BLOCKS)
    begin = counted()
    step(BLOCKS)
    middle = counted()
    step(2 * BLOCKS)
    more = counted().since(middle, 1).since(middle.since(begin, 1), BLOCKS)
    return PartCounts(calls / BLOCKS, more.allocations, more.large_allocations, more.copies)


def main() -> None:
    """Print what is counted of every part."""
    logs.set_up("error", "json")
    file = Path(os.environ["COUNTING_FILE"])
    found = {}
    for name, part in PARTS.items():
        with part() as step:
            found[name] = asdict(_count(step, lambda: counts_in(file)))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
