"""A proxy before an S3 server that breaks what it is told to break, call by call."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tests.relay import END_OF_HEAD, Exchange, relaying

SLOW_SECONDS = 0.4


class Call(StrEnum):
    """What is asked of an S3 server, in the words of its API."""

    CREATE_UPLOAD = "CreateMultipartUpload"
    COMPLETE_UPLOAD = "CompleteMultipartUpload"
    ABORT_UPLOAD = "AbortMultipartUpload"
    PART = "UploadPart"
    LIST_PARTS = "ListParts"
    LIST_UPLOADS = "ListMultipartUploads"
    LIST = "ListObjectsV2"
    DELETE_MANY = "DeleteObjects"
    PUT = "PutObject"
    GET = "GetObject"
    HEAD = "HeadObject"
    DELETE = "DeleteObject"
    OTHER = "other"


CALLS: Sequence[tuple[str, str, Call]] = (
    ("POST", "uploads", Call.CREATE_UPLOAD),
    ("POST", "uploadId", Call.COMPLETE_UPLOAD),
    ("DELETE", "uploadId", Call.ABORT_UPLOAD),
    ("PUT", "partNumber", Call.PART),
    ("GET", "uploadId", Call.LIST_PARTS),
    ("GET", "uploads", Call.LIST_UPLOADS),
    ("GET", "list-type", Call.LIST),
    ("POST", "delete", Call.DELETE_MANY),
    ("PUT", "", Call.PUT),
    ("GET", "", Call.GET),
    ("HEAD", "", Call.HEAD),
    ("DELETE", "", Call.DELETE),
)
"""Method, query parameter (none if empty), call; the first that fits counts."""


class Fault(StrEnum):
    """What may become of a call on its way."""

    RESET_BEFORE = "reset before the server hears of it"
    RESET_IN_REQUEST = "reset in the middle of the request"
    RESET_AFTER = "carried out, and reset before the reply"
    RESET_IN_REPLY = "carried out, and reset in the middle of the reply"
    SILENT = "carried out, and no reply comes"
    SLOW = "carried out, and the reply is slow"
    ERROR = "refused with 500"
    BUSY = "refused with 503"
    CORRUPT_REQUEST = "a bit of the request's body is flipped"
    CORRUPT_REPLY = "a bit of the reply's body is flipped"


class Schedule(Protocol):
    """Says of each call what becomes of it; None lets it pass."""

    def fault(self, call: Call) -> Fault | None: ...


class Calm:
    """Everything passes."""

    def fault(self, call: Call) -> Fault | None:
        return None


@dataclass(slots=True)
class Trouble:
    """The same fault for `times` calls of a kind in a row, or of any kind, after `after` others."""

    what: Fault
    call: Call | None = None
    times: int = 1
    after: int = 0

    def fault(self, call: Call) -> Fault | None:
        if self.call not in (None, call):
            return None
        if self.after:
            self.after -= 1
            return None
        if not self.times:
            return None
        self.times -= 1
        return self.what


class Gone:
    """No call gets through."""

    def fault(self, call: Call) -> Fault | None:
        return Fault.RESET_BEFORE


class Weather:
    """A share of all calls meets one of some faults, drawn from a seed."""

    def __init__(self, seed: int, share: float, faults: Sequence[Fault] = tuple(Fault)) -> None:
        self._draw, self._share, self._faults = random.Random(seed), share, faults

    def fault(self, call: Call) -> Fault | None:
        return self._draw.choice(self._faults) if self._draw.random() < self._share else None


@dataclass(slots=True)
class Proxy:
    """Stands before a server; what `schedule` says goes for the next call.

    `met` has every call that met a fault, in order.
    """

    url: str = ""
    schedule: Schedule = field(default_factory=Calm)
    met: list[tuple[Call, Fault]] = field(default_factory=list)

    async def meet(self, exchange: Exchange) -> None:
        """One request, and what becomes of it."""
        call = call_of(exchange)
        if (fault := self.schedule.fault(call)) is None:
            await exchange.pass_on()
        else:
            self.met.append((call, fault))
            await BREAKAGES[fault](exchange)


def call_of(request: Exchange) -> Call:
    """The call that a request is."""
    method, query = request.method, request.query
    rows = (row for row in CALLS if row[0] == method and (not row[1] or row[1] in query))
    return next(rows, ("", "", Call.OTHER))[2]


def flipped(message: bytes, start: int = 0) -> bytes:
    """A message with one bit changed, in the middle of what lies behind `start`."""
    changed = bytearray(message)
    if start < len(changed):
        changed[start + (len(changed) - start) // 2] ^= 1
    return bytes(changed)


# What becomes of a call


async def _reset_before(exchange: Exchange) -> None:
    exchange.reset()


async def _reset_in_request(exchange: Exchange) -> None:
    await exchange.begin_and_break_off()
    exchange.reset()


async def _reset_after(exchange: Exchange) -> None:
    await exchange.carry_out()
    exchange.reset()


async def _reset_in_reply(exchange: Exchange) -> None:
    reply = await exchange.carry_out()
    await exchange.answer(reply[: len(reply) // 2])
    exchange.reset()


async def _silent(exchange: Exchange) -> None:
    await exchange.carry_out()
    await exchange.reader.read()


async def _slow(exchange: Exchange) -> None:
    reply = await exchange.carry_out()
    await asyncio.sleep(SLOW_SECONDS)
    await exchange.answer(reply)


async def _error(exchange: Exchange) -> None:
    await exchange.refuse("500 Internal Server Error", "InternalError")


async def _busy(exchange: Exchange) -> None:
    await exchange.refuse("503 Slow Down", "SlowDown")


async def _corrupt_request(exchange: Exchange) -> None:
    await exchange.answer(await exchange.carry_out(flipped))


async def _corrupt_reply(exchange: Exchange) -> None:
    reply = await exchange.carry_out()
    await exchange.answer(flipped(reply, reply.index(END_OF_HEAD) + len(END_OF_HEAD)))


BREAKAGES: Mapping[Fault, Callable[[Exchange], Awaitable[None]]] = {
    Fault.RESET_BEFORE: _reset_before,
    Fault.RESET_IN_REQUEST: _reset_in_request,
    Fault.RESET_AFTER: _reset_after,
    Fault.RESET_IN_REPLY: _reset_in_reply,
    Fault.SILENT: _silent,
    Fault.SLOW: _slow,
    Fault.ERROR: _error,
    Fault.BUSY: _busy,
    Fault.CORRUPT_REQUEST: _corrupt_request,
    Fault.CORRUPT_REPLY: _corrupt_reply,
}


@contextmanager
def proxy_before(upstream: int) -> Iterator[Proxy]:
    """A proxy before the server on that port."""
    proxy = Proxy()
    with relaying(upstream, proxy.meet) as proxy.url:
        yield proxy
