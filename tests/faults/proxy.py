"""A TCP proxy before an S3 server that breaks what it is told to break, call by call.

It speaks just enough HTTP/1.1: one request a connection, read whole, and the reply read to its end.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

SLOW_SECONDS = 0.4
END_OF_HEAD = b"\r\n\r\n"
LONGEST_HEAD = 1 << 16
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER: drop what was not sent and send RST."""


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
    """Stands before the server on port `upstream`; what `schedule` says goes for the next call.

    `met` has every call that met a fault, in order.
    """

    upstream: int
    port: int = 0
    schedule: Schedule = field(default_factory=Calm)
    met: list[tuple[Call, Fault]] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    """The loop itself holds no task that waits for a connection with its reading paused."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, and the reply to it."""
        exchange = Exchange(self.upstream, reader, writer)
        try:
            head = await reader.readuntil(END_OF_HEAD)
            call = exchange.begin(head)
            if (fault := self.schedule.fault(call)) is None:
                await exchange.answer(await exchange.carry_out())
            else:
                self.met.append((call, fault))
                await BREAKAGES[fault](exchange)
            writer.close()
        except (OSError, EOFError, asyncio.CancelledError):  # The last when the loop ends.
            exchange.reset()


@dataclass(slots=True)
class Exchange:
    """One request on its way to the server, and the reply to it."""

    upstream: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    body_length: int = 0

    def begin(self, head: bytes) -> Call:
        """Take the head of the request; tells which call it is."""
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        fields = {name.lower(): text.strip() for name, _, text in (x.partition(":") for x in lines)}
        self.body_length = int(fields.get("content-length", 0))
        if fields.get("expect"):
            self.writer.write(GO_ON)
        kept = [x for x in lines if x.lower().partition(":")[0] not in ("expect", "connection")]
        self.head = "\r\n".join([first, *kept, "Connection: close\r\n\r\n"]).encode("latin-1")
        return call_of(first)

    async def body(self, length: int | None = None) -> bytes:
        return await self.reader.readexactly(self.body_length if length is None else length)

    async def carry_out(self, change: Callable[[bytes], bytes] = bytes) -> bytes:
        """Have the server do it, its body changed so; gives the whole reply."""
        request = self.head + change(await self.body())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.transport.abort()

    async def begin_and_break_off(self) -> None:
        """Let the server have the head and half of the body."""
        request = self.head + await self.body(self.body_length // 2)
        _, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        writer.write(request[: -1 if not self.body_length else None])
        await writer.drain()
        reset(writer)

    async def answer(self, reply: bytes) -> None:
        self.writer.write(reply)
        await self.writer.drain()

    def reset(self) -> None:
        reset(self.writer)


def call_of(request_line: str) -> Call:
    """The call that the first line of a request begins."""
    method, target, _ = request_line.split(" ")
    query = parse_qs(urlsplit(target).query, keep_blank_values=True)
    rows = (row for row in CALLS if row[0] == method and (not row[1] or row[1] in query))
    return next(rows, ("", "", Call.OTHER))[2]


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    with suppress(OSError):
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    writer.transport.abort()


def flipped(message: bytes, start: int = 0) -> bytes:
    """A message with one bit changed, in the middle of what lies behind `start`."""
    changed = bytearray(message)
    if start < len(changed):
        changed[start + (len(changed) - start) // 2] ^= 1
    return bytes(changed)


def refusal(status: str, code: str) -> bytes:
    """An error as S3 words it."""
    text = f"<Error><Code>{code}</Code><Message>broken by the test</Message></Error>"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


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
    await exchange.body()
    await exchange.answer(refusal("500 Internal Server Error", "InternalError"))


async def _busy(exchange: Exchange) -> None:
    await exchange.body()
    await exchange.answer(refusal("503 Slow Down", "SlowDown"))


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
    """A proxy in a thread of its own, so that it serves whatever the test's own loop does."""
    proxy, listening = Proxy(upstream), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0, limit=LONGEST_HEAD)
        proxy.port = server.sockets[0].getsockname()[1]
        listening.set()
        await stop.wait()
        server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="proxy")
    thread.start()
    listening.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
