"""`pyvtl cache`, and a tape that a host reads when nothing of it is here any more."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyvtl.cli.client import Client
from tests.disks import allocated_by
from tests.initiator import Tape
from tests.pushing import noise
from tests.serving import ENVIRONMENT, PYVTL, Server, serving
from tests.waiting import until

MIB = 1 << 20
LIMIT = 32 * MIB
BLOCK = 1 << 20
BLOCKS = [noise(BLOCK, seed) for seed in range(96)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a folder as its store, and a cache a third as large as what is written."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "store").mkdir()
    options = ("--store", f"dir:{folder / 'store'}", "--cache-limit", "32MiB")
    quick = {"PYVTL_STORE__IDLE_SECONDS": "0.1", "PYVTL_STORE__SEGMENT_SIZE": "16MiB"}
    with serving(folder / "data", *options, environment=quick) as server:
        yield server


def status(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = Client(server.folder).get("/cache")
    return found


def uploaded(found: dict[str, Any]) -> bool:
    return any(tape["stored_bytes"] > len(BLOCKS) * BLOCK for tape in found["tapes"])


@pytest.fixture(scope="module")
def tape(server: Server) -> tuple[str, str]:
    """A tape that was written and uploaded: the target of its drive, its barcode."""
    (name,) = server.loaded(1, "1GiB")
    with Tape("127.0.0.1", server.port, name) as drive:
        drive.ready()
        for block in BLOCKS:
            assert drive.write(block).status == 0
        assert drive.write_filemarks().status == 0
    asyncio.run(until(lambda: uploaded(status(server))))
    (stored,) = status(server)["tapes"]
    return name, stored["barcode"]


def test_what_is_uploaded_stays_within_the_limit(server: Server, tape: tuple[str, str]) -> None:
    (found,) = json.loads(server.run("cache", "show", "--json"))
    (copies,) = found.pop("tapes")
    assert found["limit_bytes"] == LIMIT
    assert 0 < found["used_bytes"] <= LIMIT
    assert copies["local_bytes"] == found["used_bytes"]
    assert copies["stored_bytes"] > len(BLOCKS) * BLOCK
    assert (copies["barcode"], copies["pinned"]) == (tape[1], False)


def test_a_host_reads_what_is_no_longer_here(server: Server, tape: tuple[str, str]) -> None:
    server.run("cache", "evict")
    assert len(list(server.folder.glob("tapes/*/*.segment"))) <= 1  # The one to write on in.
    samples, cache = [], server.folder / "cache"
    with Tape("127.0.0.1", server.port, tape[0]) as drive:
        drive.ready()
        drive.rewind()
        for block in BLOCKS:
            assert drive.read(BLOCK // 65_536).data == block
            samples.append(allocated_by(cache.iterdir()))
    assert 0 < max(samples) <= LIMIT
    assert status(server)["hits"] > 0


def test_a_tape_is_warmed_as_far_as_there_is_room(server: Server, tape: tuple[str, str]) -> None:
    server.run("cache", "evict")
    done = subprocess.run(
        [*PYVTL, "cache", "warm", tape[1], "--data-dir", str(server.folder)],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    told = re.fullmatch(rf"tape {tape[1]}: (\d\d\.\d) MiB of it are here\n", done.stdout)
    assert told is not None
    assert 28 <= float(told[1]) <= 32
    assert "has no room for another" in done.stderr
    assert LIMIT - 4 * MIB <= status(server)["used_bytes"] <= LIMIT


def test_a_pinned_tape_is_not_evicted(server: Server, tape: tuple[str, str]) -> None:
    server.run("cache", "warm", tape[1])
    server.run("cache", "pin", tape[1])
    server.run("cache", "evict")
    found = status(server)
    assert found["used_bytes"] == found["pinned_bytes"] > 0
    assert found["tapes"][0]["pinned"] is True
    server.run("cache", "unpin", tape[1])
    server.run("cache", "evict")
    assert status(server)["used_bytes"] == 0


def test_the_table_is_for_people(server: Server, tape: tuple[str, str]) -> None:
    lines = server.run("cache", "show").splitlines()
    assert lines[0].endswith("of 32.0 MiB")
    assert lines[4].split() == ["BARCODE", "STORED", "HERE", "PINNED"]
    assert lines[5].split()[0] == tape[1]


@pytest.mark.parametrize("command", ["pin", "unpin", "warm"])
def test_a_tape_that_is_not_there_is_told(server: Server, command: str) -> None:
    done = subprocess.run(
        [*PYVTL, "cache", command, "NONE0001", "--data-dir", str(server.folder)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert (done.returncode, done.stderr) == (1, "pyvtl: there is no tape NONE0001\n")


def test_without_a_store_nothing_is_ever_evicted(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--cache-limit", "0") as server:
        found = status(server)
        assert (found["limit_bytes"], found["tapes"]) == (None, [])
