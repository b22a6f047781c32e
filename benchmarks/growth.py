"""Speed as the library grows: with much on the tape, and much in the dedup index.

A tape of 1 TB is made of blocks of zeros through the store itself, so that it takes no space; its
segments cover as much of it each as they do of any data, so that its map is as large.  The index
is filled with keys that no data has.  Then the usual load writes behind what is there.
"""

import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.load import Figures, run
from benchmarks.programs import Programs
from benchmarks.results import Row
from benchmarks.scenarios import Scenario
from benchmarks.servers import Setting, pyvtl_on, scratch, settle
from benchmarks.turns import Effort
from pyvtl.media.medium import Record
from pyvtl.media.vault import Vault
from pyvtl.store.block_index import LmdbIndex
from pyvtl.store.dedup import Scope
from pyvtl.store.files import LocalFiles
from pyvtl.store.loading import SEGMENT_BYTES
from pyvtl.store.sharing import INDEX

GB: Final = 10**9
UNIT: Final = 65536
BATCH: Final = [Record((bytes(UNIT),), UNIT)] * 256
PACK: Final = 4096
BARCODE: Final = "GROWN1L5"
DATA: Final = "data"
FRAME_BYTES: Final = 72
"""What a block of zeros takes in a segment, with its share of notes."""
LOAD: Final = Scenario(placement="one")


@dataclass(frozen=True, slots=True)
class Size:
    """How far a library has grown."""

    tape_bytes: int
    entries: int

    def __str__(self) -> str:
        return f"{self.tape_bytes / GB:g} GB, {self.entries:.0e} entries"


SMALLEST: Final = Size(GB, 10**5)
SIZES: Final = {
    "quick": (Size(GB // 10, 10**4), Size(GB, 10**5)),
    "usual": (
        SMALLEST,
        Size(10 * GB, 10**5),
        Size(100 * GB, 10**5),
        Size(1000 * GB, 10**5),
        Size(GB, 10**6),
        Size(GB, 10**7),
        Size(1000 * GB, 10**7),
    ),
}
HUGE: Final = (Size(1000 * GB, 10**8),)


def _not_now(fd: object) -> None:
    """Sync nothing."""


class Unsynced(LocalFiles):
    """Files that need not outlive the benchmark."""

    fdatasync = staticmethod(_not_now)


def measure_growth(programs: Programs, sizes: Sequence[Size], effort: Effort) -> list[Row]:
    """Rows of runs, the sizes in turns; all data folders are made first."""
    with ExitStack() as stack:
        folders = {size: stack.enter_context(scratch(effort.folder)) for size in sizes}
        made: dict[Size, Path] = {}
        for size, folder in folders.items():
            print(f"making {size}", file=sys.stderr, flush=True)
            make(folder / DATA, size, made)
            made[size] = folder / DATA
        return [
            {
                "size": asdict(size),
                "turn": turn,
                "figures": asdict(_run(programs, folder, turn, effort)),
            }
            for turn in range(effort.turns)
            for size, folder in folders.items()
        ]


def _run(programs: Programs, folder: Path, turn: int, effort: Effort) -> Figures:
    """Data that the turns before have not written, or dedup would know it."""
    new = ("--append", "--seed", str(turn + 1))
    setting = Setting(folder, programs, 1, 1, effort.total_bytes)
    with pyvtl_on(setting, folder / DATA) as peer:
        urls = peer.load([BARCODE])
        if effort.settles:
            settle()
        figures = run(programs, peer, urls, LOAD, effort.total_bytes, *new)
        peer.server.stop()  # a server that is killed has to make its index anew
        return figures


def make(data_dir: Path, size: Size, made: Mapping[Size, Path]) -> None:
    """A data folder with one tape of that size, and an index of so many entries.

    Tape and index are copied from another folder that has the same.
    """
    tapes = [path for other, path in made.items() if other.tape_bytes == size.tape_bytes]
    indexes = [path for other, path in made.items() if other.entries == size.entries]
    if tapes:
        shutil.copytree(tapes[0], data_dir, ignore=shutil.ignore_patterns(INDEX))
    else:
        make_tape(data_dir, size.tape_bytes)
    if indexes:
        shutil.copytree(indexes[0] / INDEX, data_dir / INDEX)
    else:
        fill_index(data_dir, size.entries)


def make_tape(data_dir: Path, tape_bytes: int) -> None:
    """A data folder with one tape, of blocks of zeros."""
    data_dir.mkdir()
    share = SEGMENT_BYTES // UNIT * FRAME_BYTES
    vault = Vault(data_dir, Unsynced(), segment_bytes=share + UNIT)
    vault.create(BARCODE, 4 * tape_bytes + (64 << 30))
    tape = vault.open(BARCODE)
    for _ in range(tape_bytes // UNIT // len(BATCH)):
        tape.append(BATCH, compress=False)
    vault.close()


def fill_index(data_dir: Path, entries: int) -> None:
    """An index of so many blocks that are nowhere."""
    index = LmdbIndex(LocalFiles(), data_dir / INDEX, Scope.POOL.value)
    index.completed()
    for first in range(0, entries, PACK):
        keys = (secrets.token_bytes(8) for _ in range(min(PACK, entries - first)))
        index.publish(secrets.token_bytes(16), {key: row for row, key in enumerate(keys)})
    index.close()


def growth_table(rows: Iterable[Row]) -> Iterator[str]:
    """A table in Markdown: medians, and the share of the smallest library's."""
    yield "| tape | index entries | write MB/s | of the smallest | read MB/s | of the smallest |"
    yield "|---|---|---|---|---|---|"
    speeds = speeds_of(rows)
    first = next(iter(speeds.values()))
    for size, (write, read) in speeds.items():
        shares = f"{write:.0f} | {write / first[0]:.2f} | {read:.0f} | {read / first[1]:.2f}"
        yield f"| {size.tape_bytes / GB:g} GB | {size.entries:.0e} | {shares} |"


def speeds_of(rows: Iterable[Row]) -> dict[Size, tuple[float, float]]:
    """Median MB/s written and read, by size."""
    found: dict[Size, list[Row]] = {}
    for row in rows:
        found.setdefault(Size(**row["size"]), []).append(row["figures"])
    return {
        size: (median(f["write_mb_s"] for f in runs), median(f["read_mb_s"] for f in runs))
        for size, runs in found.items()
    }
