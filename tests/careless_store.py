"""Stores that break a promise, as some S3 services do."""

from collections.abc import Sequence
from dataclasses import replace

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import Condition, ObjectInfo, Part, Upload
from pyvtl.wire.layout import Buffer


class IgnoresConditions(MemoryStore):
    """Takes conditional headers and does as if they were not there, like some gateways."""

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return await super().put(key, data, storage_class=storage_class)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        return await super().complete_upload(upload, parts, crc32c=crc32c)


class ForgetsChecksums(MemoryStore):
    """Keeps no CRC32C of an object."""

    async def head(self, key: str) -> ObjectInfo:
        return replace(await super().head(key), crc32c=None)
