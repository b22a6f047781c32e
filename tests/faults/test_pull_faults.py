"""`store pull` on a way to S3 that breaks at every kind of call, in every way."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.retrying import Retrying
from pyvtl.cloud.s3 import S3Store
from pyvtl.cloud.s3_options import S3Options
from pyvtl.cloud.spans import PART_BYTES
from tests.faults.proxy import Call, Fault, Proxy, Trouble, Weather
from tests.pushing import MIB, TAPE, Gateway, noise
from tests.s3_clients import s3_store
from tests.seaweed import Seaweed

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LARGE = PART_BYTES + MIB
"""A segment that takes two parts."""
IN_A_ROW = 2
PULLING = (Call.GET, Call.PUT, Call.LIST)
BODILESS = {Call.GET, Call.LIST}
"""Their requests have no byte to flip."""


@pytest.fixture(scope="module")
def pushed_by(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A tape of one large segment and one small; never changed."""
    gateway = Gateway(tmp_path_factory.mktemp("pushed") / "data", LARGE + MIB)
    gateway.create(TAPE)
    gateway.write(TAPE, *(noise(MIB, seed) for seed in range(LARGE // MIB)), None)
    gateway.write(TAPE, b"more", None)
    return gateway


@dataclass(frozen=True, slots=True)
class Ways:
    """Two ways to a place in the store: one on which nothing breaks, one through the proxy."""

    direct: S3Store
    shaky: ObjectStore
    proxy: Proxy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(s3_server: Seaweed, shared_proxy: Proxy) -> AsyncIterator[tuple[S3Store, ...]]:
    """Of the server and of the proxy, with the patience of a person in a hurry."""
    options = S3Options(s3_server.url, "us-east-1", connect_seconds=1, read_seconds=1)
    shaky = replace(options, endpoint_url=shared_proxy.url)
    somewhere = Bucket("tapes")
    async with s3_store(somewhere, options) as direct, s3_store(somewhere, shaky) as broken:
        yield direct, broken


@pytest.fixture
def ways(bucket: Bucket, clients: tuple[S3Store, ...], proxy: Proxy) -> Ways:
    direct, broken = (S3Store(c._client, bucket, c._options, c._stack) for c in clients)
    return Ways(direct, Retrying(broken, Patience(8, 0.01, 0.1)), proxy)


def faults(calls: tuple[Call, ...]) -> list[tuple[Call, Fault]]:
    """Every fault of every kind of call that it can befall."""
    every = [(call, fault) for call in calls for fault in Fault]
    return [row for row in every if row[1] is not Fault.CORRUPT_REQUEST or row[0] not in BODILESS]


@pytest.mark.parametrize(("call", "fault"), faults(PULLING))
async def test_a_pull_comes_right_whatever_befalls_a_call(
    ways: Ways,
    pushed_by: Gateway,
    tmp_path: Path,
    call: Call,
    fault: Fault,
) -> None:
    other = Gateway(tmp_path / "other")
    await pushed_by.push(ways.direct)
    ways.proxy.schedule = Trouble(fault, call, IN_A_ROW)
    (pulled,) = await other.pull(ways.shaky)
    assert pulled.problem is None
    assert set(ways.proxy.met) == {(call, fault)}
    assert other.files() == pushed_by.files()


@pytest.mark.parametrize("seed", range(5))
async def test_a_tape_goes_there_and_back_in_bad_weather(
    ways: Ways, pushed_by: Gateway, tmp_path: Path, seed: int
) -> None:
    other = Gateway(tmp_path / "other")
    ways.proxy.schedule = Weather(seed, 0.2)
    assert [each.problem for each in await pushed_by.push(ways.shaky)] == [None]
    assert [each.problem for each in await other.pull(ways.shaky)] == [None]
    assert other.files() == pushed_by.files()
