"""Throughput beside tgt's: the same load on both, in turns, at the same placement.

    python -m benchmarks.throughput [--drives 1 4] [--runs 5] [--total 1g] [--placement one two]

Each run writes and reads back one tape in each drive, 64 KiB blocks, one block per command,
every byte compared, with the closing filemark inside the time.  Needs Debian's `tgt` and
`libiscsi-dev`, and a C compiler.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.peers import Peer, on_cpu, pyvtl, settle, tgt

PEERS = (pyvtl, tgt)
SERVER_CPU = 0
CLIENT_CPU = {"one": 0, "two": 1}
"""By placement: the client on the server's processor, or on one of its own."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of the load gave: MB/s are 10^6 bytes a second."""

    peer: str
    drives: int
    placement: str
    write_mb_s: float
    read_mb_s: float
    write_cpu_s_per_gb: float
    read_cpu_s_per_gb: float


def build_load(folder: Path) -> Path:
    """Compile the load generator."""
    program, source = folder / "tapebench", Path(__file__).with_name("tapebench.c")
    flags = ["-O2", "-o", str(program), str(source), "-liscsi", "-lpthread", "-lm"]
    subprocess.run(["cc", *flags], check=True)
    return program


def load(program: Path, peer: Peer, total: str, placement: str) -> dict[str, Any]:
    """Write and read back every drive of the peer at once; what the load generator printed."""
    pids = ",".join(map(str, peer.pids))
    options = ["--total", total, "--tur", "0", "--server-pid", pids]
    command = on_cpu(CLIENT_CPU[placement], str(program), *options, *peer.urls)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def measure(args: argparse.Namespace, program: Path) -> Iterator[Result]:
    """All runs, the peers in turns."""
    for drives, placement in product(args.drives, args.placement):
        for _, start in product(range(args.runs), PEERS):
            with start(args.folder, drives, 4 << 30, SERVER_CPU) as peer:
                settle()
                printed = load(program, peer, args.total, placement)
            write, read = printed["write"], printed["read"]
            yield Result(
                peer.name,
                drives,
                placement,
                write["MBps"],
                read["MBps"],
                write["server_cpu"]["s_per_GB"],
                read["server_cpu"]["s_per_GB"],
            )


def ratios(results: list[Result], figure: str) -> list[float]:
    """pyvtl over tgt, pair by pair."""
    by_peer = {
        p.__name__: [getattr(r, figure) for r in results if r.peer == p.__name__] for p in PEERS
    }
    return [ours / theirs for ours, theirs in zip(by_peer["pyvtl"], by_peer["tgt"], strict=True)]


def table(results: list[Result]) -> Iterator[str]:
    """Medians of both peers and of the paired ratios, a row for each case."""
    yield f"{'drives':>6} {'cpus':>4} {'':5} {'pyvtl':>7} {'tgt':>7} {'ratio':>6} {'s/GB':>6}"
    cases = dict.fromkeys((r.drives, r.placement) for r in results)
    for drives, placement in cases:
        rows = [r for r in results if (r.drives, r.placement) == (drives, placement)]
        for what in ("write", "read"):
            ours, theirs = (
                statistics.median(getattr(r, f"{what}_mb_s") for r in rows if r.peer == name)
                for name in ("pyvtl", "tgt")
            )
            ratio = statistics.median(ratios(rows, f"{what}_mb_s"))
            cpu = statistics.median(
                getattr(r, f"{what}_cpu_s_per_gb") for r in rows if r.peer == "pyvtl"
            )
            yield (
                f"{drives:>6} {placement:>4} {what:5} {ours:>7.0f} {theirs:>7.0f}"
                f" {ratio:>6.2f} {cpu:>6.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drives", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--total", default="1g", help="bytes per drive")
    parser.add_argument("--placement", nargs="+", choices=CLIENT_CPU, default=["one", "two"])
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where the tapes lie")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as built:
        results = list(measure(args, build_load(Path(built))))
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
