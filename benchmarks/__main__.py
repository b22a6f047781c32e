"""The benchmarks: `python -m benchmarks COMMAND`, from the project's folder.

They set up what they need, print tables, and with --json add what they measured to a file, of which
`report` makes docs/performance.md.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks.comparing import table
from benchmarks.counting import count_parts, counts_table
from benchmarks.growth import HUGE, SIZES, growth_table, measure_growth
from benchmarks.load import LoadError
from benchmarks.micro_run import micro_table, run_micro
from benchmarks.programs import programs
from benchmarks.report import write_report
from benchmarks.results import Clock, Results, Section, row_of
from benchmarks.scenarios import DATA, DIGESTS, PLACEMENTS, SHAPES, SUITES, Scenario, Suite
from benchmarks.turns import Effort, measure
from pyvtl.config.units import parse_size

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

Json = Annotated[
    Path | None, typer.Option("--json", help="Add the results to this file, by suite.")
]
Folder = Annotated[Path, typer.Option(help="The tapes lie here: on the file system to measure.")]
Turns = Annotated[int | None, typer.Option(help="Runs of each server and load.")]
Total = Annotated[str | None, typer.Option(help="Bytes of a run, over all drives.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="One turn of 32 MiB: shows that it works, measures nothing.")
]


def _choice(name: str, of: Any) -> Any:
    return typer.Option(f"--{name}", help=f"Only these: {', '.join(map(str, of))}.")


Shapes = Annotated[list[str] | None, _choice("shape", SHAPES)]
Patterns = Annotated[list[str] | None, _choice("data", DATA)]
Drives = Annotated[list[int] | None, _choice("drives", (1, 4, 10))]
Digests = Annotated[list[str] | None, _choice("digests", DIGESTS)]
Placements = Annotated[list[str] | None, _choice("placement", PLACEMENTS)]

TURNS = {"macro": 3, "drives": 3}
"""Five where nothing else is said."""


def _effort(quick: bool, turns: int | None, total: str | None, folder: Path, name: str) -> Effort:
    usual = (1, "16MiB") if quick else (TURNS.get(name, 5), "512MiB")
    size = parse_size(total or usual[1])
    return Effort(turns or usual[0], size, folder.resolve(), settles=not quick)


def _chosen(suite: Suite, wanted: dict[str, list[Any] | None], *, quick: bool) -> Suite:
    """What options leave of a suite; a quick one keeps to one placement."""
    if quick:
        wanted = {"placement": ["two"], **{name: some for name, some in wanted.items() if some}}

    def fits(scenario: Scenario) -> bool:
        return all(not some or getattr(scenario, name) in some for name, some in wanted.items())

    return replace(suite, scenarios=tuple(filter(fits, suite.scenarios)))


def _clock(folder: Path) -> Clock:
    return Clock(["python -m benchmarks", *sys.argv[1:]], folder)


def _keep(file: Path | None, name: str, section: Section) -> None:
    if file is not None:
        results = Results.load(file)
        results.sections[name] = section
        results.save(file)


def _print(title: str, lines: Iterator[str]) -> None:
    print(f"\n## {title}\n")
    print("\n".join(lines), flush=True)


def _carry_out(name: str, suite: Suite, effort: Effort, file: Path | None) -> None:
    """Measure a suite of loads, print it and keep it."""
    clock = _clock(effort.folder)
    built = programs(*(["tgt"] if "tgt" in suite.servers else []))
    runs = list(measure(built, suite.scenarios, suite.servers, effort))
    _keep(file, name, clock.section([row_of(run) for run in runs]))
    _print(name, table(runs))


def _suite_command(name: str, explained: str) -> None:
    def command(
        *,
        json: Json = None,
        folder: Folder = Path(),
        turns: Turns = None,
        total: Total = None,
        quick: Quick = False,
        shape: Shapes = None,
        data: Patterns = None,
        drives: Drives = None,
        digests: Digests = None,
        placement: Placements = None,
    ) -> None:
        wanted = {"shape": shape, "data": data, "drives": drives}
        wanted |= {"digests": digests, "placement": placement}
        suite = _chosen(SUITES[name], wanted, quick=quick)
        _carry_out(name, suite, _effort(quick, turns, total, folder, name), json)

    app.command(name, help=explained)(command)


_suite_command("macro", "Loads of pyvtl alone: all shapes, kinds of data, digests, ten drives.")
_suite_command("peer", "The same loads for pyvtl, tuned tgt and the sink, in turns.")
_suite_command("ceiling", "pyvtl beside the sink, which only acknowledges; needs no tgt.")


@app.command()
def micro(*, json: Json = None, quick: Quick = False) -> None:
    """Parts of the block path by themselves, by pytest-benchmark."""
    clock = _clock(Path())
    rows = run_micro(quick)
    _keep(json, "micro", clock.section(rows))
    _print("micro", micro_table(rows))


@app.command()
def counts() -> None:
    """What the guard counts of the parts: calls, allocations and copies for a block."""
    with TemporaryDirectory() as folder:
        _print("counts", counts_table(count_parts(programs(), Path(folder))))


@app.command()
def scale(
    *,
    json: Json = None,
    folder: Folder = Path(),
    turns: Turns = None,
    total: Total = None,
    quick: Quick = False,
    drives: Drives = None,
    ends: Annotated[
        bool, typer.Option("--ends", help="Tape and index: only the smallest and the largest.")
    ] = False,
    huge: Annotated[
        bool, typer.Option("--huge", help="Also an index of 10^8 entries: 15 GB of disk.")
    ] = False,
) -> None:
    """From 1 to 10 drives, from 1 GB to 1 TB on the tape, from 10^5 to 10^7 index entries."""
    suite = _chosen(SUITES["drives"], {"drives": drives}, quick=quick)
    _carry_out("drives", suite, _effort(quick, turns, total, folder, "drives"), json)
    effort, clock = _effort(quick, turns, total, folder, "growth"), _clock(folder)
    sizes = SIZES["quick" if quick else "usual"] + (HUGE if huge else ())
    sizes = (sizes[0], sizes[-1]) if ends else sizes
    rows = measure_growth(programs(), sizes, effort)
    _keep(json, "growth", clock.section(rows))
    _print("growth", growth_table(rows))


@app.command("all")
def everything(
    *, json: Json = None, folder: Folder = Path(), total: Total = None, quick: Quick = False
) -> None:
    """Run micro, macro, peer and scale, one after another."""
    micro(json=json, quick=quick)
    for name in ("macro", "peer"):
        suite = _chosen(SUITES[name], {}, quick=quick)
        _carry_out(name, suite, _effort(quick, None, total, folder, name), json)
    scale(json=json, folder=folder, total=total, quick=quick)


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="What --json wrote.")] = Path(
        "docs/performance/results.json"
    ),
    page: Annotated[Path, typer.Option(help="The page to write.")] = Path("docs/performance.md"),
    plots: Annotated[Path, typer.Option(help="Where its plots go.")] = Path("docs/performance"),
) -> None:
    """Make the page and its plots from results."""
    write_report(results, page, plots)


if __name__ == "__main__":
    try:
        app(prog_name="python -m benchmarks")
    except LoadError as error:
        sys.exit(f"error: {error}")
