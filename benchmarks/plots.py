"""The plots of the performance page, as SVG."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.comparing import Comparison, comparisons
from benchmarks.growth import GB, Size, speeds_of
from benchmarks.results import Row
from benchmarks.scenarios import PLACEMENTS
from benchmarks.turns import Run

COLOURS: Final = {"pyvtl": "#1f77b4", "tgt": "#ff7f0e", "sink": "#bbbbbb"}
DIRECTIONS: Final = {"write": "write_mb_s", "read": "read_mb_s"}
WIDTH: Final = 0.27

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "pyvtl"  # the same results make the same file


def _saved(figure: Figure, file: Path) -> Path:
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file


def _panels(height: float, names: Iterable[str]) -> tuple[Figure, Any]:
    figure = Figure(figsize=(11, height), layout="constrained")
    axes = figure.subplots(1, len(DIRECTIONS))
    for axis, name in zip(axes, names, strict=True):
        axis.set_title(name)
        axis.grid(alpha=0.3)
    return figure, axes


def plot_side_by_side(runs: Iterable[Run], folder: Path) -> list[Path]:
    """Bars of MB/s, medians with quartiles, a file for each placement."""
    rows = comparisons(runs)
    made = []
    for placement in PLACEMENTS:
        chosen = [row for row in rows if row.scenario.placement == placement]
        if chosen:
            made.append(_bars(chosen, folder / f"side-by-side-{placement}.svg"))
    return made


def _bars(rows: Sequence[Comparison], file: Path) -> Path:
    figure, axes = _panels(1.5 + 0.45 * len(rows), (f"{name}, MB/s" for name in DIRECTIONS))
    servers = rows[0].servers
    for axis, measured in zip(axes, DIRECTIONS.values(), strict=True):
        for place, server in enumerate(servers):
            spreads = [row.spread(server, measured) for row in rows]
            axis.barh(
                [y + (place - 1) * WIDTH for y in range(len(rows))],
                [s.median for s in spreads],
                WIDTH,
                xerr=[[s.median - s.low for s in spreads], [s.high - s.median for s in spreads]],
                color=COLOURS[server],
                label=server,
            )
        axis.set_yticks(range(len(rows)), [row.scenario.label() for row in rows])
        axis.invert_yaxis()
    axes[0].legend()
    return _saved(figure, file)


def plot_ceiling(runs: Iterable[Run], folder: Path) -> list[Path]:
    """Shares of the ceiling, pyvtl's and tgt's."""
    rows = [row for row in comparisons(runs) if "sink" in row.servers]
    if not rows:
        return []
    names = (f"{name}, share of the ceiling" for name in DIRECTIONS)
    figure, axes = _panels(1.5 + 0.3 * len(rows), names)
    labels = [f"{row.scenario.label()}, {row.scenario.placement}" for row in rows]
    for axis, measured in zip(axes, DIRECTIONS.values(), strict=True):
        for server in ("pyvtl", "tgt"):
            ratios = [row.ratio(server, "sink", measured) for row in rows]
            points = [(r.median, y) for y, r in enumerate(ratios) if r is not None]
            axis.plot(*zip(*points, strict=True), "o", color=COLOURS[server], label=server)
        axis.set_yticks(range(len(rows)), labels)
        axis.axvline(1, color=COLOURS["sink"])
        axis.set_xlim(left=0)
        axis.invert_yaxis()
    axes[0].legend()
    return [_saved(figure, folder / "ceiling.svg")]


def plot_drives(runs: Iterable[Run], folder: Path) -> list[Path]:
    """MB/s over the number of drives; dashed where the load has a processor of its own."""
    rows = comparisons(runs)
    figure, axes = _panels(4, (f"{name}, MB/s over drives" for name in DIRECTIONS))
    for axis, measured in zip(axes, DIRECTIONS.values(), strict=True):
        for server in rows[0].servers:
            for placement, line in zip(PLACEMENTS, ("-", "--"), strict=True):
                chosen = [row for row in rows if row.scenario.placement == placement]
                drives = [row.scenario.drives for row in chosen]
                speeds = [row.median(server, measured) for row in chosen]
                label = f"{server}, {placement}"
                axis.plot(drives, speeds, line, marker="o", color=COLOURS[server], label=label)
        axis.set_ylim(bottom=0)
    axes[0].legend()
    return [_saved(figure, folder / "drives.svg")]


def plot_growth(rows: Iterable[Row], folder: Path) -> list[Path]:
    """MB/s over the bytes on the tape, and over the entries in the index."""
    speeds = speeds_of(rows)
    smallest = next(iter(speeds))
    figure, axes = _panels(4, ("MB/s over GB on the tape", "MB/s over index entries"))
    for axis, over, fixed in zip(
        axes, ("tape_bytes", "entries"), ("entries", "tape_bytes"), strict=True
    ):
        chosen: list[Size] = [s for s in speeds if getattr(s, fixed) == getattr(smallest, fixed)]
        places = [getattr(s, over) / (GB if over == "tape_bytes" else 1) for s in chosen]
        for which, name in enumerate(DIRECTIONS):
            axis.plot(places, [speeds[s][which] for s in chosen], marker="o", label=name)
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
    axes[0].legend()
    return [_saved(figure, folder / "growth.svg")]
