"""CPU time that a cartridge takes to write and to read 64 KiB, without any drive above it.

PYTHONPATH=src python benchmarks/cartridge_speed.py FOLDER [RECORD_SIZE]
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import EndOfData, Position, Record
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder

TOTAL = 400 << 20
UNIT = 64 << 10


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print wall, user and system time for each 64 KiB of TOTAL."""
    before = os.times()
    yield
    after, units = os.times(), TOTAL / UNIT
    user, system = after.user - before.user, after.system - before.system
    wall = after.elapsed - before.elapsed
    times = ", ".join(
        f"{name} {seconds / units * 1e6:.1f}"
        for name, seconds in [("wall", wall), ("user", user), ("system", system)]
    )
    print(f"{what}: microseconds per 64 KiB: {times}")


def write(tape: Cartridge, record_size: int) -> None:
    batch = [Record((os.urandom(record_size),), record_size) for _ in range(16)]
    for _ in range(TOTAL // record_size // len(batch)):
        tape.append(batch)


def read(tape: Cartridge) -> None:
    at, found = Position(), tape.read(Position(), 2 << 20)
    while not isinstance(found[-1], EndOfData):
        for item in found:
            at = at.after_record(item.size) if isinstance(item, Record) else at.after_filemarks()
        found = tape.read(at, 2 << 20)


def main(parent: str, record_size: int = UNIT) -> None:
    """Write a tape in a new folder under `parent`, read it back, and delete it."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = TapeFolder(LocalFiles(), Path(name), bytes(32), bytes(16), "BENCH1L5")
        tape = Cartridge(folder, AttributesFrame(capacity_0=TOTAL * 2))
        with timed("write"):
            write(tape, record_size)
        with timed("sync"):
            tape.sync()
        with timed("read"):
            read(tape)
        tape.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
