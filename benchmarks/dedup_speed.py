"""What dedup costs data that is new, what it saves of data that is not, and its index.

PYTHONPATH=src python -m benchmarks.dedup_speed FOLDER [new|twice|index] [BLOCKS]

`new` writes new data with dedup off and on, by turns: the median of the ratios counts.  `twice`
writes the same data to two tapes.  `index` fills an index and asks it.
"""

import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from pyvtl.media.medium import Position, Record
from pyvtl.media.vault import Vault
from pyvtl.store.block_index import LmdbIndex
from pyvtl.store.dedup import Scope
from pyvtl.store.files import LocalFiles

UNIT = 64 << 10
BATCH = 16
PACK = 4096
ROUNDS = 5
MISSES = 200_000


def data(blocks: int, seed: int) -> list[list[Record]]:
    """Batches of blocks that are all different, made before any clock runs."""
    random = Random(seed)
    shared = random.randbytes(UNIT - 16)
    rows = [random.randbytes(16) + shared for _ in range(blocks)]
    return [
        [Record((row,), UNIT) for row in rows[at : at + BATCH]] for at in range(0, blocks, BATCH)
    ]


def write(vault: Vault, barcode: str, batches: list[list[Record]]) -> tuple[float, float]:
    """Seconds of CPU, and by the clock, that it takes to write a tape to its last sync."""
    tape = vault.open(barcode)
    begin, begun = time.process_time(), time.perf_counter()
    for batch in batches:
        tape.append(batch, compress=False)
    tape.sync()
    taken = time.process_time() - begin, time.perf_counter() - begun
    tape.close()
    return taken


def read(vault: Vault, barcode: str) -> float:
    """Seconds that it takes to read a tape."""
    tape = vault.open(barcode)
    begin, at = time.perf_counter(), Position()
    while len(found := tape.read(at, 2 << 20)) > 1:
        number = at.object_number + len(found)
        at = Position(0, number, 0, number * UNIT)
    tape.close()
    return time.perf_counter() - begin


def stored(path: Path, barcode: str) -> int:
    return sum(file.stat().st_size for file in (path / "tapes" / barcode).glob("*.segment"))


def opened(path: Path, scope: Scope) -> Vault:
    vault = Vault(path, dedup=scope)
    while vault.indexing:
        time.sleep(0.01)
    return vault


def new(parent: str, blocks: int) -> None:
    """New data, dedup off and on by turns."""
    ratios = []
    for turn in range(ROUNDS):
        batches, seconds = data(blocks, turn), []
        for scope in (Scope.OFF, Scope.POOL):
            with tempfile.TemporaryDirectory(dir=parent) as name:
                vault = opened(Path(name), scope)
                vault.create("BENCH1L5", 1 << 40)
                seconds.append(write(vault, "BENCH1L5", batches)[0])
                vault.close()
        ratios.append(seconds[0] / seconds[1])
        micro = [f"{1e6 * taken / blocks:.1f}" for taken in seconds]
        print(f"CPU microseconds per block: off {micro[0]}, on {micro[1]}; ratio {ratios[-1]:.3f}")
    print(f"median of {ROUNDS} ratios: {statistics.median(ratios):.3f}")


def twice(parent: str, blocks: int) -> None:
    """The same data to two tapes."""
    batches = data(blocks, 0)
    with tempfile.TemporaryDirectory(dir=parent) as name:
        vault = opened(Path(name), Scope.POOL)
        for barcode in ("BENCH1L5", "BENCH2L5"):
            vault.create(barcode, 1 << 40)
            _, taken = write(vault, barcode, batches)
            size = stored(Path(name), barcode)
            share = size / (blocks * UNIT)
            speeds = [
                f"{blocks * UNIT / spent / 1e6:.0f}" for spent in (taken, read(vault, barcode))
            ]
            print(f"{barcode}: stored {size} ({share:.3%}), MB/s written and read: {speeds}")
        vault.close()


def index(parent: str, blocks: int) -> None:
    """Fill an index in packs, ask for what is there and for what is not."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        made = LmdbIndex(LocalFiles(), Path(name) / "index", "pool")
        made.completed()
        begin, known = time.perf_counter(), []
        for pack in range(0, blocks, PACK):
            keys = [secrets.token_bytes(8) for _ in range(min(PACK, blocks - pack))]
            known.append(keys[0])
            made.publish(secrets.token_bytes(16), dict(zip(keys, range(PACK), strict=False)))
        filled = time.perf_counter() - begin
        size = (Path(name) / "index" / "data.mdb").stat().st_blocks * 512
        Random(0).shuffle(known)
        hit = ask(made, known)
        miss = ask(made, [secrets.token_bytes(8) for _ in range(MISSES)])
        print(f"{len(made)} blocks: {1e6 * filled / blocks:.1f} us to add (and make) each,")
        print(f"hit {hit:.1f} us, miss {miss:.1f} us, {size / blocks:.0f} bytes each on disk")
        print("\n".join(memory()))
        made.close()


def ask(made: LmdbIndex, keys: list[bytes]) -> float:
    """Microseconds for each of these keys."""
    begin = time.perf_counter()
    for key in keys:
        made.find(key)
    return 1e6 * (time.perf_counter() - begin) / len(keys)


def memory() -> list[str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return [line for line in lines if line.startswith(("RssAnon", "RssFile"))]


def main(parent: str, what: str = "new", blocks: str = "") -> None:
    """One of the three."""
    default = {"new": 6400, "twice": 16_384, "index": 10_000_000}
    {"new": new, "twice": twice, "index": index}[what](parent, int(blocks or default[what]))


if __name__ == "__main__":
    main(*sys.argv[1:])
