"""The commands' end of the control socket: one JSON request, one JSON answer."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from pyvtl.cli.failure import CommandError
from pyvtl.gateway.control_socket import SOCKET_NAME

DATA = b"data: "
TIMEOUT_SECONDS = 600
"""Creating thousands of tapes takes a while."""


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: Path, timeout: float | None = TIMEOUT_SECONDS) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def server_runs(data_dir: Path) -> bool:
    """Whether a server answers on a data folder; asking changes nothing there."""
    connection = _UnixConnection(data_dir / SOCKET_NAME)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


class Client:
    """Requests to the server that holds a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def get(self, path: str) -> Any:
        return self._request("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._request("POST", path, body)

    def put(self, path: str, body: Any = None) -> Any:
        return self._request("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", path)

    def stream(self, path: str) -> Iterator[Any]:
        """The data of server-sent events, as they come."""
        connection = _UnixConnection(self.data_dir / SOCKET_NAME, timeout=None)
        with self._telling_failures(), closing(connection):
            connection.request("GET", path)
            for line in connection.getresponse():
                if line.startswith(DATA):
                    yield json.loads(line.removeprefix(DATA))

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's data.  Raises CommandError if there is no server, or if it refuses."""
        connection = _UnixConnection(self.data_dir / SOCKET_NAME)
        with self._telling_failures(), closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read() or "null")
        if response.status >= 400:  # noqa: PLR2004 - HTTP: errors are 4xx and 5xx
            raise CommandError(answer["message"])
        return answer

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, ConnectionRefusedError):
            raise CommandError(
                f"no server runs on {self.data_dir}: start one with"
                f" `pyvtl serve --data-dir {self.data_dir}`, or name its folder with --data-dir"
            ) from None
        except PermissionError:
            raise CommandError(
                f"the server on {self.data_dir} belongs to another user: run this as that user"
            ) from None
        except (OSError, HTTPException, ValueError) as error:
            raise CommandError(f"the server on {self.data_dir} gave no answer: {error}") from None
