"""More goes to a tape than the local disk may keep, and all of it comes back from S3."""

import hashlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvtl.cli.client import Client
from pyvtl.cloud.location import Bucket
from pyvtl.store.segment import ALLOCATION_STEP
from tests.faults.diskful import allocated, sampled
from tests.faults.s3 import in_bucket, wait_until_uploaded
from tests.initiator import Tape
from tests.initiator.session import GOOD
from tests.seaweed import Seaweed
from tests.serving import serving

MIB, GIB = 1 << 20, 1 << 30
POOL = memoryview(random.Random(5).randbytes(16 * MIB))
LARGE = bool(os.environ.get("LARGE_CACHE"))
"""Also try what takes five minutes and 10 GB of disk."""
PIECES_A_FILE = 128


def pieces(size: int) -> Iterator[bytes]:
    """Pieces of 1 MiB, no two alike, that nothing makes smaller."""
    for number in range(size // MIB):
        start = number * 4099 % (len(POOL) - MIB)
        yield number.to_bytes(8, "big") + POOL[start : start + MIB - 8]


def write(tape: Tape, size: int) -> str:
    """Write so many bytes, and a filemark now and then; their hash."""
    digest = hashlib.sha256()
    for number, piece in enumerate(pieces(size), 1):
        assert tape.write(piece).status == GOOD
        digest.update(piece)
        if number % PIECES_A_FILE == 0:
            assert tape.write_filemarks().status == GOOD
    return digest.hexdigest()


def read(tape: Tape, size: int) -> str:
    """The hash of what is on the tape, which must be as long as that."""
    digest, left = hashlib.sha256(), size
    tape.rewind()
    while left:
        for _ in range(PIECES_A_FILE):
            response = tape.read(16)
            assert response.status == GOOD, response
            digest.update(response.data)
            left -= len(response.data)
        assert tape.space(1, 1).status == GOOD
    return digest.hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("limit", "size"),
    [(512 * MIB, 2 * GIB + 128 * MIB), *([(2 * GIB, 8 * GIB + 128 * MIB)] if LARGE else [])],
    ids=lambda count: f"{count // MIB}MiB",
)
def test_a_tape_may_be_far_larger_than_the_cache(
    tmp_path: Path, s3_server: Seaweed, bucket: Bucket, limit: int, size: int
) -> None:
    """Walk-through, row 15."""
    buffer = limit // 2
    options = ("--cache-limit", str(limit), "--upload-buffer-limit", str(buffer))
    environment = in_bucket(bucket, s3_server.url, PYVTL_STORE__IDLE_SECONDS="0.5")
    folder = tmp_path / "data"
    with (
        serving(folder, *options, environment=environment) as server,
        sampled(folder) as usage,
    ):
        drive, *_ = server.loaded(10, "100GiB")
        with Tape("127.0.0.1", server.port, drive) as tape:
            tape.ready()
            began = time.monotonic()
            written = write(tape, size)
            print(f"written: {size / MIB / (time.monotonic() - began):.0f} MiB/s while uploading")
            wait_until_uploaded(folder)
            print(f"all in the store: {size / MIB / (time.monotonic() - began):.0f} MiB/s")
            Client(folder).post("/cache/evict")
            assert all(
                copies["local_bytes"] == 0 for copies in Client(folder).get("/cache")["tapes"]
            )
            began = time.monotonic()
            assert read(tape, size) == written
            print(f"read back: {size / MIB / (time.monotonic() - began):.0f} MiB/s")
    print(f"disk: {usage.peak_bytes / MIB:.0f} MiB at most, seen {usage.samples} times")
    assert usage.peak_bytes <= limit + buffer
    # Beside the cache, one segment that was begun and one that is set aside.
    assert 0 < allocated(folder) <= limit + 2 * ALLOCATION_STEP
