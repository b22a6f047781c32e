"""A store around another one: what every wrapper shares."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyvtl.cloud.objects import (
    Condition,
    Content,
    ObjectInfo,
    ObjectStore,
    Page,
    Part,
    Tier,
    Upload,
)
from pyvtl.wire.layout import Buffer

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a store: its name, what it is about, and how many bytes it sends."""

    operation: str
    subject: str = ""
    sent: int = 0


class Wrapper:
    """Passes every call on through `_run`, which is all that a wrapper has to write."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        raise NotImplementedError

    async def check(self) -> None:
        await self._run(Call("check"), self._inner.check)

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return await self._run(
            Call("put", key, len(data)),
            lambda: self._inner.put(key, data, when, storage_class=storage_class),
        )

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        return await self._run(Call("adopt", key), lambda: self._inner.adopt(key, path, when))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        return await self._run(Call("get", key), lambda: self._inner.get(key, start, length))

    async def head(self, key: str) -> ObjectInfo:
        return await self._run(Call("head", key), lambda: self._inner.head(key))

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Page:
        return await self._run(
            Call("list", prefix), lambda: self._inner.list(prefix, cursor, limit)
        )

    async def delete(self, keys: Sequence[str]) -> None:
        await self._run(Call("delete", ", ".join(keys[:1])), lambda: self._inner.delete(keys))

    async def erase(self, prefix: str) -> None:
        await self._run(Call("erase", prefix), lambda: self._inner.erase(prefix))

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return await self._run(
            Call("copy", key), lambda: self._inner.copy(source, key, storage_class=storage_class)
        )

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        await self._run(Call("restore", key), lambda: self._inner.restore(key, days, tier))

    async def begin_upload(self, key: str, *, storage_class: str | None = None) -> Upload:
        return await self._run(
            Call("begin_upload", key),
            lambda: self._inner.begin_upload(key, storage_class=storage_class),
        )

    async def send_part(self, upload: Upload, number: int, data: Buffer) -> Part:
        return await self._run(
            Call("send_part", upload.key, len(data)),
            lambda: self._inner.send_part(upload, number, data),
        )

    async def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        return await self._run(
            Call("list_parts", upload.key), lambda: self._inner.list_parts(upload)
        )

    async def list_uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        return await self._run(
            Call("list_uploads", prefix), lambda: self._inner.list_uploads(prefix)
        )

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        return await self._run(
            Call("complete_upload", upload.key),
            lambda: self._inner.complete_upload(upload, parts, when, crc32c=crc32c),
        )

    async def abort_upload(self, upload: Upload) -> None:
        await self._run(Call("abort_upload", upload.key), lambda: self._inner.abort_upload(upload))

    async def close(self) -> None:
        await self._inner.close()
