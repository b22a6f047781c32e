"""A store in a folder: objects are files, uploads and drafts lie in its `.pyvtl`."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from pyvtl.cloud.errors import UnsupportedError
from pyvtl.cloud.folder import Folder, told_as_store_errors
from pyvtl.cloud.folder_objects import FolderObjects
from pyvtl.cloud.folder_uploads import FolderUploads
from pyvtl.cloud.objects import Condition, Content, ObjectInfo, Page, Part, Tier, Upload
from pyvtl.cloud.threads import to_its_end
from pyvtl.wire.layout import Buffer

THREADS = 4
"""As many as an uploader sends parts at a time; they wait for the disk, not for each other."""

Args = ParamSpec("Args")
Result = TypeVar("Result")


class DirectoryStore:
    """Keeps the promises of `ObjectStore` in a folder, among all processes that share it.

    It has one storage class only, and takes files of the same file system without copying them.
    """

    def __init__(self, root: Path) -> None:
        self._folder = Folder(root)
        self._objects = FolderObjects(self._folder)
        self._uploads = FolderUploads(self._folder, self._objects)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    async def _run(
        self, call: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs
    ) -> Result:
        """Call in a thread.  It is waited for even when cancelled: it may still use the data."""
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._threads, self._told, partial(call, *args, **kwargs))
        return await to_its_end(job)

    def _told(self, call: Callable[[], Result]) -> Result:
        with told_as_store_errors(self._folder.root):
            return call()

    async def check(self) -> None:
        await self._run(self._folder.check)

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return await self._run(self._objects.put, key, data, when)

    async def adopt(self, key: str, path: Path, when: Condition = None) -> ObjectInfo:
        return await self._run(self._objects.adopt, key, path, when)

    async def get(self, key: str, start: int = 0, length: int | None = None) -> Content:
        return await self._run(self._objects.get, key, start, length)

    async def head(self, key: str) -> ObjectInfo:
        return await self._run(self._objects.head, key)

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Page:
        return await self._run(self._objects.list, prefix, cursor or "", limit)

    async def delete(self, keys: Sequence[str]) -> None:
        await self._run(self._objects.delete, keys)

    async def erase(self, prefix: str) -> None:
        await self._run(self._objects.erase, prefix)

    async def copy(
        self, source: ObjectInfo, key: str, *, storage_class: str | None = None
    ) -> ObjectInfo:
        return await self._run(self._objects.copy, source, key)

    async def restore(self, key: str, days: int, tier: Tier = Tier.STANDARD) -> None:
        info = await self.head(key)
        raise UnsupportedError(f"{info.key} needs no restoring: it is in a folder")

    async def begin_upload(self, key: str, *, storage_class: str | None = None) -> Upload:
        return await self._run(self._uploads.begin, key)

    async def send_part(self, upload: Upload, number: int, data: Buffer) -> Part:
        return await self._run(self._uploads.send, upload, number, data)

    async def list_parts(self, upload: Upload) -> tuple[Part, ...]:
        return await self._run(self._uploads.parts, upload)

    async def list_uploads(self, prefix: str = "") -> tuple[Upload, ...]:
        return await self._run(self._uploads.uploads, prefix)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        when: Condition = None,
        *,
        crc32c: int | None = None,
    ) -> ObjectInfo:
        return await self._run(self._uploads.complete, upload, parts, when, crc32c)

    async def abort_upload(self, upload: Upload) -> None:
        await self._run(self._uploads.abort, upload)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
