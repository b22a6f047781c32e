"""A command that runs its argument in a guest that a test has booted, as `ssh root@guest` would.

python guest_shell.py SOCKET 'mtx -f /dev/sg0 status'
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Client, Listener
from pathlib import Path

from tests.e2e.machine import Guest

SECONDS = 120


def serve(listener: Listener, guest: Guest) -> None:
    """Answer one command after another, until it is told to stop."""
    while True:
        with listener.accept() as caller:
            command = caller.recv()
            if command is None:
                return
            outcome = guest.run(command, SECONDS)
            caller.send((outcome.status, outcome.output))


@contextmanager
def shell_of(guest: Guest, socket: Path) -> Iterator[str]:
    """The command that runs others in the guest, for the time of a block."""
    with Listener(str(socket), "AF_UNIX") as listener:
        thread = threading.Thread(target=serve, args=(listener, guest))
        thread.start()
        try:
            yield f"{sys.executable} -m tests.e2e.guest_shell {socket}"
        finally:
            with Client(str(socket), "AF_UNIX") as caller:
                caller.send(None)
            thread.join()


def main() -> None:
    socket, command = sys.argv[1:]
    with Client(socket, "AF_UNIX") as server:
        server.send(command)
        status, output = server.recv()
    print(output, end="", file=sys.stderr if status else sys.stdout)
    sys.exit(status)


if __name__ == "__main__":
    main()
