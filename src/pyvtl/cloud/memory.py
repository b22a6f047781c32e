"""A store in memory, for tests and for trying things out; nothing of it is durable."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import TypeVar

from pyvtl.cloud.errors import (
    CorruptDataError,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
)
from pyvtl.cloud.objects import (
    STANDARD,
    Absent,
    Condition,
    Content,
    Listed,
    ObjectInfo,
    Page,
    Part,
    Tier,
    Unchanged,
    Upload,
    check_key,
    check_parts,
    check_span,
    page_of,
)
from pyvtl.wire.checksum import crc32c as checksum
from pyvtl.wire.layout import Buffer

Held = TypeVar("Held")


@dataclass(slots=True)
class _Draft:
    """An upload under way."""

    key: str
    storage_class: str
    parts: dict[int, bytes]


def _etag(data: Buffer) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


class MemoryStore:
    """Keeps the promises of `ObjectStore` for as long as it lives."""

    def __init__(self) -> None:
        self._objects: dict[str, Content] = {}
        self._drafts: dict[str, _Draft] = {}

    async def check(self) -> None:
        """Memory is always there."""

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return self._write(check_key(key), bytes(data), when, storage_class or STANDARD)

    def _write(self, key: str, data: bytes, when: Condition, storage_class: str) -> ObjectInfo:
        self._demand(key, when)
        info = ObjectInfo(key, len(data), _etag(data), checksum(data), storage_class)
        self._objects[key] = Content(info, data)
        return info

    def _demand(self, key: str, when: Condition) -> None:
        held = self._objects.get(key)
        match when:
            case Absent() if held is not None:
                raise PreconditionFailedError(f"there is an object {key} already")
            case Unchanged(etag) if held is None or held.info.etag != etag:
                raise PreconditionFailedError(f"the object {key} is not the one with etag {etag}")

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        raise UnsupportedError(f"{path} cannot become {key}: memory takes no files")

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        check_span(start, length)
        held = self._held(key)
        stop = held.info.size if length is None else start + length
        return Content(held.info, held.data[start:stop])

    async def head(self, key: str) -> ObjectInfo:
        return self._held(key).info

    def _held(self, key: str) -> Content:
        return _find(self._objects, check_key(key), f"object {key}")

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Page:
        keys = sorted(key for key in self._objects if key.startswith(prefix))
        found = [Listed(key, self._objects[key].info.size) for key in keys if key > (cursor or "")]
        return page_of(found, limit)

    async def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._objects.pop(check_key(key), None)

    async def erase(self, prefix: str) -> None:
        for key in [key for key in self._objects if key.startswith(prefix)]:
            del self._objects[key]

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        held = self._held(source.key)
        self._demand(source.key, Unchanged(source.etag))
        return self._write(check_key(key), held.data, None, storage_class or STANDARD)

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        raise UnsupportedError(f"{self._held(key).info.key} needs no restoring: it is in memory")

    async def begin_upload(self, key: str, *, storage_class: str | None = None) -> Upload:
        upload = Upload(check_key(key), secrets.token_hex(16))
        self._drafts[upload.id] = _Draft(key, storage_class or STANDARD, {})
        return upload

    async def send_part(self, upload: Upload, number: int, data: Buffer) -> Part:
        self._draft(upload).parts[number] = bytes(data)
        return _part(number, data)

    async def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        parts = self._draft(upload).parts
        return tuple(_part(number, parts[number]) for number in sorted(parts))

    async def list_uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        drafts = self._drafts.items()
        return tuple(Upload(d.key, name) for name, d in drafts if d.key.startswith(prefix))

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        draft = self._draft(upload)
        check_parts(parts)
        if any(part.etag != _etag(draft.parts.get(part.number, b"")) for part in parts):
            raise CorruptDataError(f"a part of {upload.key} is not there as told")
        data = b"".join(draft.parts[part.number] for part in parts)
        if crc32c not in (None, checksum(data)):
            raise CorruptDataError(f"the whole of {upload.key} is not as told")
        info = self._write(upload.key, data, when, draft.storage_class)
        del self._drafts[upload.id]
        return info

    def _draft(self, upload: Upload) -> _Draft:
        return _find(self._drafts, upload.id, f"upload of {upload.key}")

    async def abort_upload(self, upload: Upload) -> None:
        self._drafts.pop(upload.id, None)

    async def close(self) -> None:
        """There is nothing to let go of."""


def _part(number: int, data: Buffer) -> Part:
    return Part(number, len(data), _etag(data), checksum(data))


def _find(known: Mapping[str, Held], name: str, what: str) -> Held:
    try:
        return known[name]
    except KeyError:
        raise NotFoundError(f"there is no {what}") from None
