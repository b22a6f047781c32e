"""CPU time that a cartridge takes to write and to read 64 KiB, without any drive above it.

python -m benchmarks.cartridge_speed FOLDER [RECORD_SIZE] [random|text] [raw] [encrypted]

Text is words of English in random order, which zstd stores in a third; `raw` switches
compression off, `encrypted` encryption on.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import EndOfData, Position, Record
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import AttributesFrame
from pyvtl.store.loading import TapeFolder

TOTAL = 400 << 20
UNIT = 64 << 10
WORDS = (
    b"the of and to in that is was for on as with his be at by had not are but from or have an "
    b"they which one you were her all she there would their we him been has when who will more "
    b"library tape drive record filemark partition archive backup restore medium cartridge"
).split()


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print wall, user and system time for each 64 KiB of TOTAL."""
    before = os.times()
    yield
    after, units = os.times(), TOTAL / UNIT
    user, system = after.user - before.user, after.system - before.system
    wall = after.elapsed - before.elapsed
    speed = TOTAL / wall / 1e6 if wall else 0
    times = ", ".join(
        f"{name} {seconds / units * 1e6:.1f}"
        for name, seconds in [("wall", wall), ("user", user), ("system", system)]
    )
    print(f"{what}: {speed:.0f} MB/s; microseconds per 64 KiB: {times}")


def text(random: Random, size: int) -> bytes:
    """Words in random order, with numbers among them as a log has."""
    words = (random.choice(WORDS) + b" %d" % random.randrange(10_000) for _ in range(size // 6))
    return b" ".join(words)[:size].ljust(size)


def write(tape: Cartridge, record_size: int, kind: str, *, compress: bool) -> None:
    random = Random(1)
    make = random.randbytes if kind == "random" else lambda size: text(random, size)
    batch = [Record((make(record_size),), record_size) for _ in range(16)]
    with timed("write"):
        for _ in range(TOTAL // record_size // len(batch)):
            tape.append(batch, compress=compress)


def read(tape: Cartridge) -> None:
    at, found = Position(), tape.read(Position(), 2 << 20)
    while not isinstance(found[-1], EndOfData):
        for item in found:
            at = at.after_record(item.size) if isinstance(item, Record) else at.after_filemarks()
        found = tape.read(at, 2 << 20)


def main(parent: str, record_size: str = str(UNIT), kind: str = "random", *options: str) -> None:
    """Write a tape in a new folder under `parent`, read it back, and delete it."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = TapeFolder(LocalFiles(), Path(name), bytes(32), bytes(16), "BENCH1L5")
        if "encrypted" in options:
            folder = folder.encrypted(bytes(32))
        tape = Cartridge(folder, AttributesFrame(capacity_0=TOTAL * 2))
        write(tape, int(record_size), kind, compress="raw" not in options)
        with timed("sync"):
            tape.sync()
        with timed("read"):
            read(tape)
        tape.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
