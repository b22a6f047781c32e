"""Medians and paired ratios of runs, as tables for people."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.load import Figures
from benchmarks.scenarios import Scenario
from benchmarks.turns import Run


@dataclass(frozen=True, slots=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one value, all three are that value."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high)


class Comparison:
    """The runs of one load."""

    def __init__(self, scenario: Scenario, runs: Iterable[Run]) -> None:
        self.scenario = scenario
        self._figures: dict[str, list[Figures]] = {}
        for run in sorted(runs, key=lambda run: run.turn):
            self._figures.setdefault(run.server, []).append(run.figures)

    @property
    def servers(self) -> list[str]:
        """Those that had it."""
        return list(self._figures)

    def values(self, server: str, figure: str) -> list[float]:
        """Turn by turn; empty when it was not measured."""
        values = [getattr(figures, figure) for figures in self._figures.get(server, [])]
        return [value for value in values if value is not None]

    def median(self, server: str, figure: str) -> float | None:
        """None when it was not measured."""
        values = self.values(server, figure)
        return statistics.median(values) if values else None

    def spread(self, server: str, figure: str) -> Spread:
        """Of a figure that was measured."""
        return spread(self.values(server, figure))

    def ratio(self, server: str, other: str, figure: str) -> Spread | None:
        """Of one server to another, from the ratios of their turns."""
        pairs = zip(self.values(server, figure), self.values(other, figure), strict=True)
        ratios = [ours / theirs for ours, theirs in pairs if theirs]
        return spread(ratios) if ratios else None


def comparisons(runs: Iterable[Run]) -> list[Comparison]:
    """The loads in the order in which they were carried out."""
    by_scenario: dict[Scenario, list[Run]] = {}
    for run in runs:
        by_scenario.setdefault(run.scenario, []).append(run)
    return [Comparison(scenario, of_it) for scenario, of_it in by_scenario.items()]


Cell = Callable[[Comparison], str]


def _number(server: str, figure: str, form: str = ".0f", factor: float = 1) -> Cell:
    def cell(row: Comparison) -> str:
        value = row.median(server, figure)
        return "" if value is None else format(value * factor, form)

    return cell


def _ratio(other: str, figure: str) -> Cell:
    def cell(row: Comparison) -> str:
        if other not in row.servers or not row.values("pyvtl", figure):
            return ""
        return str(row.ratio("pyvtl", other, figure) or "")

    return cell


COLUMNS: Final[Sequence[tuple[str, str, Cell]]] = (
    ("pyvtl", "write MB/s", _number("pyvtl", "write_mb_s")),
    ("tgt", "tgt", _number("tgt", "write_mb_s")),
    ("tgt", "ratio (quartiles)", _ratio("tgt", "write_mb_s")),
    ("sink", "of the ceiling", _ratio("sink", "write_mb_s")),
    ("pyvtl", "s/GB", _number("pyvtl", "write_cpu_s_per_gb", ".2f")),
    ("pyvtl", "p50/p99 µs", lambda row: _pair(row, "write")),
    ("pyvtl", "read MB/s", _number("pyvtl", "read_mb_s")),
    ("tgt", "tgt", _number("tgt", "read_mb_s")),
    ("tgt", "ratio (quartiles)", _ratio("tgt", "read_mb_s")),
    ("sink", "of the ceiling", _ratio("sink", "read_mb_s")),
    ("pyvtl", "s/GB", _number("pyvtl", "read_cpu_s_per_gb", ".2f")),
    ("pyvtl", "p50/p99 µs", lambda row: _pair(row, "read")),
    ("pyvtl", "TUR/s", _number("pyvtl", "ready_per_s")),
    ("tgt", "ratio (quartiles)", _ratio("tgt", "ready_per_s")),
    ("pyvtl", "RssAnon MiB", _number("pyvtl", "memory_bytes", ".0f", 2**-20)),
)
"""A column is left out when the server it needs did not take part."""


def _pair(row: Comparison, direction: str) -> str:
    halves = [row.median("pyvtl", f"{direction}_{which}_us") for which in ("p50", "p99")]
    return "/".join(f"{half:.0f}" for half in halves if half is not None)


def table(runs: Iterable[Run]) -> Iterator[str]:
    """A table in Markdown, a row for each load."""
    rows = comparisons(runs)
    present = {server for row in rows for server in row.servers}
    columns = [(name, cell) for server, name, cell in COLUMNS if server in present]
    header = ["load", "processors", *(name for name, _ in columns)]
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        names = [row.scenario.label(), row.scenario.placement]
        yield "| " + " | ".join([*names, *(cell(row) for _, cell in columns)]) + " |"
