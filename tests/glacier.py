"""A store in memory whose archive classes behave as S3's: what lies there has to be restored."""

from collections.abc import Sequence
from dataclasses import replace

from pyvtl.cloud.errors import ArchivedError, UnsupportedError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import Access, Content, ObjectInfo, Tier

ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")


class GlacierStore(MemoryStore):
    """Restores nothing before `thaw`."""

    def __init__(self) -> None:
        super().__init__()
        self.access: dict[str, Access] = {}
        self.restored_days: dict[str, int] = {}

    def thaw(self) -> None:
        """All that restoring was asked for can be read."""
        for key in self.restored_days:
            self.access[key] = Access.READABLE

    async def head(self, key: str) -> ObjectInfo:
        info = await super().head(key)
        archived = Access.ARCHIVED if info.storage_class in ARCHIVES else Access.READABLE
        return replace(info, access=self.access.get(key, archived))

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        if (await self.head(key)).access is not Access.READABLE:
            raise ArchivedError(f"{key} has to be restored")
        return await super().get(key, start, length)

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        if (await self.head(source.key)).access is not Access.READABLE:
            raise ArchivedError(f"{source.key} has to be restored")
        return await super().copy(source, key, storage_class=storage_class)

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        info = await self.head(key)
        if info.storage_class not in ARCHIVES:
            raise UnsupportedError(f"{key} is in no archive class")
        if info.access is Access.ARCHIVED:
            self.access[key] = Access.RESTORING
        self.restored_days[key] = days

    async def delete(self, keys: Sequence[str]) -> None:
        await super().delete(keys)
        for key in keys:
            self.access.pop(key, None)
