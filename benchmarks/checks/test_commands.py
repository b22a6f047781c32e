"""The commands of the suite still work: with tiny loads, which measure nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load import LoadError, run
from benchmarks.programs import programs
from benchmarks.results import Results
from benchmarks.scenarios import Scenario
from benchmarks.servers import Setting, Sink, sink
from tests.serving import ENVIRONMENT

pytestmark = pytest.mark.timeout(600)

PROJECT = Path(__file__).parents[2]


def benchmarks(*arguments: str) -> str:
    """What `python -m benchmarks` printed; it must end with status 0."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of some of each suite."""
    folder = tmp_path_factory.mktemp("results")
    file = folder / "results.json"
    common = ("--quick", "--folder", str(folder), "--json", str(file))
    benchmarks("peer", *common, "--shape=v256", "--drives=1", "--data=random")
    benchmarks("macro", *common, "--shape=f1", "--drives=1", "--drives=10")
    benchmarks("scale", *common, "--drives=1", "--drives=10")
    return file


def test_all_servers_take_loads_with_and_without_digests(file: Path) -> None:
    """So the raw initiator's digests are right by tgt, and tgt's by it."""
    runs = Results.load(file).sections["peer"].runs()
    assert [(run.server, run.scenario.digests) for run in runs] == [
        (server, digests) for digests in ("none", "both") for server in ("pyvtl", "tgt", "sink")
    ]


def test_macro_loads_differ_in_data_and_drives(file: Path) -> None:
    scenarios = [run.scenario for run in Results.load(file).sections["macro"].runs()]
    assert {scenario.data for scenario in scenarios} == {"random", "text", "zero", "repeated"}
    assert {scenario.drives for scenario in scenarios} == {1, 10}


def test_the_page_is_made_of_the_results(file: Path) -> None:
    page, plots = file.with_name("performance.md"), file.with_name("plots")
    benchmarks("report", str(file), "--page", str(page), "--plots", str(plots))
    text = page.read_text()
    assert sorted(path.name for path in plots.iterdir()) == [
        "ceiling.svg",
        "drives.svg",
        "growth.svg",
        "side-by-side-two.svg",
    ]
    assert [path.name for path in plots.iterdir() if path.name not in text] == []


def test_a_load_that_reads_other_bytes_than_it_wrote_fails(tmp_path: Path) -> None:
    """A sink gives zeros."""
    built = programs()
    with sink(Setting(tmp_path, built, 1, 1, 1 << 20)) as peer:
        honest = Sink(peer.pid, peer.port, 1, keeps_data=True)
        with pytest.raises(LoadError, match="16 blocks differ"):
            run(built, honest, honest.blank(), Scenario(), 1 << 20)
