"""The commands' end of the control socket, or of an endpoint: one JSON request, one answer."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from pyvtl.cli import remote
from pyvtl.cli.failure import CommandError
from pyvtl.gateway.control_socket import SOCKET_NAME

DATA = b"data: "
TIMEOUT_SECONDS = 600
"""Creating thousands of tapes takes a while."""


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: Path, timeout_seconds: float | None = TIMEOUT_SECONDS) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
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
    """Requests to the server that holds a data folder, or to the one at the endpoint."""

    def __init__(self, data_dir: Path, timeout_seconds: float | None = TIMEOUT_SECONDS) -> None:
        """Without a time an answer is waited for as long as the server lives."""
        self.data_dir, self._timeout_seconds = data_dir, timeout_seconds
        self._endpoint = remote.ENDPOINT.get()

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
        connection = self._connection(timeout_seconds=None)
        with self._telling_failures(), closing(connection):
            self._send(connection, "GET", path, None)
            for line in connection.getresponse():
                if line.startswith(DATA):
                    yield json.loads(line.removeprefix(DATA))

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's data.  Raises CommandError if there is no server, or if it refuses."""
        connection = self._connection(self._timeout_seconds)
        with self._telling_failures(), closing(connection):
            self._send(connection, method, path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read() or "null")
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise CommandError(answer["message"])
        return answer

    def _connection(self, timeout_seconds: float | None) -> HTTPConnection:
        if self._endpoint is not None:
            return remote.connect(self._endpoint, timeout_seconds)
        return _UnixConnection(self.data_dir / SOCKET_NAME, timeout_seconds)

    def _send(self, connection: HTTPConnection, method: str, path: str, body: str | None) -> None:
        if self._endpoint is None:
            connection.request(method, path, body)
            return
        path = remote.CONTROL + path
        headers = remote.signed_headers(self._endpoint, method, path, body)
        connection.request(method, path, body, headers)

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            if self._endpoint is not None:
                raise CommandError(f"no answer from {self._endpoint}: {error}") from None
            raise self._local_failure(error) from None

    def _local_failure(self, error: Exception) -> CommandError:
        folder = self.data_dir
        match error:
            case FileNotFoundError() | ConnectionRefusedError():
                reason = (
                    f"no server runs on {folder}: start one with `pyvtl serve --data-dir {folder}`,"
                    " or name its folder with --data-dir"
                )
            case PermissionError():
                reason = f"the server on {folder} belongs to another user: run this as that user"
            case _:
                reason = f"the server on {folder} gave no answer: {error}"
        return CommandError(reason)
