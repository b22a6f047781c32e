"""Bring a finished file into the store, and go on where an interrupted attempt ended.

The store is the only journal: what is there already is found by asking it, and what may be a
leftover of somebody else is compared by checksum before it counts.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
    measure,
    read_span,
    spans,
)
from pyvtl.cloud.threads import in_thread
from pyvtl.wire.checksum import combined, crc32c


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that the store has now, and the bytes that it took: 0 if it was there."""

    file: FinishedFile
    sent_bytes: int


async def send_file(
    store: ObjectStore, key: str, path: Path, gate: asyncio.Semaphore | None = None
) -> Sent:
    """Have a finished file in the store under `key`.

    So many parts are in memory at a time as `gate` lets through, else four.  CorruptDataError if
    something else is there, or what was sent did not arrive as it is.
    """
    if (there := await _there(store, key, path)) is not None:
        return Sent(there, 0)
    try:
        file = await _send(store, key, path, gate or asyncio.Semaphore(PARTS_AT_ONCE))
    except (PreconditionFailedError, NotFoundError, UnavailableError):
        if (there := await _there(store, key, path)) is None:
            raise
        file = there
    return Sent(file, file.size)


async def _there(store: ObjectStore, key: str, path: Path) -> FinishedFile | None:
    """The file, if the store holds it; CorruptDataError if it holds anything else."""
    try:
        info = await store.head(key)
    except NotFoundError:
        return None
    file = await in_thread(measure, path)
    if info.size == file.size and await _checksum(store, info) == file.crc32c:
        return file
    raise CorruptDataError(f"{key} in the store is not what {path} holds")


async def _checksum(store: ObjectStore, info: ObjectInfo) -> int:
    """That of a whole object; it is read back where the store does not tell."""
    if info.crc32c is not None:
        return info.crc32c
    crc = 0
    for span in spans(info.size):
        crc = crc32c((await store.get(info.key, span.start, span.length)).data, crc)
    return crc


async def _send(store: ObjectStore, key: str, path: Path, gate: asyncio.Semaphore) -> FinishedFile:
    """Send a file, and tell what was sent: it is read only once."""
    try:
        info = await store.adopt(key, path, Absent())
    except UnsupportedError:
        size = (await in_thread(path.stat)).st_size
        if size <= PART_BYTES:
            async with gate:
                return await _send_whole(store, key, path, size)
        return await _send_parts(store, key, path, size, gate)
    if info.crc32c is None:
        return await in_thread(measure, path)
    return FinishedFile(path, info.size, info.crc32c)


async def _send_whole(store: ObjectStore, key: str, path: Path, size: int) -> FinishedFile:
    data = await in_thread(read_span, path, Span(1, 0, size))
    info = await store.put(key, data, Absent())
    return FinishedFile(path, size, crc32c(data) if info.crc32c is None else info.crc32c)


async def _send_parts(
    store: ObjectStore, key: str, path: Path, size: int, gate: asyncio.Semaphore
) -> FinishedFile:
    upload, held = await _upload(store, key)
    parts = await at_once(
        [
            partial(_send_part, store, upload, path, span, held.get(span.number))
            for span in spans(size)
        ],
        gate,
    )
    crc = 0
    for part, part_crc in parts:
        crc = combined(crc, part_crc, part.size)
    try:
        await store.complete_upload(upload, [part for part, _ in parts], Absent(), crc32c=crc)
    except CorruptDataError:
        await store.abort_upload(upload)
        raise
    return FinishedFile(path, size, crc)


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
    store: ObjectStore, upload: Upload, path: Path, span: Span, held: Part | None
) -> tuple[Part, int]:
    """A part that the store has, and the checksum of what it was made of."""
    data = await in_thread(read_span, path, span)
    if held is None or not await in_thread(held.holds, data):
        held = await store.send_part(upload, span.number, data)
    return held, crc32c(data) if held.crc32c is None else held.crc32c
