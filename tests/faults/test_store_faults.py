"""A running gateway uploads over a way to S3 that breaks at every kind of call, in every way."""

import random
from pathlib import Path

import pytest

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.s3 import S3Store
from tests.faults.proxy import Call, Calm, Fault, Gone, Proxy, Trouble, Weather
from tests.faults.site import MIB, Site, noise, restored
from tests.pushing import check_promises
from tests.seaweed import Seaweed
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TAPE = "FAULT001"
SMALL = (Call.HEAD, Call.GET, Call.PUT)
LARGE = (Call.CREATE_UPLOAD, Call.PART, Call.COMPLETE_UPLOAD, Call.LIST_UPLOADS)
"""Calls for segments of more than one part."""
UPLOADING = {**dict.fromkeys(SMALL, MIB), **dict.fromkeys(LARGE, 17 * MIB)}
"""How much has to be written for a call to be made."""
BODILESS = {Call.HEAD, Call.GET, Call.LIST_UPLOADS, Call.CREATE_UPLOAD}
"""Their requests have no bit to flip."""
IN_A_ROW = 2
WHOLE_FILES = {
    "segment_size": "64MiB",
    "upload_buffer_limit": "256MiB",
    "idle_seconds": 0.5,
    "recovery_point_seconds": 30,
}
"""A file is sent as one segment, even when this machine is slow."""


@pytest.mark.parametrize("call", UPLOADING)
async def test_all_that_was_answered_arrives_whatever_befalls_a_call(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, direct: S3Store, call: Call
) -> None:
    site = Site(tmp_path / "data", bucket, proxy.url, **WHOLE_FILES)
    draw, written = random.Random(1), list[bytes | None]()
    async with site.started():
        await site.load_new(TAPE)
        await site.uploaded()  # a tape that the store does not know is sent at once
        for fault in Fault:
            if fault is Fault.CORRUPT_REQUEST and call in BODILESS:
                continue
            proxy.schedule = Trouble(fault, call, IN_A_ROW)
            written += (more := noise(draw, UPLOADING[call]))
            await site.append(*more)
            await site.uploaded()
            assert (call, fault) in proxy.met
    await check_promises(direct, TAPE)
    assert await restored(direct, TAPE, tmp_path / "other") == written


@pytest.mark.parametrize("seed", range(3))
async def test_all_that_was_answered_arrives_in_bad_weather(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, direct: S3Store, seed: int
) -> None:
    site, draw, written = Site(tmp_path / "data", bucket, proxy.url), random.Random(seed), []
    async with site.started():
        await site.load_new(TAPE)
        proxy.schedule = Weather(seed, 0.2)
        for _ in range(8):
            written += (more := noise(draw, draw.randrange(6 * MIB)))
            await site.append(*more)
            await site.uploaded()
    assert proxy.met
    assert await restored(direct, TAPE, tmp_path / "other") == written


async def test_a_whole_backup_goes_on_while_the_store_is_gone(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, direct: S3Store
) -> None:
    site = Site(tmp_path / "data", bucket, proxy.url, upload_buffer_limit="256MiB")
    written = noise(random.Random(1), 64 * MIB)
    async with site.started():
        await site.load_new(TAPE)
        proxy.schedule = Gone()
        await site.append(*written)
        assert await site.contents() == written
        await until(lambda: site.unreachable)
    async with site.started():
        await until(lambda: site.unreachable)
        proxy.schedule = Calm()
        await site.uploaded()
    assert await restored(direct, TAPE, tmp_path / "other") == written


async def test_the_store_is_killed_again_and_again_while_tapes_are_uploaded(
    tmp_path: Path, bucket: Bucket, s3_server: Seaweed, direct: S3Store
) -> None:
    site, draw, written = Site(tmp_path / "data", bucket, s3_server.url), random.Random(1), []
    async with site.started():
        await site.load_new(TAPE)
        for _ in range(4):
            written += (more := noise(draw, 12 * MIB))
            await site.append(*more)
            s3_server.kill()
            written += (more := noise(draw, 4 * MIB))
            await site.append(*more)
            s3_server.start()
        await site.uploaded()
    assert await restored(direct, TAPE, tmp_path / "other") == written
