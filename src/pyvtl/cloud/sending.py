"""Bring a finished file into the store, and go on where an interrupted attempt ended.

The store is the only journal: what is there already is found by asking it, and what may be a
leftover of somebody else is compared by checksum before it counts.
"""

import asyncio
from functools import partial

from pyvtl.cloud.errors import (
    CorruptDataError,
    NotFoundError,
    PreconditionFailedError,
    UnavailableError,
    UnsupportedError,
)
from pyvtl.cloud.objects import Absent, ObjectInfo, ObjectStore, Part, Upload
from pyvtl.cloud.spans import (
    PART_BYTES,
    PARTS_AT_ONCE,
    FinishedFile,
    Span,
    at_once,
    read_span,
    spans,
)
from pyvtl.wire.checksum import crc32c


async def send_file(
    store: ObjectStore, key: str, file: FinishedFile, gate: asyncio.Semaphore | None = None
) -> int:
    """Have the file in the store under `key`; gives the bytes it took, 0 if it was there.

    So many parts are in memory at a time as `gate` lets through, else four.  CorruptDataError if
    something else is there, or what was sent did not arrive as it is.
    """
    if await is_there(store, key, file):
        return 0
    try:
        await _send(store, key, file, gate or asyncio.Semaphore(PARTS_AT_ONCE))
    except (PreconditionFailedError, NotFoundError, UnavailableError):
        if not await is_there(store, key, file):
            raise
    return file.size


async def is_there(store: ObjectStore, key: str, file: FinishedFile) -> bool:
    """Whether the store holds the file; CorruptDataError if it holds anything else."""
    try:
        info = await store.head(key)
    except NotFoundError:
        return False
    if info.size == file.size and await _checksum(store, info) == file.crc32c:
        return True
    raise CorruptDataError(f"{key} in the store is not what {file.path} holds")


async def _checksum(store: ObjectStore, info: ObjectInfo) -> int:
    """That of a whole object; it is read back where the store does not tell."""
    if info.crc32c is not None:
        return info.crc32c
    crc = 0
    for span in spans(info.size):
        crc = crc32c((await store.get(info.key, span.start, span.length)).data, crc)
    return crc


async def _send(store: ObjectStore, key: str, file: FinishedFile, gate: asyncio.Semaphore) -> None:
    try:
        await store.adopt(key, file.path, Absent())
    except UnsupportedError:
        if file.size <= PART_BYTES:
            async with gate:
                await _send_whole(store, key, file)
        else:
            await _send_parts(store, key, file, gate)


async def _send_whole(store: ObjectStore, key: str, file: FinishedFile) -> None:
    data = await asyncio.to_thread(read_span, file.path, Span(1, 0, file.size))
    if crc32c(data) != file.crc32c:
        raise CorruptDataError(f"{file.path} changed while it was read")
    await store.put(key, data, Absent())


async def _send_parts(
    store: ObjectStore, key: str, file: FinishedFile, gate: asyncio.Semaphore
) -> None:
    upload, held = await _upload(store, key)
    parts = await at_once(
        [
            partial(_send_part, store, upload, file, span, held.get(span.number))
            for span in spans(file.size)
        ],
        gate,
    )
    try:
        await store.complete_upload(upload, parts, Absent(), crc32c=file.crc32c)
    except CorruptDataError:
        await store.abort_upload(upload)
        raise


async def _upload(store: ObjectStore, key: str) -> tuple[Upload, dict[int, Part]]:
    """The upload that an earlier attempt left, with its parts, or a new one."""
    for upload in await store.list_uploads(key):
        if upload.key == key:
            try:
                return upload, {part.number: part for part in await store.list_parts(upload)}
            except NotFoundError:
                continue
    return await store.begin_upload(key), {}


async def _send_part(
    store: ObjectStore, upload: Upload, file: FinishedFile, span: Span, held: Part | None
) -> Part:
    data = await asyncio.to_thread(read_span, file.path, span)
    if held is not None and await asyncio.to_thread(held.holds, data):
        return held
    return await store.send_part(upload, span.number, data)
