"""Bring a pack from the store into a file, whole or not at all."""

import asyncio
import os
from functools import partial
from pathlib import Path

from pyvtl.cloud.errors import CorruptDataError
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.spans import PARTS_AT_ONCE, FinishedFile, Span, at_once, measure, spans
from pyvtl.cloud.threads import in_thread
from pyvtl.store.files import LocalFiles

DRAFT = ".part"


async def receive_file(
    store: ObjectStore,
    key: str,
    file: FinishedFile,
    limit: int | asyncio.Semaphore = PARTS_AT_ONCE,
) -> int:
    """Have an object as the file that it is known to be; gives the bytes it took.

    As `at_once`, it has so many parts in memory at a time.  CorruptDataError if the object is not
    that.
    """
    if await in_thread(_is_here, file):
        return 0
    draft = file.path.with_name(file.path.name + DRAFT)
    await in_thread(_begin, draft)
    jobs = [partial(_receive_span, store, key, draft, span) for span in spans(file.size)]
    await at_once(jobs, limit)
    await in_thread(_finish, key, draft, file)
    return file.size


def _is_here(file: FinishedFile) -> bool:
    return file.path.exists() and measure(file.path) == file


def _begin(draft: Path) -> None:
    draft.write_bytes(b"")


async def _receive_span(store: ObjectStore, key: str, draft: Path, span: Span) -> None:
    content = await store.get(key, span.start, span.length)
    if len(content.data) != span.length:
        raise CorruptDataError(f"{key} in the store is shorter than its manifest says")
    await in_thread(_write_span, draft, span, content.data)


def _write_span(draft: Path, span: Span, data: bytes) -> None:
    with draft.open("r+b", buffering=0) as file:
        os.lseek(file.fileno(), span.start, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


def _finish(key: str, draft: Path, file: FinishedFile) -> None:
    """Check the whole, make it durable, and give it its name."""
    found = measure(draft)
    if (found.size, found.crc32c) != (file.size, file.crc32c):
        raise CorruptDataError(f"{key} in the store is not what its manifest says")
    files = LocalFiles()
    fd = files.open(draft)
    try:
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.rename(draft, file.path)
    files.sync_folder(file.path.parent)
