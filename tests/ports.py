"""Ports of servers under test: free, nobody else's, and waited for."""

import atexit
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle

FIRST, BLOCK, BLOCKS = 10_000, 200, 110
"""Below those that the kernel gives to connections, and to who asks for any port (ip(7))."""


def free_port() -> int:
    """A TCP port that nobody listens on, and that stays free until its server has it.

    Nor is it taken while that server is down: neither the kernel nor another run of tests gives it
    to anybody.
    """
    _, ports = _block()
    for port in ports:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("a cycle has no end")


@cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """Ports that this process alone gives away, as long as it has the socket with their name."""
    mark = socket.socket(socket.AF_UNIX)
    atexit.register(mark.close)
    for number in range(BLOCKS):
        with suppress(OSError):
            mark.bind(f"\0pyvtl-tests-ports-{number}")
            first = FIRST + number * BLOCK
            return mark, cycle(range(first, first + BLOCK))
    raise RuntimeError("other tests on this machine have all ports")


def wait_for_port(port: int, seconds: float = 60) -> None:
    """Return once something accepts connections there; TimeoutError when nothing does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} s")
