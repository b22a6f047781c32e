"""Where the control socket is, for both of its ends."""

import socket
from pathlib import Path
from typing import Final

from pyvtl.gateway.errors import GatewayError

SOCKET_NAME: Final = "control.sock"
BACKLOG: Final = 16


def listening_socket(folder: Path) -> socket.socket:
    """The server's end; nobody else may connect to it.  Who connects early waits to be served.

    The folder's lock has to be held: a socket that is there is one that a killed server left.
    Raises GatewayError.
    """
    path = folder / SOCKET_NAME
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise GatewayError(f"the control socket {path} cannot be made: {error}") from None
    return listener
