"""The guard of the block path: what a 64 KiB block may cost, in counts and in ratios.

No time is compared with another machine's or another day's.  Counts are the same on a busy
machine; ratios are those of pairs that ran one after the other.  `python -m benchmarks counts`
prints what is counted: when a change makes it less, the budget here follows.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import pytest

from benchmarks.counting import (
    Counts,
    PartCounts,
    count_parts,
    counts_in,
    preloading,
)
from benchmarks.load import carry_out, run
from benchmarks.parts import BLOCK_SIZE
from benchmarks.programs import Programs, programs
from benchmarks.scenarios import Scenario
from benchmarks.servers import SERVERS, Peer, Setting, pyvtl

MIB: Final = 1 << 20
LOAD: Final = Scenario(placement="one")
TOTAL: Final = 64 * MIB
BLOCKS: Final = TOTAL // BLOCK_SIZE
TURNS: Final = 5
STARTS: Final = SERVERS["pyvtl"], SERVERS["sink"]

PARTS: Final = {
    "transport write": PartCounts(calls=110, allocations=95, large_allocations=1.01, copies=1.01),
    "transport read": PartCounts(calls=92, allocations=68, large_allocations=0.01, copies=0.01),
    "drive write": PartCounts(calls=30, allocations=42, large_allocations=0.01, copies=0.01),
    "drive read": PartCounts(calls=40, allocations=36, large_allocations=0.01, copies=0.01),
    "cartridge write": PartCounts(calls=38, allocations=57, large_allocations=0.02, copies=0.01),
    "cartridge read": PartCounts(calls=21, allocations=36, large_allocations=0.1, copies=0.01),
}
"""The most for a block.  The transport's one copy when writing stands for the kernel's.  The drive
has a thread beside the one that is counted, which allocates now more, now less."""


@dataclass(frozen=True, slots=True)
class ServerBudget:
    """The most that the whole server may ask of libc for a block."""

    copies: float
    large_allocations: float
    file_writes: float


SERVER: Final = {
    "write": ServerBudget(copies=0.1, large_allocations=1.2, file_writes=0.1),
    "read": ServerBudget(copies=0.1, large_allocations=0.2, file_writes=0.1),
}

CPU_RATIO: Final = {"write": 9.0, "read": 8.0}
"""The most processor time a GB may take, as a multiple of what the sink takes."""


@pytest.fixture(scope="module")
def built() -> Programs:
    """The programs, compiled."""
    return programs()


@pytest.fixture(scope="module")
def parts(built: Programs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, PartCounts]:
    """What is counted of every part."""
    return count_parts(built, tmp_path_factory.mktemp("counts"))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_path_keeps_its_budget(part: str, parts: dict[str, PartCounts]) -> None:
    """Function calls, allocations and copies for a block."""
    assert _above(parts[part], PARTS[part]) == {}


@pytest.fixture(scope="module")
def server(built: Programs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counts]:
    """What the whole server asks of libc for a block, by libiscsi, written and read."""
    folder = tmp_path_factory.mktemp("server")
    file = folder / "counts"
    setting = Setting(folder, built, 1, 1, 4 * TOTAL, environment=preloading(built, file))
    with pyvtl(setting) as peer:
        urls = peer.blank()
        carry_out(built, peer, urls, LOAD, TOTAL)  # what is done once is done
        begin = counts_in(file)
        carry_out(built, peer, urls, LOAD, TOTAL, "--no-read")
        written = counts_in(file)
        carry_out(built, peer, urls, LOAD, TOTAL, "--no-write")
        read = counts_in(file)
    return {"write": written.since(begin, BLOCKS), "read": read.since(written, BLOCKS)}


@pytest.mark.parametrize("direction", SERVER)
def test_the_server_keeps_its_budget(direction: str, server: dict[str, Counts]) -> None:
    """Copies in memory, large allocations and writes to files for a block."""
    print(server[direction])
    assert _above(server[direction], SERVER[direction]) == {}


@pytest.fixture(scope="module")
def cpu_ratios(built: Programs, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """Processor time of the server for a GB, as multiples of the sink's, pair by pair."""
    setting = Setting(tmp_path_factory.mktemp("pairs"), built, 1, TURNS, 2 * TOTAL)
    ratios: dict[str, list[float]] = {"write": [], "read": []}
    with ExitStack() as stack:
        pair = [stack.enter_context(start(setting)) for start in STARTS]
        for _ in range(TURNS):
            ours, ceiling = (_cpu(built, peer) for peer in pair)
            for direction, row in ratios.items():
                row.append(ours[direction] / ceiling[direction])
    return ratios


@pytest.mark.parametrize("direction", CPU_RATIO)
def test_the_server_stays_near_the_ceiling(
    direction: str, cpu_ratios: dict[str, list[float]]
) -> None:
    """The best of the pairs: what disturbs only ever makes one worse."""
    print(cpu_ratios[direction])
    assert min(cpu_ratios[direction]) <= CPU_RATIO[direction]


def _cpu(built: Programs, peer: Peer) -> dict[str, float]:
    figures = run(built, peer, peer.blank(), LOAD, TOTAL)
    return {"write": figures.write_cpu_s_per_gb, "read": figures.read_cpu_s_per_gb}


def _above(counted: object, budget: PartCounts | ServerBudget) -> dict[str, tuple[float, float]]:
    """What is more than it may be: the count and the budget."""
    return {
        name: (value, most)
        for name in budget.__slots__
        if (value := getattr(counted, name)) > (most := getattr(budget, name))
    }
