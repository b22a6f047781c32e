"""What holds for all tests: where CI is set, nothing is skipped; options of the crash tests."""

import os
from collections.abc import Generator

import pytest

pytest_plugins = ["tests.s3_server", "tests.any_store"]

IN_CI = bool(os.environ.get("CI"))


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skip in CI would hide that a promise was not checked; an expected failure is none."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped in CI: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """See to every test's outcome."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """See to every module that is collected."""
    report = yield
    _fail_if_skipped(report)
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    rounds = os.environ.get("KILL_ROUNDS", "50")
    parser.addoption(
        "--crash-rounds",
        type=int,
        default=int(rounds),
        help="how often the server is killed (KILL_ROUNDS, else 50)",
    )
    parser.addoption("--crash-seed", type=int, default=1, help="what the rounds are drawn from (1)")


@pytest.fixture
def crash_rounds(request: pytest.FixtureRequest) -> int:
    rounds: int = request.config.getoption("--crash-rounds")
    return rounds


@pytest.fixture
def crash_seed(request: pytest.FixtureRequest) -> int:
    seed: int = request.config.getoption("--crash-seed")
    return seed
