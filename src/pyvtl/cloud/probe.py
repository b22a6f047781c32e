"""Tries whether a store keeps what `ObjectStore` promises, under a random key."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pyvtl.cloud.errors import (
    NotFoundError,
    ObjectStoreError,
    PreconditionFailedError,
)
from pyvtl.cloud.objects import (
    MIN_PART_BYTES,
    Absent,
    Listed,
    ObjectInfo,
    ObjectStore,
    Unchanged,
)
from pyvtl.wire.checksum import crc32c

RACERS = 4
FOLDER = "probe/"
"""Where trials leave their objects until they are removed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise; `works` is None where it was not tried because an earlier one is broken."""

    promise: str
    works: bool | None
    detail: str = ""


class BrokenPromiseError(Exception):
    """A store does otherwise than it should; the message says how."""


class _Trial:
    """A store to try, and a random place in it."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.place = f"{FOLDER}{secrets.token_hex(8)}/"
        self.first = ObjectInfo("", 0, "")

    def key(self, name: str) -> str:
        return self.place + name

    async def can_be_reached(self) -> None:
        await self.store.check()

    async def writes_and_reads(self) -> None:
        data = os.urandom(1000)
        self.first = await self.store.put(self.key("first"), data)
        content = await self.store.get(self.key("first"))
        _demand(content.data == data, "other bytes were read than written")
        info = await self.store.head(self.key("first"))
        _demand(
            (info.size, info.etag) == (1000, self.first.etag), "head tells another length or etag"
        )

    async def keeps_checksums(self) -> None:
        info = await self.store.head(self.key("first"))
        _demand(info.crc32c is not None, "no CRC32C is told of what was written with one")
        _demand(info.crc32c == self.first.crc32c, "another CRC32C is told than was written")

    async def reads_spans(self) -> None:
        whole = await self.store.get(self.key("first"))
        span = await self.store.get(self.key("first"), 100, 50)
        _demand(span.data == whole.data[100:150], "a span is not that part of the object")

    async def creates_only_once(self) -> None:
        writes = (self._created(number) for number in range(RACERS))
        winners = sum(await asyncio.gather(*writes))
        _demand(winners == 1, f"{winners} of {RACERS} created the same object: If-None-Match")

    async def _created(self, number: int) -> bool:
        return await _wins(self.store.put(self.key("race"), b"%d" % number, Absent()))

    async def replaces_only_what_is_known(self) -> None:
        known = await self.store.put(self.key("head"), b"one")
        racing = (
            _wins(self.store.put(self.key("head"), b"by %d" % number, Unchanged(known.etag)))
            for number in range(RACERS)
        )
        winners = sum(await asyncio.gather(*racing))
        _demand(winners == 1, f"{winners} of {RACERS} replaced the same object: If-Match")

    async def lists_what_was_written(self) -> None:
        page = await self.store.list(self.key("f"))
        expected = (Listed(self.key("first"), 1000),)
        _demand(page.entries == expected, "an object just written is not listed")

    async def uploads_in_parts(self) -> None:
        pieces = (os.urandom(MIN_PART_BYTES), b"the end")
        upload = await self.store.begin_upload(self.key("parts"))
        await asyncio.gather(
            *(self.store.send_part(upload, n, data) for n, data in enumerate(pieces, 1))
        )
        parts = await self.store.list_parts(upload)
        held = [part.holds(data) for part, data in zip(parts, pieces, strict=True)]
        _demand(all(held), "the parts that are listed cannot be told to be those sent")
        whole = crc32c(pieces[1], crc32c(pieces[0]))
        info = await self.store.complete_upload(upload, parts, Absent(), crc32c=whole)
        _demand(info.crc32c == whole, "no CRC32C of the whole is told after the upload")

    async def completes_only_once(self) -> None:
        upload = await self.store.begin_upload(self.key("parts"))
        part = await self.store.send_part(upload, 1, b"another")
        won = await _wins(self.store.complete_upload(upload, (part,), Absent()))
        await self.store.abort_upload(upload)
        _demand(not won, "an upload replaced an object in spite of If-None-Match")

    async def copies(self) -> None:
        info = await self.store.copy(self.first, self.key("copy"))
        _demand(info.size == self.first.size, "the copy has another length")
        stale = ObjectInfo(self.first.key, 1000, "0" * 32)
        won = await _wins(self.store.copy(stale, self.key("copy")))
        _demand(not won, "it copies what is not the object that was meant")

    async def removes(self) -> None:
        await self.store.delete([self.key("copy"), self.key("never was")])
        try:
            await self.store.head(self.key("copy"))
        except NotFoundError:
            return
        raise BrokenPromiseError("an object is there after it was removed")

    async def clean(self) -> None:
        for upload in await self.store.list_uploads(self.place):
            await self.store.abort_upload(upload)
        page = await self.store.list(self.place)
        await self.store.delete([entry.key for entry in page.entries])


TRIALS: tuple[tuple[str, Callable[[_Trial], Awaitable[None]]], ...] = (
    ("can be reached", _Trial.can_be_reached),
    ("writes and reads", _Trial.writes_and_reads),
    ("keeps CRC32C checksums", _Trial.keeps_checksums),
    ("reads spans", _Trial.reads_spans),
    ("lists what was just written", _Trial.lists_what_was_written),
    ("creates an object only once (If-None-Match)", _Trial.creates_only_once),
    ("replaces only a known object (If-Match)", _Trial.replaces_only_what_is_known),
    ("uploads in parts, and can resume", _Trial.uploads_in_parts),
    ("completes an upload only once", _Trial.completes_only_once),
    ("copies within the store", _Trial.copies),
    ("removes objects", _Trial.removes),
)
ESSENTIAL = 2
"""Without the first two the others tell nothing."""


async def probe(store: ObjectStore) -> tuple[Finding, ...]:
    """Every promise with whether it is kept; removes what it wrote, as far as the store lets it."""
    trial, findings = _Trial(store), list[Finding]()
    for number, (promise, attempt) in enumerate(TRIALS):
        if any(finding.works is False for finding in findings[: min(number, ESSENTIAL)]):
            findings.append(Finding(promise, None, "not tried"))
            continue
        findings.append(await _find(promise, attempt(trial)))
    if findings[0].works:
        findings.append(await _find("leaves nothing of this probe", trial.clean()))
    return tuple(findings)


async def keeps_conditions(store: ObjectStore) -> bool:
    """Whether conditional writes do what they should: without, two gateways cannot share it.

    Raises ObjectStoreError where the store does not do anything at all.
    """
    trial = _Trial(store)
    try:
        await trial.creates_only_once()
        await trial.replaces_only_what_is_known()
    except BrokenPromiseError:
        return False
    finally:
        await trial.clean()
    return True


async def _find(promise: str, attempt: Awaitable[None]) -> Finding:
    try:
        await attempt
    except (BrokenPromiseError, ObjectStoreError) as error:
        return Finding(promise, works=False, detail=str(error))
    return Finding(promise, works=True)


async def _wins(write: Awaitable[ObjectInfo]) -> bool:
    try:
        await write
    except PreconditionFailedError:
        return False
    return True


def _demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromiseError(otherwise)
