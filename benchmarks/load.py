"""One run of a load against a server: what was measured."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.programs import Programs
from benchmarks.scenarios import DIGESTS, PLACEMENTS, SHAPES, Scenario
from benchmarks.servers import Peer, on_cpu
from tests.serving import anonymous_memory

READY_COUNT = 2000
"""TEST UNIT READY commands of a run with one drive."""
SAMPLE_SECONDS = 0.02


class LoadError(Exception):
    """The load could not be carried out, or what was read is not what was written."""


@dataclass(frozen=True, slots=True)
class Figures:
    """MB are 10^6 bytes and GB 10^9, latencies of a command are in microseconds.

    Writing includes a filemark without IMMED at its end.  `memory_bytes` is the greatest RssAnon
    of the server during the run.
    """

    write_mb_s: float
    read_mb_s: float
    write_cpu_s_per_gb: float
    read_cpu_s_per_gb: float
    write_p50_us: float
    write_p99_us: float
    read_p50_us: float
    read_p99_us: float
    memory_bytes: int
    ready_per_s: float | None = None
    ready_p50_us: float | None = None
    ready_p99_us: float | None = None


def run(
    programs: Programs, peer: Peer, urls: Sequence[str], scenario: Scenario, total: int, *more: str
) -> Figures:
    """Write `total` bytes over all drives, read them back, and compare every byte."""
    printed, memory = carry_out(programs, peer, urls, scenario, total, *more)
    write, read, ready = printed["write"], printed["read"], printed.get("tur")
    return Figures(
        write["MBps"],
        read["MBps"],
        write["server_cpu"]["s_per_GB"],
        read["server_cpu"]["s_per_GB"],
        write["lat_us"]["p50"],
        write["lat_us"]["p99"],
        read["lat_us"]["p50"],
        read["lat_us"]["p99"],
        memory,
        ready and ready["iops"],
        ready and ready["lat_us"]["p50"],
        ready and ready["lat_us"]["p99"],
    )


def carry_out(
    programs: Programs, peer: Peer, urls: Sequence[str], scenario: Scenario, total: int, *more: str
) -> tuple[dict[str, Any], int]:
    """What the load generator printed, and the greatest RssAnon of the server meanwhile."""
    program = programs.raw if scenario.digests == "both" else programs.tapebench
    command = [str(program), *_options(programs, peer, scenario, total), *more, *urls]
    with on_cpu(PLACEMENTS[scenario.placement]):
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    memory, output = 0, None
    while output is None:
        memory = max(memory, anonymous_memory(peer.pid))
        with suppress(subprocess.TimeoutExpired):
            output, complaint = load.communicate(timeout=SAMPLE_SECONDS)
    if load.returncode:
        raise LoadError(f"{peer.name}: {complaint or output}")
    printed: dict[str, Any] = json.loads(output)
    return printed, memory


def _options(programs: Programs, peer: Peer, scenario: Scenario, total: int) -> list[str]:
    pattern = "random" if scenario.data == "repeated" else scenario.data
    return [
        *SHAPES[scenario.shape],
        *DIGESTS[scenario.digests],
        *("--pattern", pattern if peer.keeps_data else "blank"),
        *("--text", str(programs.text)),
        *("--total", str(total // scenario.drives)),
        *("--qd", str(scenario.depth)),
        *("--tur", str(READY_COUNT if scenario.drives == 1 else 0)),
        *("--server-pid", str(peer.pid)),
    ]
