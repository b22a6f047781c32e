"""SeaweedFS, a real S3 server, as a process on free loopback ports."""

import json
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.ports import free_port, wait_for_port

ACCESS_KEY, SECRET_KEY = "tester", "tester's secret"
READER_KEY = "reader"
"""May list and read, and nothing else; it has the same secret."""
IDENTITIES = {
    "identities": [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": SECRET_KEY}],
            "actions": actions,
        }
        for name, actions in (
            (ACCESS_KEY, ["Admin", "Read", "Write", "List", "Tagging"]),
            (READER_KEY, ["Read", "List"]),
        )
    ]
}
GROWTH = "[master.volume_growth]\n" + "".join(
    f"copy_{kind} = 1\n" for kind in ("1", "2", "3", "other")
)
"""One volume at a time for each bucket: it creates as many as it is told."""
VOLUMES = "-volume.max=1000"
"""So many buckets as tests make need; it would else give each GiB of free disk space one."""
PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port.grpc", "admin.port", "admin.port.grpc"),
)
"""All that it listens on besides S3, which it would else derive or fix itself."""
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""A run of tests that is killed, or ended by its time limit, leaves no server."""
OFF = ("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false")


@dataclass(slots=True)
class Seaweed:
    """A server in a folder, with plain HTTP and, if given a certificate, TLS beside it.

    It may be killed and started again: what it had answered is there.
    """

    folder: Path
    certificate: tuple[Path, Path] | None = None
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    other_ports: dict[str, int] = field(default_factory=lambda: {n: free_port() for n in PORTS})
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}"

    def command(self) -> list[str]:
        tls = []
        if self.certificate is not None:
            certificate, key = self.certificate
            tls = [f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
            tls.append(f"-s3.port.https={self.tls_port}")
        return [
            *DIES_WITH_US,
            str(Path(sysconfig.get_path("scripts")) / "weed"),
            *("-logtostderr=true", "mini", f"-dir={self.folder / 'data'}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={self.port}"),
            *(f"-{name}={port}" for name, port in self.other_ports.items()),
            *(f"-s3.config={self.folder / 's3.json'}", VOLUMES, *OFF, *tls),
        ]

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=log, stderr=log)
        wait_for_port(self.port)
        _wait_until_ready(self.port)

    def kill(self) -> None:
        """kill -9; it does not always heed SIGTERM."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@contextmanager
def seaweed(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[Seaweed]:
    """A server that answers; at the end it is killed, and all that it keeps is deleted."""
    (folder / "s3.json").write_text(json.dumps(IDENTITIES))
    (folder / "master.toml").write_text(GROWTH)
    server = Seaweed(folder, certificate)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder / "data", ignore_errors=True)


def _wait_until_ready(port: int, seconds: float = 60) -> None:
    """Return once it answers requests, not only connections."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/status")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.05)
    raise TimeoutError(f"SeaweedFS on port {port} is not ready after {seconds} s")
