"""Files in pieces, several under way at a time, and none of it read on the event loop."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pyvtl.cloud.errors import CorruptDataError
from pyvtl.cloud.objects import MIB
from pyvtl.wire.checksum import crc32c

PART_BYTES = 16 * MIB
PIECE_BYTES = MIB
"""What is read at a time into the same memory: new memory costs as much as a checksum."""
READS_AT_ONCE = 16
"""Small objects that are read side by side."""
PARTS_AT_ONCE = 4

Result = TypeVar("Result")
Job = Callable[[], Coroutine[Any, Any, Result]]


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file; `number` counts the spans of a file from 1."""

    number: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class FinishedFile:
    """A file that never changes: its length in bytes and its checksum."""

    path: Path
    size: int
    crc32c: int


def spans(size: int) -> Iterator[Span]:
    """All of a file of so many bytes, in pieces of 16 MiB."""
    for number, start in enumerate(range(0, size, PART_BYTES), 1):
        yield Span(number, start, min(PART_BYTES, size - start))


def read_span(path: Path, span: Span) -> bytes:
    """Those bytes of a file; blocks.  Raises CorruptDataError where it has become shorter."""
    with path.open("rb", buffering=0) as file:
        data = os.pread(file.fileno(), span.length, span.start)
    if len(data) != span.length:
        raise CorruptDataError(f"{path} changed while it was read")
    return data


def measure(path: Path) -> FinishedFile:
    """Length and checksum of a file; blocks for as long as reading it takes."""
    size, crc, piece = 0, 0, memoryview(bytearray(PIECE_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(piece):
            size, crc = size + count, crc32c(piece[:count], crc)
    return FinishedFile(path, size, crc)


async def at_once(
    jobs: Sequence[Job[Result]], limit: int | asyncio.Semaphore = PARTS_AT_ONCE
) -> list[Result]:
    """Run jobs, so many at a time, or as many as a gate lets through that others use too.

    The first failure ends all, and is raised as it is.
    """
    gate = asyncio.Semaphore(limit) if isinstance(limit, int) else limit

    async def run(job: Job[Result]) -> Result:
        async with gate:
            return await job()

    if not jobs:
        return []
    tasks = [asyncio.create_task(run(job)) for job in jobs]
    try:  # Not a TaskGroup: before Python 3.13 it forgets a cancel() that meets a failure.
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()  # raises what ended all
    return [task.result() for task in tasks]
