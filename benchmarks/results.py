"""Results as a file: a section for each suite, with the machine, commit and command of its own."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.load import Figures
from benchmarks.scenarios import Scenario
from benchmarks.turns import Run

Row = dict[str, Any]
"""As JSON has it."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one command gave."""

    command: str
    commit: str
    machine: str
    began: str
    seconds: float
    rows: list[Row]

    def runs(self) -> list[Run]:
        """The rows of a suite of loads."""
        return [
            Run(row["server"], Scenario(**row["scenario"]), row["turn"], Figures(**row["figures"]))
            for row in self.rows
        ]


def row_of(run: Run) -> Row:
    """A run as JSON has it."""
    return asdict(run)


@dataclass(slots=True)
class Results:
    """All sections, by the names of their suites."""

    sections: dict[str, Section] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path) -> Self:
        """From a file; empty if there is none."""
        if not file.exists():
            return cls()
        document = json.loads(file.read_text())
        return cls({name: Section(**section) for name, section in document.items()})

    def save(self, file: Path) -> None:
        """To a file."""
        document = {name: asdict(section) for name, section in self.sections.items()}
        file.write_text(json.dumps(document, indent=1) + "\n")


class Clock:
    """Makes a section of what was measured since."""

    def __init__(self, command: Iterable[str], folder: Path) -> None:
        self._command, self._folder = " ".join(command), folder
        self._began, self._start = time.strftime("%Y-%m-%d %H:%M"), time.monotonic()

    def section(self, rows: list[Row]) -> Section:
        """With how long it took."""
        seconds = round(time.monotonic() - self._start, 1)
        place = machine(self._folder)
        return Section(self._command, commit(), place, self._began, seconds, rows)


def commit() -> str:
    """The commit of this checkout, with a plus when files differ from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../src", ".")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if changed else "")


def machine(folder: Path) -> str:
    """Processor, memory, kernel, file system and Python in one line."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kind = subprocess.run(
        ["findmnt", "-no", "FSTYPE", "--target", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (
        f"{os.cpu_count()} x {models[0] if models else platform.machine()}, {memory:.0f} GiB, "
        f"Linux {platform.release()}, {kind or 'unknown file system'}, {_python()}"
    )


def _python() -> str:
    """Distributions compile theirs for speed; of others, what they were configured with tells."""
    version = f"Python {platform.python_version()}"
    if sys.base_prefix == "/usr":
        return f"the system's {version}"
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return f"another {version}"
    return f"another {version}, compiled without profile-guided optimization"
