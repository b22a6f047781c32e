"""The two servers of a comparison, each with loaded drives: pyvtl, and tgt tuned for tape.

Each is a context manager that gives a `Peer`: iSCSI URLs of drives with a blank tape in them,
and the process ids whose CPU time counts.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port, wait_for_port

TGT_NAME = "iqn.2026-01.example:tape"
TGT_KEYS = {
    "HeaderDigest": "CRC32C,None",
    "DataDigest": "CRC32C,None",
    "MaxRecvDataSegmentLength": "262144",
    "MaxXmitDataSegmentLength": "262144",
    "FirstBurstLength": "262144",
    "MaxBurstLength": "1048576",
    "InitialR2T": "No",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: what to connect to, and whom to charge for CPU time."""

    name: str
    urls: tuple[str, ...]
    pids: tuple[int, ...]


def on_cpu(cpu: int, *command: str) -> list[str]:
    """The command, bound to one processor."""
    return ["taskset", "-c", str(cpu), *command]


@contextmanager
def server(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process whose output goes to a file in `folder`, ended at the end."""
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder on the file system that is to be measured, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def tgt(parent: Path, drives: int, tape_bytes: int, cpu: int) -> Iterator[Peer]:
    """tgtd with `drives` tape targets on files in `parent`, tuned as an administrator would."""
    port, control = free_port(), free_port()
    admin = ["tgtadm", "-C", str(control % 1000), "--lld", "iscsi"]
    portal = f"portal=127.0.0.1:{port}"
    command = on_cpu(cpu, "tgtd", "-f", "-C", str(control % 1000), "--iscsi", portal)
    with scratch(parent) as folder, server(command, folder) as process:
        wait_for_port(port)
        for number in range(1, drives + 1):
            _tgt_drive(admin, number, folder / f"tape{number}", tape_bytes)
        urls = tuple(f"iscsi://127.0.0.1:{port}/{TGT_NAME}{n}/1" for n in range(1, drives + 1))
        yield Peer("tgt", urls, (process.pid,))


def _tgt_drive(admin: list[str], number: int, file: Path, tape_bytes: int) -> None:
    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)

    size, target = str(tape_bytes >> 20), ["--mode", "target", "--tid", str(number)]
    image = ["tgtimg", "--op", "new", "--device-type", "tape", "--barcode", f"T{number:07}"]
    run(*image, "--size", size, "--type", "data", "--thin-provisioning", "--file", str(file))
    run(*admin, "--op", "new", *target, "-T", f"{TGT_NAME}{number}")
    unit = ["--mode", "logicalunit", "--tid", str(number), "--lun", "1"]
    run(*admin, "--op", "new", *unit, "--device-type", "tape", "-b", str(file))
    for key, value in TGT_KEYS.items():
        run(*admin, "--op", "update", *target, "-n", key, "-v", value)
    run(*admin, "--op", "bind", *target, "-I", "ALL")


@contextmanager
def pyvtl(parent: Path, drives: int, tape_bytes: int, cpu: int) -> Iterator[Peer]:
    """`pyvtl serve` with a blank tape in each of `drives` drives."""
    from tests.initiator import load_tapes  # noqa: PLC0415 - only this peer needs it

    port, python = free_port(), [sys.executable, "-m", "pyvtl"]
    with scratch(parent) as folder:
        place = ["--data-dir", str(folder)]
        command = on_cpu(cpu, *python, "serve", *place, "--portal", f"127.0.0.1:{port}")
        with server(command, folder) as process:
            wait_for_port(port)
            size = ["--size", str(tape_bytes), "--count", str(drives)]
            create = [*python, "tape", "create", *place, "--prefix", "BENCH", *size]
            subprocess.run(create, check=True, capture_output=True)
            names = load_tapes("127.0.0.1", port, drives)
            urls = tuple(f"iscsi://127.0.0.1:{port}/{name}/0" for name in names)
            yield Peer("pyvtl", urls, (process.pid,))


def settle(seconds: float = 0.5) -> None:
    """Flush what earlier runs left to be written, so that no run pays for another."""
    os.sync()
    time.sleep(seconds)
