"""What identifies the bytes of a local file: computed once, then kept with the file."""

import contextlib
import os
from dataclasses import dataclass

from blake3 import blake3

from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Buffer

CHUNK = 1 << 20
ATTRIBUTE = "user.pyvtl.digest"


@dataclass(frozen=True, slots=True)
class Digest:
    """Length, BLAKE3 in hex, CRC32C."""

    size: int
    etag: str
    crc32c: int


class Digester:
    """Computes a digest piece by piece."""

    def __init__(self) -> None:
        self._size, self._hash, self._crc = 0, blake3(), 0

    def update(self, data: Buffer) -> None:
        self._size += len(data)
        self._hash.update(data)
        self._crc = crc32c(data, self._crc)

    def result(self) -> Digest:
        return Digest(self._size, self._hash.hexdigest(), self._crc)


def digest_of(data: Buffer) -> Digest:
    """The digest of bytes at hand."""
    digester = Digester()
    digester.update(data)
    return digester.result()


def keep_digest(fd: int, digest: Digest) -> None:
    """Keep a digest with its file.  Without extended attributes it is computed at each look."""
    state = f"{digest.size} {os.fstat(fd).st_mtime_ns} {digest.etag} {digest.crc32c}"
    with contextlib.suppress(OSError):
        os.setxattr(fd, ATTRIBUTE, state.encode())


def file_digest(fd: int) -> Digest:
    """The digest kept with the file if the file has not changed since, else a new one."""
    stat = os.fstat(fd)
    with contextlib.suppress(OSError, ValueError):
        size, changed, etag, crc = os.getxattr(fd, ATTRIBUTE).decode().split()
        if (int(size), int(changed)) == (stat.st_size, stat.st_mtime_ns):
            return Digest(stat.st_size, etag, int(crc))
    return _read_digest(fd)


def _read_digest(fd: int) -> Digest:
    digester, offset = Digester(), 0
    while data := os.pread(fd, CHUNK, offset):
        digester.update(data)
        offset += len(data)
    return digester.result()
