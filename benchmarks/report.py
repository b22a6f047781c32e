"""docs/performance.md, made of results: tables, plots, and how each was measured."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.comparing import table
from benchmarks.goals import goals_table
from benchmarks.growth import growth_table
from benchmarks.micro_run import micro_table
from benchmarks.plots import plot_ceiling, plot_drives, plot_growth, plot_side_by_side
from benchmarks.results import Results, Section

INTRODUCTION: Final = """\
# Performance

This page is made by `./dev bench report` of `{results}`;
[benchmarks/](../benchmarks/README.md) tells what is measured, and how to measure it again. Figures
hold for one machine and one run: what counts are the ratios, and the share of the **ceiling**,
which is a server that only acknowledges, under the same load.

A load is named by its shape (`f1`, `f4`, `f16`: 64 KiB blocks, so many in a command; `v256`:
variable blocks of 256 KiB), its drives, and what differs from random data without digests, one
command at a time. *One* processor: client and server share it. *Two*: each has one. MB are 10^6
bytes; a synchronised filemark is inside the time of every write; every byte that is read is
compared. Ratios are medians of the turns' own ratios, with their quartiles.
"""

GOALS: Final = """\
## Goals

A goal is reached when the lower quartile of the ratios is within 5 % of it; of processor time the
median counts, of growth the ratio of the medians, of memory the greatest of all runs.
"""


NOTHING: Final = "Nothing has been measured yet."


@dataclass(frozen=True, slots=True)
class Chapter:
    """One suite on the page."""

    section: str
    title: str
    lines: Callable[[Section], Iterable[str]]
    plots: Sequence[Callable[[Section, Path], list[Path]]] = ()


CHAPTERS: Final = (
    Chapter(
        "peer",
        "Side by side: pyvtl, tuned tgt, and the ceiling",
        lambda section: table(section.runs()),
        (
            lambda section, folder: plot_side_by_side(section.runs(), folder),
            lambda section, folder: plot_ceiling(section.runs(), folder),
        ),
    ),
    Chapter(
        "ceiling",
        "pyvtl and the ceiling",
        lambda section: table(section.runs()),
        (lambda section, folder: plot_ceiling(section.runs(), folder),),
    ),
    Chapter(
        "drives",
        "One to ten drives",
        lambda section: table(section.runs()),
        (lambda section, folder: plot_drives(section.runs(), folder),),
    ),
    Chapter(
        "growth",
        "Much on the tape, much in the index",
        lambda section: growth_table(section.rows),
        (lambda section, folder: plot_growth(section.rows, folder),),
    ),
    Chapter("macro", "pyvtl alone", lambda section: table(section.runs())),
    Chapter("micro", "Parts of the block path", lambda section: micro_table(section.rows)),
)


def write_report(file: Path, page: Path, plots: Path) -> None:
    """Write the page of the results in a file, and its plots."""
    plots.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(_page(file, page, plots)) + "\n")


def _page(file: Path, page: Path, plots: Path) -> Iterator[str]:
    results = Results.load(file)
    yield INTRODUCTION.format(results=os.path.relpath(file, page.parent))
    if {"peer", "growth"} & results.sections.keys():
        yield GOALS
        yield from goals_table(results)
        yield ""
    if not results.sections:
        yield NOTHING
    for chapter in CHAPTERS:
        section = results.sections.get(chapter.section)
        if section is not None:
            yield from _chapter(chapter, section, page, plots)


def _chapter(chapter: Chapter, section: Section, page: Path, plots: Path) -> Iterator[str]:
    yield f"## {chapter.title}\n"
    yield f"`{section.command}` at commit {section.commit}, {section.began}, in"
    yield f"{section.seconds:.0f} s, on {section.machine}.\n"
    for plot in chapter.plots:
        for file in plot(section, plots):
            yield f"![{file.stem}]({os.path.relpath(file, page.parent)})\n"
    yield from chapter.lines(section)
    yield ""
