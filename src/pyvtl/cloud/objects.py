"""The object store: what every implementation promises, and the values that it speaks in."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import md5
from pathlib import Path
from typing import Protocol

from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Buffer

MIB = 1 << 20
MIN_PART_BYTES, MAX_PARTS = 5 * MIB, 10_000
"""Amazon S3 user guide, multipart upload limits; the last part may be shorter."""
MAX_KEY_BYTES, MAX_NAME_BYTES = 1024, 255
"""The longest key of S3, and the longest name in a folder."""
STANDARD = "STANDARD"


class Access(StrEnum):
    """Whether the bytes of an object can be read."""

    READABLE = "readable"
    ARCHIVED = "archived"
    RESTORING = "restoring"


class Tier(StrEnum):
    """How fast a restore is, and what it costs."""

    EXPEDITED = "Expedited"
    STANDARD = "Standard"
    BULK = "Bulk"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of one object.

    `etag` stands for its content: equal means unchanged, in whatever form the store has it.
    `crc32c` is that of the whole object, or None where the store did not keep or tell it.
    """

    key: str
    size: int
    etag: str
    crc32c: int | None = None
    storage_class: str = STANDARD
    access: Access = Access.READABLE
    restored_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of an object, and what they are from."""

    info: ObjectInfo
    data: bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing; its length in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects; `next` asks for those that follow, None where there are none."""

    entries: tuple[Listed, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Absent:
    """Write only where no object is."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Write only over the object that has this etag."""

    etag: str


Condition = Absent | Unchanged | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload under way: nothing is to be seen of it until it is complete."""

    key: str
    id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the store has.  `crc32c` is None where it does not tell."""

    number: int
    size: int
    etag: str
    crc32c: int | None = None

    def holds(self, data: Buffer) -> bool:
        """Whether the store is known to have these bytes as this part; False: send it again."""
        if self.size != len(data):
            return False
        if self.crc32c is not None:
            return self.crc32c == crc32c(data)
        return self.etag == md5(data, usedforsecurity=False).hexdigest()


class ObjectStore(Protocol):
    """Objects by key.  `tests/contract/test_object_store.py` holds every store to these promises.

    - A write that was answered is durable, and everybody reads and lists it from then on.
    - An object is there whole or not at all, and never a mixture of two writes.
    - Of several puts under one condition, exactly one succeeds, whoever makes them.  A condition of
      `complete_upload` is held against what was there before; SeaweedFS lets several that race win,
      so upload to names that nobody else writes.
    - What is read is what was written, or CorruptDataError; a part of an object carries no checksum
      in S3, so check it by your own.
    - Nothing is repeated in here; `Retrying` does that.  After UnavailableError, after
      PreconditionFailedError, and after NotFoundError from `complete_upload`, the write may have
      been a success whose answer was lost: re-read and compare before judging.

    Every call may raise UnavailableError, AccessDeniedError and MisconfiguredError.  Keys are as
    `check_key` wants them (else ValueError), and no key is the folder of another.  What is passed
    as data must not change until the call ends.
    """

    async def check(self) -> None:
        """Raise what would keep the store from being used at all, by name."""
        ...

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        """Write an object.  PreconditionFailedError unless it is as `when` wants it."""
        ...

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        """Make a finished local file an object without sending it.  The file must never change.

        UnsupportedError where that cannot be: send it by upload instead.
        """
        ...

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        """All of an object, or as much of a span as it has.  NotFoundError, ArchivedError."""
        ...

    async def head(self, key: str) -> ObjectInfo:
        """What there is under a key.  NotFoundError."""
        ...

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Page:
        """Objects whose key begins with `prefix`, from the beginning or from a page's `next` on.

        Each comes once, in an order that is the store's own.
        """
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove objects, as many as one likes.  Those that are not there are no error."""
        ...

    async def erase(self, prefix: str) -> None:
        """Remove every object whose key begins so, and every version of it that the store keeps.

        UnsupportedError where a version may be left.
        """
        ...

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        """Copy within the store, up to 5 GiB.  PreconditionFailedError if the source changed."""
        ...

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        """Have an archived object readable for so long.  Asking again is no error, but prolongs it.

        UnsupportedError where the object or the store needs no restoring.
        """
        ...

    async def begin_upload(self, key: str, *, storage_class: str | None = None) -> Upload:
        """Start a multipart upload."""
        ...

    async def send_part(self, upload: Upload, number: int, data: Buffer) -> Part:
        """Send one part, in any order, in place of an earlier one of its number.  NotFoundError."""
        ...

    async def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        """What the store has of an upload, by number.  NotFoundError."""
        ...

    async def list_uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        """All uploads under way to keys that begin so."""
        ...

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        """Make the parts one object; `crc32c` is of the whole, if the caller knows it.

        NotFoundError without the upload, PreconditionFailedError as `put`: the upload is left then.
        CorruptDataError if a part is not there as told, or the whole is not as told.
        """
        ...

    async def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts.  One that is not there is no error."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


async def listing(store: ObjectStore, prefix: str = "") -> AsyncIterator[Listed]:
    """Every object whose key begins with `prefix`, page by page."""
    page = await store.list(prefix)
    while page.next is not None:
        for entry in page.entries:
            yield entry
        page = await store.list(prefix, page.next)
    for entry in page.entries:
        yield entry


def page_of(found: Sequence[Listed], limit: int) -> Page:
    """A page of objects in the order of keys; more than `limit` found means that there are more."""
    entries = tuple(found[:limit])
    return Page(entries, entries[-1].key if len(found) > limit else None)


def check_key(key: str) -> str:
    """The key, if every store can hold it; ValueError if not.

    Names between slashes, none empty, none with a dot in front, none too long for a folder, and no
    control characters.
    """
    names = key.split("/")
    if not key.isprintable() or len(key.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"{key!r} is no key: too long, or with control characters")
    if any(not name or name[0] == "." or len(name.encode()) > MAX_NAME_BYTES for name in names):
        raise ValueError(
            f"{key!r} is no key: a name in it is empty, too long, or begins with a dot"
        )
    return key


def check_span(start: int, length: int | None) -> None:
    """ValueError unless at least one byte is asked for."""
    if start < 0 or (length is not None and length < 1):
        raise ValueError(f"{length} bytes from {start} on are no span")


def check_parts(parts: Sequence[Part]) -> None:
    """ValueError unless the parts may become an object."""
    numbers = [part.number for part in parts]
    if (
        not parts
        or numbers != sorted(set(numbers))
        or not 1 <= numbers[0] <= numbers[-1] <= MAX_PARTS
    ):
        raise ValueError(f"parts {numbers} are none, out of order, or beyond {MAX_PARTS}")
    if any(part.size < MIN_PART_BYTES for part in parts[:-1]):
        raise ValueError(f"a part other than the last has less than {MIN_PART_BYTES} bytes")
