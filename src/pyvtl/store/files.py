"""The few calls that touch a disk, behind one interface: tests record, stall and fail them."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, Protocol

from pyvtl.wire.layout import Buffer

IOV_MAX = 1024
SECTOR_SIZE = 512
"""What stat(2) counts the blocks of a file in."""


class Usage(NamedTuple):
    """What a file takes of the disk, and when it was last written (seconds since 1970)."""

    allocated_bytes: int
    modified_at: float


class FileLayer(Protocol):
    """What the store asks of a file system.  Errors are OSError, as `os` raises them.

    - What was written before `fdatasync` returned is there after a power loss.
    - A name made, changed or removed is so for good once `sync_folder` returned.
    """

    def open(self, path: Path, *, create: bool = False) -> int:
        """A descriptor to read and write; `create` refuses a file that exists."""
        ...

    def close(self, fd: int) -> None: ...

    def size(self, fd: int) -> int: ...

    def pread(self, fd: int, length: int, offset: int) -> bytes: ...

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
        """May write less than all, as the system call; at most IOV_MAX buffers."""
        ...

    def fallocate(self, fd: int, offset: int, length: int) -> None: ...

    def ftruncate(self, fd: int, length: int) -> None: ...

    def fdatasync(self, fd: int) -> None: ...

    def sync_folder(self, path: Path) -> None: ...

    def rename(self, source: Path, destination: Path) -> None: ...

    def unlink(self, path: Path) -> None: ...

    def mkdir(self, path: Path) -> None:
        """Make a folder; one that exists is left alone."""
        ...

    def rmdir(self, path: Path) -> None: ...

    def listdir(self, path: Path) -> list[str]: ...

    def usage(self, path: Path) -> Usage:
        """How much of the disk a file takes."""
        ...


class LocalFiles:
    """The real file system."""

    close = staticmethod(os.close)
    pread = staticmethod(os.pread)
    pwritev = staticmethod(os.pwritev)
    ftruncate = staticmethod(os.ftruncate)
    fdatasync = staticmethod(os.fdatasync)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)

    def open(self, path: Path, *, create: bool = False) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return os.open(path, flags, 0o640)

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        os.posix_fallocate(fd, offset, length)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def sync_folder(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, source: Path, destination: Path) -> None:
        source.replace(destination)

    def mkdir(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def listdir(self, path: Path) -> list[str]:
        return [entry.name for entry in path.iterdir()]

    def usage(self, path: Path) -> Usage:
        status = path.stat()
        return Usage(status.st_blocks * SECTOR_SIZE, status.st_mtime)


class KeepsRoom(LocalFiles):
    """The real file system, of which tapes do not take the last bytes: the catalog needs some."""

    def __init__(self, kept_bytes: int) -> None:
        self._kept_bytes = kept_bytes

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        usage = os.fstatvfs(fd)
        if usage.f_bavail * usage.f_frsize - length < self._kept_bytes:
            raise OSError(errno.ENOSPC, "what is left of the disk is kept for the catalog")
        super().fallocate(fd, offset, length)


def _refuse(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


class ReadOnlyFiles(LocalFiles):
    """The real file system, only to read: all that would change it is refused with EROFS."""

    pwritev = ftruncate = fdatasync = staticmethod(_refuse)
    sync_folder = rename = unlink = mkdir = rmdir = staticmethod(_refuse)

    def open(self, path: Path, *, create: bool = False) -> int:
        if create:
            _refuse()
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        _refuse()


def write_all(files: FileLayer, fd: int, buffers: list[Buffer], offset: int) -> int:
    """Write all of `buffers` at `offset`; gives the offset after them."""
    for start in range(0, len(buffers), IOV_MAX):
        batch = buffers[start : start + IOV_MAX]
        wanted = sum(map(len, batch))
        written = files.pwritev(fd, batch, offset)
        while written < wanted:
            written += files.pwritev(fd, [b"".join(batch)[written:]], offset + written)
        offset += wanted
    return offset


def write_file(files: FileLayer, path: Path, data: bytes) -> None:
    """Put `data` in the place of what `path` held, whole or not at all, durably."""
    draft = path.with_name(path.name + ".new")
    if draft.name in files.listdir(path.parent):
        files.unlink(draft)
    fd = files.open(draft, create=True)
    try:
        write_all(files, fd, [data], 0)
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.rename(draft, path)
    files.sync_folder(path.parent)


def read_file(files: FileLayer, path: Path, start: int = 0, length: int | None = None) -> bytes:
    """Bytes of a file, from `start` to its end when no `length` says otherwise."""
    fd = files.open(path)
    try:
        return files.pread(fd, files.size(fd) if length is None else length, start)
    finally:
        files.close(fd)
