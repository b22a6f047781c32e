"""More goes to a tape than the local disk may keep, from the kernel's own initiator."""

import asyncio
from collections.abc import Iterator

import pytest

from pyvtl.cli.client import Client
from pyvtl.cloud.location import Bucket
from tests.e2e.host import Host, attached, create_tapes
from tests.e2e.machine import Guest
from tests.faults.diskful import sampled
from tests.faults.s3 import in_bucket, wait_until_uploaded
from tests.s3_clients import bucket_on
from tests.seaweed import Seaweed
from tests.serving import serving

MIB = 1 << 20
RECORD = "--record-size=65536"
LIMIT, BUFFER = 64 * MIB, 64 * MIB
SETTINGS = {
    "PYVTL_LIBRARY__DRIVES": "1",
    "PYVTL_STORE__IDLE_SECONDS": "1",
    "PYVTL_STORE__UPLOAD_BUFFER_LIMIT": str(BUFFER),
    "PYVTL_CACHE__LIMIT": str(LIMIT),
}


async def new_bucket(server: Seaweed) -> Bucket:
    async with bucket_on(server) as store:
        return store._bucket


@pytest.fixture
def host(
    guest: Guest, s3_server: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """The guest on a library with ten tapes of 100 GiB, the first of which is in its drive."""
    environment = in_bucket(asyncio.run(new_bucket(s3_server)), s3_server.url, **SETTINGS)
    folder = tmp_path_factory.mktemp("small") / "data"
    with serving(folder, environment=environment) as service:
        create_tapes(service, "SMALL", 10)
        with attached(guest, service) as logged_in:
            logged_in.mtx("load 1601 0")
            yield logged_in


def test_15_a_tape_may_be_far_larger_than_the_cache(host: Host) -> None:
    """Three archives, four times the cache in all: never more on the disk, and all compares."""
    guest, nst, folder = host.guest, host.nst(0), host.service.folder
    guest.must(f"mt -f {nst} rewind")
    with sampled(folder) as usage:
        for _ in range(3):
            guest.must(f"tar -cf {nst} {RECORD} -C /input tree", 300)
        wait_until_uploaded(folder)
        written = sum(tape["used_bytes"] for tape in Client(folder).get("/tapes"))
        Client(folder).post("/cache/evict")
        guest.must(f"mt -f {nst} rewind")
        for _ in range(3):
            guest.must(f"tar -df {nst} {RECORD} -C /input; s=$?; mt -f {nst} fsf 1; exit $s", 300)
    print(f"{written / MIB:.0f} MiB written, {usage.peak_bytes / MIB:.0f} MiB of disk at most")
    assert written >= 4 * LIMIT
    assert usage.peak_bytes <= LIMIT + BUFFER
