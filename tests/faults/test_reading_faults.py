"""Reading back from S3 over a way that breaks: right bytes, or an error that does no harm."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud.location import Bucket
from tests.faults.proxy import Call, Fault, Gone, Proxy, Trouble, Weather
from tests.faults.site import MIB, Site, noise
from tests.initiator import Tape
from tests.initiator.session import GOOD, Response
from tests.killing import Object

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TAPE = "FAULT001"
WRITTEN: list[Object] = noise(random.Random(1), 10 * MIB)
REPLY_FAULTS = [fault for fault in Fault if fault is not Fault.CORRUPT_REQUEST]
ABORTED_COMMAND = 0xB


@pytest.fixture
async def site(tmp_path: Path, bucket: Bucket, proxy: Proxy) -> AsyncIterator[Site]:
    """A gateway with a loaded tape, of which nothing is kept here."""
    site = Site(tmp_path / "data", bucket, proxy.url, attempts=4)
    site.settings["cache"] = {"limit": 0}
    async with site.started():
        await site.load_new(TAPE)
        await site.append(*WRITTEN)
        await site.uploaded()
        yield site


@pytest.mark.parametrize("fault", REPLY_FAULTS)
async def test_what_is_read_back_is_right_whatever_befalls_a_call(
    site: Site, proxy: Proxy, fault: Fault
) -> None:
    times = 1 if fault is Fault.CORRUPT_REPLY else 2
    proxy.schedule = Trouble(fault, Call.GET, times)
    assert await site.contents() == WRITTEN
    assert set(proxy.met) == {(Call.GET, fault)}


async def test_what_is_read_back_in_bad_weather_is_right(site: Site, proxy: Proxy) -> None:
    proxy.schedule = Weather(3, 0.15)
    assert await site.contents() == WRITTEN
    assert proxy.met


async def test_a_store_that_is_gone_fails_a_read_and_leaves_the_tape_as_it_was(
    site: Site, proxy: Proxy
) -> None:
    def read(tape: Tape) -> Response:
        tape.rewind()
        return tape.read(MIB, block=None, sili=True)

    before = proxy.schedule
    proxy.schedule = Gone()
    assert (await site.host(read)).condition[0] == ABORTED_COMMAND
    assert (await site.gateway.library.show_tape(TAPE)).status == "AVAILABLE"
    proxy.schedule = before
    assert (await site.host(read)).status == GOOD
    assert await site.contents() == WRITTEN
