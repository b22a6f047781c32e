"""A full library and ten busy drives: memory, time to start, and a large inventory."""

import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.initiator import Changer, Tape
from tests.initiator.devices import discover
from tests.serving import Server, anonymous_memory, serving

pytestmark = pytest.mark.slow

MIB = 1 << 20
TAPES = 1500
DRIVES = 10
POOL = memoryview(random.Random(3).randbytes(8 * MIB))


@pytest.fixture(scope="module")
def full_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with 1,500 tapes, started anew on them."""
    folder = tmp_path_factory.mktemp("full") / "data"
    with serving(folder) as server:
        server.run("tape", "create", "--prefix", "FULL", "--count", str(TAPES), "--size", "100GiB")
        server.stop()
        server.start()
        yield server


def test_ready_within_two_seconds_with_1500_tapes(full_library: Server) -> None:
    full_library.stop()
    began = time.monotonic()
    full_library.start()
    seconds = time.monotonic() - began
    print(f"ready after {seconds:.2f} s")
    assert seconds <= 2


def test_idle_with_1500_tapes_takes_100_mib(full_library: Server) -> None:
    discover("127.0.0.1", full_library.port)
    taken = anonymous_memory(full_library.pid)
    print(f"idle: {taken / MIB:.0f} MiB")
    assert taken <= 100 * MIB


def test_element_status_of_the_whole_library_takes_50_ms(full_library: Server) -> None:
    """READ ELEMENT STATUS with VOLTAG and DVCID of all 3,211 elements; CPU time of the server."""
    (name,) = (n for n in discover("127.0.0.1", full_library.port) if "changer" in n)
    cdb = struct.pack(">BBHHB3sxx", 0xB8, 0x10, 0, 0xFFFF, 1, b"\x10\0\0")
    with Changer("127.0.0.1", full_library.port, name) as changer:
        changer.good(cdb, read_length=MIB)  # takes the unit attention
        before = cpu_seconds(full_library.pid)
        for _ in range(5):
            data = changer.good(cdb, read_length=MIB)
        spent = (cpu_seconds(full_library.pid) - before) / 5
    print(f"server time: {spent * 1000:.1f} ms")
    assert int.from_bytes(data[2:4], "big") == 3211
    assert spent <= 0.05


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, from the scheduler's own count."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def write_until(tape: Tape, ended: threading.Event, limit: int) -> None:
    """Write 1 MiB commands until told to end, or `limit` of them are done."""
    with tape, suppress(ConnectionError):
        for number in range(limit):
            start = number % 7 * MIB
            assert tape.write(POOL[start : start + MIB]).status == 0
            if ended.is_set():
                return


def writers(server: Server, ended: threading.Event, limit: int) -> list[threading.Thread]:
    """One writing thread for each drive, started."""
    drives = server.loaded(DRIVES, "100GiB")
    threads = []
    for drive in drives:
        tape = Tape("127.0.0.1", server.port, drive)
        tape.ready()
        threads.append(threading.Thread(target=write_until, args=(tape, ended, limit)))
        threads[-1].start()
    return threads


def test_ten_drives_writing_take_512_mib(tmp_path: Path) -> None:
    ended = threading.Event()
    with serving(tmp_path / "data") as server:
        threads = writers(server, ended, 100)
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, anonymous_memory(server.pid))
            threads[0].join(0.02)
        print(f"peak: {peak / MIB:.0f} MiB")
        assert peak <= 512 * MIB


def test_ready_within_ten_seconds_after_kill_9_with_ten_tapes_in_mid_write(tmp_path: Path) -> None:
    ended = threading.Event()
    with serving(tmp_path / "data") as server:
        threads = writers(server, ended, 10_000)
        threads[0].join(2)
        server.kill()
        ended.set()
        for thread in threads:
            thread.join()
        began = time.monotonic()
        server.start()
        for drive in (n for n in discover("127.0.0.1", server.port) if "tapedrive" in n):
            with Tape("127.0.0.1", server.port, drive) as tape:
                tape.ready()
        seconds = time.monotonic() - began
        print(f"all ten drives ready after {seconds:.2f} s")
        assert seconds <= 10
