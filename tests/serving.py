"""`pyvtl serve` as a process of its own, for tests that kill it or measure it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.initiator import load_tapes
from tests.ports import free_port, wait_for_port

PYVTL = (sys.executable, "-m", "pyvtl")
START_SECONDS = 60
"""On a machine that has much else to do; how quick it is, other tests measure."""
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("PYVTL_")},
    "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    "PYTHONDONTWRITEBYTECODE": "",
}
"""Of this checkout, without anybody's own settings, and compiled once as an installed one is."""


@dataclass(slots=True)
class Server:
    """A server on one data folder and one port; it may be killed and started again."""

    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        portal = ["--data-dir", str(self.folder), "--portal", f"127.0.0.1:{self.port}"]
        if "--api" not in self.options:
            portal += ["--api", "off"]
        with (self.folder.parent / "serve.log").open("ab") as log:
            command = [*PYVTL, "serve", *portal, *self.options]
            environment = {**ENVIRONMENT, **self.environment}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        wait_for_port(self.port, START_SECONDS)

    def signal(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit status, negative for a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(60)
        self.process = None
        return status

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)

    def stop(self) -> None:
        """A clean stop, which must end with status 0."""
        assert self.signal(signal.SIGTERM) == 0

    def run(self, *command: str) -> str:
        """One `pyvtl` command on this server's folder, which must end with 0; what it printed."""
        arguments = [*PYVTL, *command, "--data-dir", str(self.folder)]
        environment = {**ENVIRONMENT, **self.environment}
        done = subprocess.run(
            arguments, capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def loaded(self, count: int, size: str) -> list[str]:
        """Create `count` tapes and load them; the names of the drives."""
        self.run("tape", "create", "--prefix", "TEST", "--count", str(count), "--size", size)
        return load_tapes("127.0.0.1", self.port, count)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid


@contextmanager
def serving(
    folder: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A started server, killed at the end if it still runs; `environment` may have settings."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder, options, environment=environment or {})
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.kill()


def anonymous_memory(pid: int) -> int:
    """RssAnon of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names are all that counts
