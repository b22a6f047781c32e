"""The micro benchmarks, run by pytest-benchmark: their medians as rows."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.results import Row
from tests.serving import ENVIRONMENT

FOLDER: Final = Path(__file__).with_name("micro")
SHORT: Final = ("--benchmark-min-rounds=1", "--benchmark-max-time=0.01", "--benchmark-warmup=off")


def run_micro(quick: bool) -> list[Row]:
    """A row for each benchmark: its name, microseconds (median, quartiles), blocks of a round."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "micro.json"
        arguments = [*(SHORT if quick else ()), f"--benchmark-json={file}", str(FOLDER)]
        command = [sys.executable, "-m", "pytest", "-q", "--benchmark-quiet", *arguments]
        subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        found = json.loads(file.read_text())["benchmarks"]
    return [_row(benchmark) for benchmark in found]


def _row(benchmark: Mapping[str, Any]) -> Row:
    times, blocks = benchmark["stats"], benchmark["extra_info"].get("blocks", 1)
    medians = {key: 1e6 * times[key] / blocks for key in ("q1", "median", "q3")}
    file = Path(benchmark["fullname"].partition("::")[0]).stem
    return {"name": f"{file.removeprefix('test_')}: {benchmark['name'][5:]}", **medians}


def micro_table(rows: Iterable[Row]) -> Iterator[str]:
    """A table in Markdown."""
    yield "| what | µs (quartiles) |"
    yield "|---|---|"
    for row in rows:
        yield f"| {row['name']} | {row['median']:.2f} ({row['q1']:.2f} to {row['q3']:.2f}) |"
