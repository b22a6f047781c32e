"""How fast segments go up to S3, and what that costs: goal <= 0.9 CPU-seconds per GB.

python -m benchmarks.upload_speed FOLDER null|seaweedfs [SEGMENTS]

FOLDER holds one segment of 256 MiB of random bytes, which is sent SEGMENTS times (8) under other
names.  `null` is an S3 service in another process that reads and forgets; `seaweedfs` a real one on
the same disk.  CPU time is that of the sending process, with reading the file and its checksum.
The event loop is the one that `pyvtl serve` has.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvloop
from aiohttp import web

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.s3_options import S3Options
from pyvtl.cloud.sending import send_file
from tests.ports import free_port, wait_for_port
from tests.s3_clients import bucket_on, s3_store
from tests.seaweed import seaweed

SEGMENT_BYTES, WRITE_BYTES = 256 << 20, 16 << 20
SEGMENTS = 8
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class NullService:
    """Answers what an upload in parts asks for, and keeps nothing but lengths."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._complete: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        match request.method:
            case "PUT":
                return await self._take(request)
            case "HEAD":
                return self._head(request)
            case "POST" if "uploads" in request.query:
                return _xml("InitiateMultipartUploadResult", "<UploadId>1</UploadId>")
            case "POST":
                self._complete.add(request.path)
                return _xml("CompleteMultipartUploadResult", '<ETag>"0"</ETag>')
            case _:
                return _xml("ListMultipartUploadsResult", "<IsTruncated>false</IsTruncated>")

    async def _take(self, request: web.Request) -> web.Response:
        size = 0
        async for data in request.content.iter_any():
            size += len(data)
        self._sizes[request.path] = self._sizes.get(request.path, 0) + size
        return web.Response(headers={"ETag": '"0"'})

    def _head(self, request: web.Request) -> web.Response:
        if request.path not in self._complete:
            return web.Response(status=404)
        size = str(self._sizes[request.path])
        return web.Response(headers={"ETag": '"0"', "Content-Length": size})


def _xml(kind: str, body: str) -> web.Response:
    text = f'<?xml version="1.0"?><{kind} xmlns="{NAMESPACE}">{body}</{kind}>'
    return web.Response(text=text, content_type="application/xml")


def serve(port: int) -> None:
    """Be the null service."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", NullService().answer)
    web.run_app(app, host="127.0.0.1", port=port, print=lambda *_: None)


@contextmanager
def null_service() -> Iterator[str]:
    """The null service in a process of its own; gives its address."""
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port,))
    process.start()
    try:
        wait_for_port(port, 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()


@asynccontextmanager
async def store_of(kind: str, folder: Path) -> AsyncIterator[ObjectStore]:
    """An empty store of that kind."""
    if kind == "null":
        with null_service() as url:
            async with s3_store(Bucket("bench"), S3Options(url, "us-east-1")) as store:
                yield store
    else:
        with seaweed(folder) as server:
            async with bucket_on(server) as store:
                yield store


def make_segment(folder: Path) -> Path:
    """A file of random bytes."""
    path = folder / "segment"
    with path.open("wb") as file:
        for _ in range(SEGMENT_BYTES // WRITE_BYTES):
            file.write(os.urandom(WRITE_BYTES))
    return path


async def run(parent: str, kind: str, segments: int) -> None:
    """Send, and print what it took."""
    with tempfile.TemporaryDirectory(dir=parent) as name:
        path = make_segment(Path(name))
        async with store_of(kind, Path(name)) as store:
            await send_file(store, "packs/0/first", path)
            began, began_cpu = time.perf_counter(), time.process_time()
            for number in range(segments):
                await send_file(store, f"packs/0/{number}", path)
            seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    size = segments * SEGMENT_BYTES
    print(f"{kind}: {size / seconds / 1e6:.0f} MB/s, {cpu / (size / 1e9):.2f} CPU-s per GB")


if __name__ == "__main__":
    count = int(sys.argv[3]) if len(sys.argv) > 3 else SEGMENTS
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(sys.argv[1], sys.argv[2], count))
