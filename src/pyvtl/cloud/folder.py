"""A folder that several processes change: drafts, publishing them, and the lock between."""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pyvtl.cloud.errors import (
    AccessDeniedError,
    MisconfiguredError,
    ObjectStoreError,
    UnavailableError,
)
from pyvtl.store.files import LocalFiles, write_all
from pyvtl.wire.layout import Buffer

PRIVATE = ".pyvtl"
"""Holds what is no object; no key begins with a dot."""
DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_SUCH_PLACE = {errno.ENOTDIR, errno.EISDIR}

_files = LocalFiles()
sync_folder = _files.sync_folder


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that is being written, and that nobody sees yet."""

    path: Path
    fd: int

    def write(self, data: Buffer, offset: int = 0) -> int:
        """Write at an offset; gives the one after it."""
        return write_all(_files, self.fd, [data], offset)


class Folder:
    """Changes are made under a lock that all processes share, which a crash lets go of."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private = root / PRIVATE
        self._drafts = self.private / "drafts"

    def check(self) -> None:
        """Raise unless the folder can be used; what crashes have left is removed."""
        if not self.root.is_dir():
            raise MisconfiguredError(
                f"there is no folder {self.root}: make it, or mount what belongs there"
            )
        with self.locked():
            for left in self._drafts.iterdir():
                _remove_unless_in_use(left)
            sync_folder(self.root)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else publishes or removes meanwhile.  The root itself is never made."""
        if not self._drafts.is_dir():
            self.root.stat()
            self._drafts.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.private / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A new file that is gone afterwards unless it was published."""
        path = self.spare_name()
        with ExitStack() as stack:
            with self.locked():
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
                stack.callback(os.close, fd)
                stack.callback(path.unlink, missing_ok=True)
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield Draft(path, fd)

    def spare_name(self) -> Path:
        """A name among the drafts that nobody has.  Under the lock."""
        return self._drafts / secrets.token_hex(16)

    def move(self, source: Path, target: Path) -> None:
        """Give a synced file its name, in place of what had it.  Under the lock."""
        self.make_way(target)
        source.replace(target)
        sync_folder(target.parent)

    def make_way(self, target: Path) -> None:
        """The folders above a name, durably.  Under the lock."""
        missing = [folder for folder in target.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            sync_folder(folder.parent)

    def remove(self, target: Path) -> None:
        """Remove a file, and the folders that it leaves empty.  Under the lock."""
        with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
            target.unlink()
            sync_folder(target.parent)
        with suppress(OSError):
            for folder in target.relative_to(self.root).parents[:-1]:
                (self.root / folder).rmdir()


def _remove_unless_in_use(left: Path) -> None:
    fd = os.open(left, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left.unlink()
    except BlockingIOError:
        pass  # its writer is alive
    finally:
        os.close(fd)


def keys_below(folder: Path, prefix: str, after: str, above: str = "") -> Iterator[tuple[str, int]]:
    """Keys and sizes of the files in a folder, in byte order; `above` is the key of the folder."""
    for entry, key in _sorted(folder, above):
        if entry.is_dir(follow_symlinks=False):
            touches = key.startswith(prefix) or prefix.startswith(key)
            if touches and (key.encode() > after.encode() or after.startswith(key)):
                yield from keys_below(Path(entry.path), prefix, after, key)
        elif key.startswith(prefix) and key.encode() > after.encode():
            with suppress(FileNotFoundError):
                yield key, entry.stat().st_size


def _sorted(folder: Path, above: str) -> list[tuple[os.DirEntry[str], str]]:
    """What is in a folder, by key; the key of a folder ends with a slash."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        seen = [entry for entry in entries if not entry.name.startswith(".")]
        keyed = [(e, above + e.name + "/" * e.is_dir(follow_symlinks=False)) for e in seen]
        return sorted(keyed, key=lambda pair: pair[1].encode())
    return []


@contextmanager
def told_as_store_errors(root: Path) -> Iterator[None]:
    """Turn what the operating system says into what a store says."""
    try:
        yield
    except OSError as error:
        raise _explain(root, error) from error


def _explain(root: Path, error: OSError) -> ObjectStoreError | ValueError:
    if not root.is_dir():
        return MisconfiguredError(
            f"the folder {root} is gone: make it, or mount what belongs there"
        )
    if error.errno in DENIED:
        return AccessDeniedError(f"{error.filename or root}: {error.strerror}")
    if error.errno in NO_SUCH_PLACE:
        return ValueError(f"{error.filename}: one key is the folder of another")
    return UnavailableError(f"{error.filename or root}: {error.strerror}")
