"""Real programs against a real server: one booted guest and one input tree for all of them."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Guest
from tests.e2e.tree import make_disk, make_tree

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyvtl-awscli"
"""It has an environment of its own: it wants another botocore than we have."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that lies here is marked `e2e`, and may take a while."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def input_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk image with more than 100 MB of real files in `tree`, and a tenth of them in `part`."""
    folder = tmp_path_factory.mktemp("input")
    total = make_tree(folder / "content" / "tree")
    part = make_tree(folder / "content" / "part", total // 10)
    make_disk(folder / "disk", folder / "content", (total + part) * 3 // 2)
    return folder / "disk"


@pytest.fixture(scope="session")
def guest(input_disk: Path) -> Iterator[Guest]:
    """A booted guest that has the input at /input; tests leave no session behind in it."""
    with Guest(input_disk) as machine:
        yield machine


@pytest.fixture(scope="session")
def aws() -> Path:
    """The command, installed once on this machine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = CACHE / "bin" / "aws"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not command.exists():
            pip = (CACHE / "bin" / "pip", "install", "-qq", "awscli")
            for step in ((sys.executable, "-m", "venv", CACHE), pip):
                done = subprocess.run(step, capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"the aws command cannot be installed: {done.stderr}")
    return command
