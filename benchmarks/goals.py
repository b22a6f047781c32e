"""What has to be reached, and whether it was: a goal counts at the lower quartile, within 5 %."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.comparing import Comparison, comparisons, spread
from benchmarks.growth import SIZES, speeds_of
from benchmarks.results import Results

TOLERANCE: Final = 0.05
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """One goal for one load: what counts, and what it has to be at least (or at most)."""

    goal: str
    load: str
    reached: float
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Within the tolerance."""
        if self.at_most:
            return self.reached <= self.wanted * (1 + TOLERANCE)
        return self.reached >= self.wanted * (1 - TOLERANCE)


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio to tgt, or to the ceiling where that is the lower goal."""

    name: str
    figure: str
    of_tgt: float
    applies: Callable[[Comparison], bool]
    of_ceiling: float | None = None

    def outcome(self, row: Comparison) -> Outcome:
        """The lower quartile that comes closer to its goal."""
        ours = self._outcome(row, "tgt", self.of_tgt)
        if self.of_ceiling is None:
            return ours
        ceiling = self._outcome(row, "sink", self.of_ceiling)
        return max(ours, ceiling, key=lambda outcome: outcome.reached / outcome.wanted)

    def _outcome(self, row: Comparison, other: str, wanted: float) -> Outcome:
        ratio = row.ratio("pyvtl", other, self.figure)
        assert ratio is not None
        name = f"{self.name}, of {'tgt' if other == 'tgt' else 'the ceiling'}"
        load = f"{row.scenario.label()}, {row.scenario.placement}"
        return Outcome(name, load, ratio.low, wanted)


def _plain(row: Comparison) -> bool:
    one = row.scenario
    return one.data == "random" and one.digests == "none" and one.drives in (1, 4)


def _repeated(row: Comparison) -> bool:
    return row.scenario.data == "repeated"


def _digests(row: Comparison) -> bool:
    return row.scenario.digests == "both"


def _ready(row: Comparison) -> bool:
    return _plain(row) and row.scenario.drives == 1 and row.scenario.shape == "f1"


GOALS: Final[Sequence[Goal]] = (
    Goal("write", "write_mb_s", 1.0, _plain),
    Goal("read", "read_mb_s", 1.0, _plain, of_ceiling=0.9),
    Goal("write what the pool holds", "write_mb_s", 1.5, _repeated, of_ceiling=0.9),
    Goal("write with digests", "write_mb_s", 3.0, _digests),
    Goal("read with digests", "read_mb_s", 3.0, _digests),
    Goal("TEST UNIT READY", "ready_per_s", 0.5, _ready),
)


def outcomes(results: Results) -> Iterator[Outcome]:
    """Of all goals whose suites were run."""
    if "peer" in results.sections:
        rows = comparisons(results.sections["peer"].runs())
        yield from (goal.outcome(row) for goal in GOALS for row in rows if goal.applies(row))
        yield from _alone(rows)
    if "growth" in results.sections:
        yield from _growth(results)


def _alone(rows: Sequence[Comparison]) -> Iterator[Outcome]:
    """What does not depend on tgt: processor time, memory, text beside random data."""
    speeds = {row.scenario: row.values("pyvtl", "write_mb_s") for row in rows}
    by_label = {(row.scenario.label(), row.scenario.placement): row.scenario for row in rows}
    for row in rows:
        scenario = row.scenario
        load = f"{scenario.label()}, {scenario.placement}"
        if _plain(row):
            cpu = row.median("pyvtl", "write_cpu_s_per_gb") or 0.0
            yield Outcome("processor seconds per GB written", load, cpu, 0.8, at_most=True)
        if scenario.drives == 10:
            memory = max(row.values("pyvtl", "memory_bytes")) / MIB
            yield Outcome("RssAnon, MiB", load, memory, 512, at_most=True)
        if scenario.data == "text":
            plain = by_label[f"{scenario.shape} x1", scenario.placement]
            pairs = zip(speeds[scenario], speeds[plain], strict=True)
            ratio = spread([text / random for text, random in pairs])
            yield Outcome("text, of random data", load, ratio.low, 0.5)


def _growth(results: Results) -> Iterator[Outcome]:
    speeds = speeds_of(results.sections["growth"].rows)
    smallest, *_, largest = SIZES["usual"]
    if smallest in speeds and largest in speeds:
        for which, name in enumerate(("write", "read")):
            share = speeds[largest][which] / speeds[smallest][which]
            yield Outcome(f"growth, {name}", f"{largest} to {smallest}", share, 0.8)


def goals_table(results: Results) -> Iterator[str]:
    """A table in Markdown: the goals, worst first within each."""
    yield "| goal | load | reached | wanted | |"
    yield "|---|---|---|---|---|"
    for outcome in outcomes(results):
        sign = "≤" if outcome.at_most else "≥"
        verdict = "yes" if outcome.met else "**no**"
        reached = f"{outcome.reached:.2f} | {sign} {outcome.wanted:g} | {verdict} |"
        yield f"| {outcome.goal} | {outcome.load} | {reached}"
