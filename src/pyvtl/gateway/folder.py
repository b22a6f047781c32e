"""The data folder: whose it is, which format it has, and that only one process uses it."""

import fcntl
import json
import os
import re
import secrets
from pathlib import Path
from typing import Final, Self

from pyvtl.gateway.errors import GatewayError

FORMAT_VERSION: Final = 1
"""Version of the folder's layout; docs/format.md describes it."""
LONGEST_VERSION: Final = 20
GATEWAY_ID: Final = re.compile("[0-9a-f]{8}")
NEW_ID: Final = (
    "put it back from a copy of the data folder; or remove it and set gateway.id to the 8 hex"
    " digits that stand in the target names your hosts use (iqn.1997-05.com.amazon:sgw-ID-...)"
)


class DataFolderError(GatewayError):
    """The data folder cannot be used; the message says why and what to do."""


class DataFolder:
    """A data folder, locked for as long as this object is open.

    `lock` is held with flock(2), so that it ends with the process however that ends; `format`
    holds the version; `gateway.json` the id that all target names are made of.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        """Lock the folder, which is made if need be and allowed.  Raises DataFolderError."""
        self.path = path
        try:
            if make:
                make_durably(path.absolute())
            elif not (path / "format").exists():
                raise DataFolderError(f"{path} is no data folder: name one with --data-dir")
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(f"the data folder {path} cannot be used: {error}") from None
        try:
            self._take_lock()
            self._check_format()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._lock)

    def gateway_id(self, wanted: str | None = None) -> str:
        """The id kept here; at the first start it is `wanted`, or made up.

        Raises DataFolderError when another id than the one kept here is wanted.
        """
        file = self.path / "gateway.json"
        if not file.exists():
            write_durably(file, json.dumps({"id": wanted or secrets.token_hex(4)}) + "\n")
        kept = _kept_id(file)
        if wanted not in (None, kept):
            raise DataFolderError(
                f"{self.path} belongs to gateway {kept}, but gateway.id is {wanted}:"
                " remove the setting, or name another data folder"
            )
        return kept

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode().strip()
            raise DataFolderError(
                f"the data folder {self.path} is used by process {holder or 'unknown'}:"
                " stop that server first, or name another folder"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _check_format(self) -> None:
        file = self.path / "format"
        if not file.exists():
            write_durably(file, f"{FORMAT_VERSION}\n")
        version = file.read_text(errors="replace").strip()[:LONGEST_VERSION]
        if version != str(FORMAT_VERSION):
            raise DataFolderError(
                f"the data folder {self.path} has format version {version}, and this version of"
                f" pyvtl knows {FORMAT_VERSION}: run the version of pyvtl that wrote it"
            )


def kept_id(folder: Path) -> str:
    """The id of the gateway of a data folder.  Raises DataFolderError where it has none."""
    return _kept_id(folder / "gateway.json")


def _kept_id(file: Path) -> str:
    """The id in `gateway.json`."""
    try:
        kept = json.loads(file.read_text())["id"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataFolderError(f"{file} cannot be read ({error}): {NEW_ID}") from None
    if not isinstance(kept, str) or not GATEWAY_ID.fullmatch(kept):
        raise DataFolderError(f"{file} holds the id {kept!r}, which is none: {NEW_ID}")
    return kept


def write_durably(file: Path, text: str, mode: int = 0o666) -> None:
    """Write a small file whole, so that after a crash it is there as it was or as it is now.

    `mode` is what others than its owner may do with it, less what the umask takes away.
    """
    draft = file.with_name(f".{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    _sync_folder(file.parent)


def make_durably(path: Path) -> None:
    """Make a folder and those it lies in, so that a power loss takes none of them."""
    if path.exists():
        return
    make_durably(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
