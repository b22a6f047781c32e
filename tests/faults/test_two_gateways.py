"""Two gateways on one bucket: what is lost with a disk, what a second backup costs."""

import asyncio
import random
import shutil
import time
from pathlib import Path

import pytest

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import listing
from pyvtl.cloud.s3 import S3Store
from tests.faults.proxy import Gone, Proxy
from tests.faults.s3 import in_bucket
from tests.faults.site import MIB, Site, noise
from tests.initiator import Tape
from tests.initiator.session import GOOD
from tests.seaweed import Seaweed
from tests.serving import Server
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TAPE, OTHER = "FAULT001", "FAULT002"


async def attached(site: Site, bucket: Bucket, server: Seaweed) -> None:
    """`pyvtl store attach` takes the tape over, with nothing but the bucket to go by."""
    site.folder.mkdir()
    command = Server(site.folder, environment=in_bucket(bucket, server.url))
    await asyncio.to_thread(command.run, "store", "attach", TAPE)


async def test_a_tape_whose_gateway_lost_its_disk_is_restored_to_its_last_recovery_point(
    tmp_path: Path, bucket: Bucket, proxy: Proxy, s3_server: Seaweed
) -> None:
    lost, other = (Site(tmp_path / name, bucket, proxy.url) for name in ("lost", "other"))
    promised = noise(random.Random(1), 9 * MIB)
    async with lost.started():
        await lost.load_new(TAPE)
        await lost.append(*promised)
        await lost.uploaded()
        calm, proxy.schedule = proxy.schedule, Gone()
        await lost.append(*noise(random.Random(2), MIB))
    shutil.rmtree(lost.folder)
    proxy.schedule = calm
    await attached(other, bucket, s3_server)
    async with other.started():
        await other.load(TAPE)
        assert await other.contents() == promised
        await other.append(b"goes on", None)
        await other.uploaded()
        assert await other.contents() == [*promised, b"goes on", None]


async def test_of_two_gateways_that_write_one_tape_the_first_keeps_to_itself_what_it_has(
    tmp_path: Path, bucket: Bucket, s3_server: Seaweed
) -> None:
    first, second = (Site(tmp_path / name, bucket, s3_server.url) for name in ("first", "second"))
    common, late, new = (noise(random.Random(seed), 3 * MIB) for seed in range(3))
    async with first.started(), asyncio.TaskGroup() as group:
        await first.load_new(TAPE)
        await first.append(*common)
        await first.uploaded()
        await attached(second, bucket, s3_server)
        group.create_task(first.append(*late))
        async with second.started():
            await second.load(TAPE)
            await second.append(*new)
            await second.uploaded()
            assert await second.contents() == [*common, *new]
        await until(lambda: fenced(first))
        await first.unload()
        recovered = await first.gateway.library.recover_tape(TAPE, OTHER)
        await first.load(recovered.barcode)
        assert await first.contents() == [*common, *late]


async def fenced(site: Site) -> bool:
    return (await site.gateway.library.show_tape(TAPE)).status.startswith("FENCED")


async def stored_bytes(store: S3Store) -> int:
    """How much lies in the bucket."""
    return sum([entry.size async for entry in listing(store)])


async def test_the_same_backup_again_adds_little_to_the_bucket_and_is_written_faster(
    tmp_path: Path, bucket: Bucket, s3_server: Seaweed, direct: S3Store
) -> None:
    """With 96 MiB here; `./dev bench macro --data repeated` measures the speed."""
    patient = {"connect_timeout": 10, "read_timeout": 60}
    sizes = {"segment_size": "64MiB", "upload_buffer_limit": "1GiB", "dedup": "pool"}
    site = Site(tmp_path / "data", bucket, s3_server.url, **patient, **sizes)
    backup = b"".join(random.Random(seed).randbytes(MIB) for seed in range(96))

    def write(tape: Tape) -> float:
        """Seconds that it takes."""
        tape.block_length(65536)
        began = time.monotonic()
        for start in range(0, len(backup), MIB):
            assert tape.write(backup[start : start + MIB]).status == GOOD
        assert tape.write_filemarks().status == GOOD
        return time.monotonic() - began

    async with site.started():
        seconds, kept = [], [await stored_bytes(direct)]
        for barcode in (TAPE, OTHER):
            await site.load_new(barcode)
            seconds.append(await site.host(write))
            await site.uploaded()
            kept.append(await stored_bytes(direct))
            await site.unload(slot=len(seconds))
    once, again = kept[1] - kept[0], kept[2] - kept[1]
    ratio = seconds[0] / seconds[1]
    print(f"the second adds {again / once:.2%}, and is written {ratio:.1f} times as fast")
    assert again < once * 0.02
    assert seconds[1] < seconds[0]
