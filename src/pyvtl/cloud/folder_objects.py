"""Objects as files of a folder; calls block."""

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from pyvtl.cloud.digest import Digest, digest_of, file_digest, keep_digest
from pyvtl.cloud.errors import NotFoundError, PreconditionFailedError, UnsupportedError
from pyvtl.cloud.folder import Draft, Folder, keys_below
from pyvtl.cloud.objects import (
    Absent,
    Condition,
    Content,
    Listed,
    ObjectInfo,
    Page,
    Unchanged,
    check_key,
    check_span,
    page_of,
)
from pyvtl.wire.layout import Buffer

COPY_BYTES = 1 << 20


class FolderObjects:
    """What `DirectoryStore` does with whole objects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder.root / check_key(key)

    def put(self, key: str, data: Buffer, when: Condition) -> ObjectInfo:
        self._path(key)
        with self._folder.draft() as draft:
            draft.write(data)
            return self.publish(draft, key, when, digest_of(data))

    def publish(self, draft: Draft, key: str, when: Condition, digest: Digest) -> ObjectInfo:
        """Sync a draft and make it an object if the condition holds."""
        keep_digest(draft.fd, digest)
        os.fsync(draft.fd)
        with self._folder.locked():
            self._demand(key, when)
            self._folder.move(draft.path, self._path(key))
        return _info(key, digest)

    def _demand(self, key: str, when: Condition) -> None:
        """Raise unless the condition holds.  Under the lock, so that it goes on holding."""
        match when:
            case Absent() if self._path(key).is_file():
                raise PreconditionFailedError(f"there is an object {key} already")
            case Unchanged(etag) if self._etag(key) != etag:
                raise PreconditionFailedError(f"the object {key} is not the one with etag {etag}")

    def _etag(self, key: str) -> str | None:
        try:
            return self.head(key).etag
        except NotFoundError:
            return None

    def adopt(self, key: str, path: Path, when: Condition) -> ObjectInfo:
        target = self._path(key)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_dev != self._folder.root.stat().st_dev:
                raise UnsupportedError(f"{path} cannot be linked to another file system")
            digest = file_digest(fd)
            keep_digest(fd, digest)
            os.fsync(fd)
        finally:
            os.close(fd)
        with self._folder.locked():
            self._demand(key, when)
            self._link(path, target)
        return _info(key, digest)

    def _link(self, path: Path, target: Path) -> None:
        """Give a file a second name.  Under the lock; what had that name is gone first."""
        spare = self._folder.spare_name()
        try:
            os.link(path, spare)
        except OSError as error:
            raise UnsupportedError(
                f"{path} cannot be linked to {target}: {error.strerror}"
            ) from None
        try:
            self._folder.move(spare, target)
        finally:
            spare.unlink(missing_ok=True)

    def _open(self, key: str) -> int:
        path = self._path(key)
        try:
            fd = -1 if path.is_dir() else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            fd = -1
        if fd < 0:
            self._folder.root.stat()
            raise NotFoundError(f"there is no object {key}")
        return fd

    def get(self, key: str, start: int, length: int | None) -> Content:
        check_span(start, length)
        fd = self._open(key)
        try:
            digest = file_digest(fd)
            wanted = max(0, digest.size - start)
            data = _read(fd, start, wanted if length is None else min(length, wanted))
        finally:
            os.close(fd)
        return Content(_info(key, digest), data)

    def head(self, key: str) -> ObjectInfo:
        fd = self._open(key)
        try:
            return _info(key, file_digest(fd))
        finally:
            os.close(fd)

    def list(self, prefix: str, after: str, limit: int) -> Page:
        self._folder.root.stat()
        found = islice(keys_below(self._folder.root, prefix, after), limit + 1)
        return page_of([Listed(key, size) for key, size in found], limit)

    def delete(self, keys: Sequence[str]) -> None:
        paths = [self._path(key) for key in keys]
        with self._folder.locked():
            for path in paths:
                self._folder.remove(path)

    def erase(self, prefix: str) -> None:
        self.delete([key for key, _ in keys_below(self._folder.root, prefix, "")])

    def copy(self, source: ObjectInfo, key: str) -> ObjectInfo:
        self._path(key)
        fd = self._open(source.key)
        try:
            digest = file_digest(fd)
            if digest.etag != source.etag:
                raise PreconditionFailedError(f"{source.key} is not the one with {source.etag}")
            with self._folder.draft() as draft:
                copy_file(fd, draft)
                return self.publish(draft, key, None, digest)
        finally:
            os.close(fd)


def copy_file(fd: int, draft: Draft, offset: int = 0) -> int:
    """Copy all of a file to an offset of a draft; gives the offset after it."""
    position = 0
    while data := os.pread(fd, COPY_BYTES, position):
        offset = draft.write(data, offset)
        position += len(data)
    return offset


def _read(fd: int, start: int, length: int) -> bytes:
    """All that there is of a span; the system gives at most 2 GiB at a time."""
    pieces = []
    while length and (data := os.pread(fd, length, start)):
        pieces.append(data)
        start, length = start + len(data), length - len(data)
    return b"".join(pieces) if len(pieces) != 1 else pieces[0]


def _info(key: str, digest: Digest) -> ObjectInfo:
    return ObjectInfo(key, digest.size, digest.etag, digest.crc32c)
