"""A TCP proxy before an HTTP server, of which a test says what becomes of each request.

It speaks just enough HTTP/1.1: one request a connection, read whole, and the reply read to its end.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

END_OF_HEAD = b"\r\n\r\n"
LONGEST_HEAD = 1 << 16
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER: drop what was not sent and send RST."""


@dataclass(slots=True)
class Exchange:
    """One request on its way to the server, and the reply to it."""

    upstream: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""
    method: str = ""
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    async def begin(self) -> None:
        """Read the head of the request."""
        head = await self.reader.readuntil(END_OF_HEAD)
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.method, target, _ = first.split(" ")
        parts = urlsplit(target)
        self.path, self.query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        pairs = (line.partition(":") for line in lines)
        self.fields = {name.lower(): text.strip() for name, _, text in pairs}
        if self.fields.get("expect"):
            self.writer.write(GO_ON)
        kept = [x for x in lines if x.lower().partition(":")[0] not in ("expect", "connection")]
        self.head = "\r\n".join([first, *kept, "Connection: close\r\n\r\n"]).encode("latin-1")

    @property
    def body_length(self) -> int:
        return int(self.fields.get("content-length", 0))

    async def pass_on(self) -> None:
        """Have the server do it, and answer as it does."""
        await self.answer(await self.carry_out())

    async def refuse(self, status: str, code: str) -> None:
        """Answer with an error, as S3 words it, in place of the server."""
        await self.body()
        await self.say(
            status, f"<Error><Code>{code}</Code><Message>said by the proxy</Message></Error>"
        )

    async def say(self, status: str, text: str = "") -> None:
        """Answer with a status and some XML in place of the server, which hears nothing."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
        await self.answer(f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode())

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


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with RST."""
    with suppress(OSError):
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    writer.transport.abort()


@dataclass(slots=True)
class Relay:
    """Stands before the server on port `upstream`, and has `meet` say what becomes of requests."""

    upstream: int
    meet: "Callable[[Exchange], Awaitable[None]]"
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    """The loop itself holds no task that waits for a connection with its reading paused."""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.create_task(self._serve(Exchange(self.upstream, reader, writer)))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, exchange: Exchange) -> None:
        """One request, and the reply to it."""
        try:
            await exchange.begin()
            await self.meet(exchange)
            exchange.writer.close()
        except (OSError, EOFError, asyncio.CancelledError):  # The last when the loop ends.
            exchange.reset()


@contextmanager
def relaying(upstream: int, meet: Callable[[Exchange], Awaitable[None]]) -> Iterator[str]:
    """The URL of a relay; it runs in a thread, and so serves whatever the test's own loop does."""
    relay, listening = Relay(upstream, meet), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    port = 0

    async def serve() -> None:
        nonlocal port
        server = await asyncio.start_server(relay.connected, "127.0.0.1", 0, limit=LONGEST_HEAD)
        port = server.sockets[0].getsockname()[1]
        listening.set()
        await stop.wait()
        server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="relay")
    thread.start()
    listening.wait()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
