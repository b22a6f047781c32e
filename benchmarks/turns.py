"""A suite, carried out: the servers of each load take turns, so that all see the same machine."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Figures, carry_out, run
from benchmarks.programs import Programs
from benchmarks.scenarios import Scenario
from benchmarks.servers import SERVERS, Peer, Setting, settle


@dataclass(frozen=True, slots=True)
class Run:
    """What one server gave for one load in one turn."""

    server: str
    scenario: Scenario
    turn: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done."""

    turns: int
    total_bytes: int
    """Over all drives of a run."""
    folder: Path
    """On the file system that is measured."""
    settles: bool = True
    """Whether the disks come to rest before each run."""


def measure(
    programs: Programs, scenarios: Iterable[Scenario], servers: Sequence[str], effort: Effort
) -> Iterator[Run]:
    """All runs, load by load; progress goes to the standard error."""
    for number, scenario in enumerate(scenarios, 1):
        print(f"{number}: {scenario.placement} {scenario.label()}", file=sys.stderr, flush=True)
        yield from _take_turns(programs, scenario, servers, effort)


def _take_turns(
    programs: Programs, scenario: Scenario, servers: Sequence[str], effort: Effort
) -> Iterator[Run]:
    setting = Setting(
        effort.folder,
        programs,
        scenario.drives,
        tapes=effort.turns + 1,
        tape_bytes=2 * effort.total_bytes,
    )
    with ExitStack() as stack:
        peers = [stack.enter_context(SERVERS[name](setting)) for name in servers]
        if scenario.data == "repeated":
            for peer in peers:
                _prepare(programs, peer, scenario, effort)
        for turn in range(effort.turns):
            for peer in peers:
                urls = peer.blank()
                if effort.settles:
                    settle()
                figures = run(programs, peer, urls, scenario, effort.total_bytes)
                yield Run(peer.name, scenario, turn, figures)


def _prepare(programs: Programs, peer: Peer, scenario: Scenario, effort: Effort) -> None:
    """Let a pool that dedups hold the data already."""
    if peer.dedups:
        carry_out(programs, peer, peer.blank(), scenario, effort.total_bytes, "--no-read")
