"""File layers for tests: disks that lose their power, stall, and fail."""

import errno
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event

from pyvtl.store.files import LocalFiles, Usage
from pyvtl.wire.layout import Buffer

SECTOR = 4096
"""What a disk writes whole or not at all."""


def allocated_by(files: Iterable[Path]) -> int:
    """Bytes that files, some of which go meanwhile, take of the disk."""
    total = 0
    for file in files:
        with suppress(FileNotFoundError):
            total += file.stat().st_blocks * 512
    return total


class PowerLostError(BaseException):
    """The power went away in the middle of a call; nobody is there to handle it."""


@dataclass(slots=True)
class Inode:
    """A file's bytes: as the page cache has them, as the disk has, and what lies between."""

    cached: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Callable[[bytearray], None]] = field(default_factory=list)

    def change(self, change: Callable[[bytearray], None]) -> None:
        change(self.cached)
        self.pending.append(change)

    def write(self, data: bytes, offset: int) -> None:
        """In sectors, each of which may reach the disk or not."""
        while data:
            size = SECTOR - offset % SECTOR
            self.change(_writing(data[:size], offset))
            data, offset = data[size:], offset + size


def _writing(piece: bytes, offset: int) -> Callable[[bytearray], None]:
    def write(content: bytearray) -> None:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(piece)] = piece

    return write


def _resizing(length: int) -> Callable[[bytearray], None]:
    def resize(content: bytearray) -> None:
        del content[length:]
        content.extend(bytes(length - len(content)))

    return resize


def _growing(length: int) -> Callable[[bytearray], None]:
    def grow(content: bytearray) -> None:
        content.extend(bytes(max(0, length - len(content))))

    return grow


Names = dict[Path, Inode]


class RamDisk:
    """A file system in memory that knows what a power loss may leave of it.

    `power_after` is the number of changes after which the power goes away.  `after_power_loss`
    gives the disk that is found then: of the changes since the last sync of each file and each
    folder, any subset.
    """

    def __init__(self, names: Names | None = None) -> None:
        self.names: Names = dict(names or {})
        self.durable_names: Names = dict(self.names)
        self.pending_names: list[tuple[Path, Callable[[Names], None]]] = []
        self.power_after: int | None = None
        self.calls: list[str] = []
        self._files: dict[int, Inode] = {}
        self._next = 3

    @property
    def open_files(self) -> int:
        return len(self._files)

    def after_power_loss(self, random: Random) -> "RamDisk":
        names = dict(self.durable_names)
        for _, change in self.pending_names:
            if random.random() < 0.5:
                change(names)
        left: Names = {}
        for path, inode in names.items():
            content = bytearray(inode.durable)
            share = random.choice([0.0, 0.5, 0.9, 1.0])
            for write in inode.pending:
                if random.random() < share:
                    write(content)
            left[path] = Inode(bytearray(content), content)
        return RamDisk(left)

    def kill(self) -> None:
        """The process ends in the middle of a call; the page cache lives on."""
        self.power_after = None
        self._files.clear()

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.power_after is not None:
            self.power_after -= 1
            if self.power_after < 0:
                raise PowerLostError

    def _rename_in(self, folder: Path, change: Callable[[Names], None]) -> None:
        change(self.names)
        self.pending_names.append((folder, change))

    def open(self, path: Path, *, create: bool = False) -> int:
        if create:
            self._call("create")
            if path in self.names:
                raise FileExistsError(errno.EEXIST, "exists", str(path))
            inode = Inode()
            self._rename_in(path.parent, lambda names: names.update({path: inode}))
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        self._next += 1
        self._files[self._next] = self.names[path]
        return self._next

    def close(self, fd: int) -> None:
        del self._files[fd]

    def size(self, fd: int) -> int:
        return len(self._files[fd].cached)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        return bytes(memoryview(self._files[fd].cached)[offset : offset + length])

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
        self._call("pwritev")
        data = b"".join(buffers)
        self._files[fd].write(data, offset)
        return len(data)

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        self._call("fallocate")
        self._files[fd].change(_growing(offset + length))

    def ftruncate(self, fd: int, length: int) -> None:
        self._call("ftruncate")
        self._files[fd].change(_resizing(length))

    def fdatasync(self, fd: int) -> None:
        self._call("fdatasync")
        inode = self._files[fd]
        inode.durable, inode.pending = bytearray(inode.cached), []

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder")
        for folder, change in self.pending_names:
            if folder == path:
                change(self.durable_names)
        self.pending_names = [entry for entry in self.pending_names if entry[0] != path]

    def rename(self, source: Path, destination: Path) -> None:
        self._call("rename")
        inode = self.names[source]

        def move(names: Names) -> None:
            names.pop(source, None)
            names[destination] = inode

        self._rename_in(source.parent, move)

    def unlink(self, path: Path) -> None:
        self._call("unlink")
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))

        def remove(names: Names) -> None:
            names.pop(path, None)

        self._rename_in(path.parent, remove)

    def mkdir(self, path: Path) -> None:
        """Folders are where files are."""

    def rmdir(self, path: Path) -> None:
        """As mkdir."""

    def listdir(self, path: Path) -> list[str]:
        return [name.name for name in self.names if name.parent == path]

    def usage(self, path: Path) -> Usage:
        if path not in self.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return Usage(len(self.names[path].cached), 0.0)


class DiskInHand(LocalFiles):
    """The real file system, which a test may stall, and in which it makes calls fail.

    Calls that change something wait while `running` is cleared, and then fail with the error
    number that `failing` has for their name.
    """

    def __init__(self) -> None:
        self.running, self.stalled = Event(), Event()
        self.running.set()
        self.failing: dict[str, int] = {}

    def _call(self, name: str) -> None:
        if not self.running.is_set():
            self.stalled.set()
            self.running.wait()
        if name in self.failing:
            raise OSError(self.failing[name], name)

    def open(self, path: Path, *, create: bool = False) -> int:
        self._call("open")
        return super().open(path, create=create)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        self._call("pread")
        return LocalFiles.pread(fd, length, offset)

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:  # type: ignore[override] # a static method there
        self._call("pwritev")
        return LocalFiles.pwritev(fd, buffers, offset)

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        self._call("fallocate")
        super().fallocate(fd, offset, length)

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # a static method there
        self._call("fdatasync")
        LocalFiles.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        self._call("sync_folder")
        super().sync_folder(path)

    def unlink(self, path: Path) -> None:  # type: ignore[override] # a static method there
        self._call("unlink")
        LocalFiles.unlink(path)


class Meanwhile(LocalFiles):
    """The real file system, in which something else happens in the middle of somebody's work.

    What `missing` says happens, once, when a file was not found, before anybody is told.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[str, Callable[[], object]]] = {}
        self.missing: Callable[[], object] | None = None

    def before(self, call: str, happens: Callable[[], object], name: str = "") -> None:
        """Let it happen, once, before the next such call; of a path that ends in `name`."""
        self._before[call] = name, happens

    def _call(self, call: str, path: Path | None = None) -> None:
        name, happens = self._before.get(call, ("", None))
        if happens is not None and (path is None or path.name.endswith(name)):
            del self._before[call]
            happens()

    def open(self, path: Path, *, create: bool = False) -> int:
        self._call("open", path)
        try:
            return super().open(path, create=create)
        except FileNotFoundError:
            happens, self.missing = self.missing, None
            if happens is not None:
                happens()
            raise

    def size(self, fd: int) -> int:
        size = super().size(fd)
        self._call("size")  # What was asked is known by then.
        return size

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # a static method there
        self._call("fdatasync")
        LocalFiles.fdatasync(fd)

    def unlink(self, path: Path) -> None:  # type: ignore[override] # a static method there
        self._call("unlink", path)
        LocalFiles.unlink(path)


class FailingDisk(RamDisk):
    """A disk on which the calls named in `failing` fail with an error number."""

    def __init__(self, names: Names | None = None) -> None:
        super().__init__(names)
        self.failing: dict[str, int] = {}

    def _call(self, name: str) -> None:
        super()._call(name)
        if name in self.failing:
            raise OSError(self.failing[name], name)


class SmallDisk(RamDisk):
    """A disk with room for `room` bytes; files take room as far as they reach."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def _grow(self, fd: int, end: int) -> None:
        more = max(0, end - self.size(fd))
        if more and more > self.room - sum(len(inode.cached) for inode in self.names.values()):
            raise OSError(errno.ENOSPC, "no space left")

    def fallocate(self, fd: int, offset: int, length: int) -> None:
        self._grow(fd, offset + length)
        super().fallocate(fd, offset, length)

    def pwritev(self, fd: int, buffers: Sequence[Buffer], offset: int) -> int:
        self._grow(fd, offset + sum(map(len, buffers)))
        return super().pwritev(fd, buffers, offset)
