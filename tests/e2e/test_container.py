"""The image of the Dockerfile: it builds without a container engine, and its container serves."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.initiator import Chap, LoginError
from tests.initiator.devices import discover
from tests.ports import free_port, wait_for_port

ROOT = Path(__file__).parents[2]
BASE, IMAGE = "localhost/base:test", "localhost/pyvtl:test"
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pyvtl-container"

# What this machine's pip needs, it needs in the build too.
PIP_SETTINGS = [file for file in ("/etc/pip.conf", "/etc/ssl/certs") if Path(file).exists()]
PIP_VARIABLES = {
    name: value
    for name, value in os.environ.items()
    if name.startswith("PIP_") or name.lower().endswith("_proxy")
}


@dataclass(frozen=True, slots=True)
class Buildah:
    """buildah with a store of its own, that needs neither an engine nor an overlay file system."""

    folder: Path

    def __call__(self, command: str, *arguments: str, seconds: float = 300) -> str:
        """What a command prints; its errors go to where the test's go."""
        run = [*self.line(command), *arguments]
        return subprocess.run(
            run, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds
        ).stdout

    def line(self, command: str) -> list[str]:
        """The beginning of a command line."""
        places = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run"]
        return ["buildah", *places, "--storage-driver", "vfs", command]


def base_archive() -> Path:
    """A Debian with Python, as an archive; made at the first call and cached."""
    archive = CACHE / "base.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = CACHE / "making.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}"]
        subprocess.run([*command, "bookworm", str(made)], check=True)
        made.rename(archive)
    return archive


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """A store with the base image in it, removed at the end."""
    folder = tmp_path_factory.mktemp("buildah")
    command = Buildah(folder)
    container = command("from", "scratch").strip()
    command("add", "--quiet", container, str(base_archive()))
    command("commit", "--quiet", "--rm", container, BASE)
    yield command
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(buildah: Buildah) -> str:
    """The image built from the Dockerfile."""
    mounts = [option for file in PIP_SETTINGS for option in ("-v", f"{file}:{file}:ro")]
    variables = [
        option for name in PIP_VARIABLES for option in ("--env", f"{name}={PIP_VARIABLES[name]}")
    ]
    where = ["--isolation", "chroot", "--network", "host", "--format", "docker"]
    named = ["--build-arg", f"BASE={BASE}", "--tag", IMAGE]
    buildah("bud", "--quiet", *where, *mounts, *variables, *named, str(ROOT))
    return IMAGE


def test_the_image_says_how_it_is_run(buildah: Buildah, image: str) -> None:
    """inspect: another user than root, the port, the volume, the health check, the command."""
    wanted = ["User", "ExposedPorts", "Volumes", "Healthcheck.Test", "Entrypoint"]
    form = " ".join(f"{{{{.Docker.Config.{name}}}}}" for name in wanted)
    assert buildah("inspect", "--type", "image", "--format", form, image).strip() == (
        "65532:65532 map[3260/tcp:{}] map[/data:{}] [CMD pyvtl library status] [pyvtl]"
    )


def test_the_container_serves(buildah: Buildah, image: str) -> None:
    """Run as its user: `serve` with CHAP on all addresses, discovery from outside, health."""
    port = free_port()
    container = buildah("from", image).strip()
    run = [*buildah.line("run"), "--isolation", "chroot", "--network", "host"]
    account = ["--env", "PYVTL_CHAP__USER=backup", "--env", f"PYVTL_CHAP__SECRET={SECRET}"]
    serve = [*run, *account, container, "--", "pyvtl", "serve", "--portal", f"0.0.0.0:{port}"]
    with subprocess.Popen(serve, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            status = printed(*run, container, "--", "pyvtl", "library", "status")
            who = printed(*run, container, "--", "id", "-u")
            names = discover("127.0.0.1", port, chap=Chap("backup", SECRET))
            with pytest.raises(LoginError):
                discover("127.0.0.1", port)
        finally:
            terminate_process_on(port)
    assert server.returncode == 0
    assert "serves on" in status
    assert who == "65532\n"
    assert len(names) == DEVICES


SECRET = "a-secret-of-16-b"
DEVICES = 11


def printed(*command: str) -> str:
    """What a program prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def terminate_process_on(port: int) -> None:
    """SIGTERM to the server in the container; chroot isolation leaves it among our processes."""
    for process in Path("/proc").glob("[0-9]*"):
        words = (process / "cmdline").read_bytes().split(b"\0")
        if f"0.0.0.0:{port}".encode() in words and b"python" in words[0]:
            os.kill(int(process.name), signal.SIGTERM)
