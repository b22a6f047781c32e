"""Bandwidth limits through boto3, and what a store asks of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.schedule import Rates
from pyvtl.cloud.throttled import Clock, Throttled
from tests.api_client import GATEWAY, Served, serving_api

UP, DOWN = "AverageUploadRateLimitInBitsPerSec", "AverageDownloadRateLimitInBitsPerSec"
THURSDAY = datetime(2026, 1, 1, tzinfo=UTC)


def interval(start: tuple[int, int], end: tuple[int, int], **more: object) -> dict[str, object]:
    return {
        "StartHourOfDay": start[0],
        "StartMinuteOfHour": start[1],
        "EndHourOfDay": end[0],
        "EndMinuteOfHour": end[1],
        "DaysOfWeek": [4],
        UP: 80_000,
        **more,
    }


async def test_limits_last_until_they_are_deleted(tmp_path: Path) -> None:
    async with serving_api(tmp_path) as api:
        assert await api.call("DescribeBandwidthRateLimit", GatewayARN=GATEWAY) == {
            "GatewayARN": GATEWAY
        }
        limits = {UP: 51_200, DOWN: 102_400}
        told = await api.call("UpdateBandwidthRateLimit", GatewayARN=GATEWAY, **limits)
        assert told == {"GatewayARN": GATEWAY}
    async with serving_api(tmp_path) as api:
        told = await api.call("DescribeBandwidthRateLimit", GatewayARN=GATEWAY)
        assert told == {"GatewayARN": GATEWAY, **limits}
        assert api.gateway.bandwidth.at(THURSDAY) == Rates(6_400, 12_800)
        deleting = {"GatewayARN": GATEWAY, "BandwidthType": "UPLOAD"}
        assert await api.call("DeleteBandwidthRateLimit", **deleting) == {"GatewayARN": GATEWAY}
        assert api.gateway.bandwidth.at(THURSDAY) == Rates(None, 12_800)
        refusal = await api.refused("DeleteBandwidthRateLimit", **deleting)
        assert refusal[0] == "BandwidthThrottleScheduleNotFound"
        await api.call("DeleteBandwidthRateLimit", GatewayARN=GATEWAY, BandwidthType="ALL")
        assert api.gateway.bandwidth.at(THURSDAY) == Rates()


@pytest.mark.parametrize(
    "members",
    [
        {UP: 51_199},
        {DOWN: 102_399},
        {},
    ],
)
async def test_limits_that_cannot_be(api: Served, members: dict[str, int]) -> None:
    refusal = await api.refused("UpdateBandwidthRateLimit", GatewayARN=GATEWAY, **members)
    assert refusal[0] == "InvalidParameters"


async def test_an_unknown_kind_of_limit(api: Served) -> None:
    refusal = await api.refused(
        "DeleteBandwidthRateLimit", GatewayARN=GATEWAY, BandwidthType="SIDEWAYS"
    )
    assert refusal[0] == "InvalidParameters"


async def test_a_schedule_holds_by_the_gateways_own_time(tmp_path: Path) -> None:
    """Thursday, day 4 from Sunday, 9:00 up to the end of 17:59, four hours west of Greenwich."""
    intervals = [interval((9, 0), (17, 59))]
    async with serving_api(tmp_path) as api:
        await api.call("UpdateGatewayInformation", GatewayARN=GATEWAY, GatewayTimezone="GMT-4:00")
        told = await api.call(
            "UpdateBandwidthRateLimitSchedule",
            GatewayARN=GATEWAY,
            BandwidthRateLimitIntervals=intervals,
        )
        assert told == {"GatewayARN": GATEWAY}
    async with serving_api(tmp_path) as api:
        told = await api.call("DescribeBandwidthRateLimitSchedule", GatewayARN=GATEWAY)
        assert told == {"GatewayARN": GATEWAY, "BandwidthRateLimitIntervals": intervals}
        at = api.gateway.bandwidth.at
        limited = [at(THURSDAY + timedelta(hours=hours)).upload for hours in (12.9, 13, 21.9, 22)]
        assert limited == [None, 10_000, 10_000, None]
        await api.call(
            "UpdateBandwidthRateLimitSchedule", GatewayARN=GATEWAY, BandwidthRateLimitIntervals=[]
        )
        assert at(THURSDAY + timedelta(hours=14)) == Rates()


@pytest.mark.parametrize(
    ("intervals", "code"),
    [
        ([interval((17, 0), (9, 0))], "InvalidSchedule"),
        ([interval((9, 0), (12, 0)), interval((12, 0), (13, 0))], "InvalidSchedule"),
        ([interval((9, 0), (12, 0), DaysOfWeek=[])], "InvalidParameters"),
        ([interval((9, 0), (12, 0), DaysOfWeek=[7])], "InvalidParameters"),
        ([interval((9, 0), (24, 0))], "InvalidParameters"),
        ([interval((hour, 0), (hour, 59)) for hour in range(21)], "InvalidParameters"),
    ],
)
async def test_a_schedule_that_cannot_be(
    api: Served, intervals: list[dict[str, object]], code: str
) -> None:
    refusal = await api.refused(
        "UpdateBandwidthRateLimitSchedule",
        GatewayARN=GATEWAY,
        BandwidthRateLimitIntervals=intervals,
    )
    assert refusal[0] == code


async def test_neighbouring_intervals_do_not_overlap(api: Served) -> None:
    await api.call(
        "UpdateBandwidthRateLimitSchedule",
        GatewayARN=GATEWAY,
        BandwidthRateLimitIntervals=[interval((9, 0), (11, 59)), interval((12, 0), (23, 59))],
    )
    assert api.gateway.bandwidth.at(THURSDAY + timedelta(hours=23.99)).upload == 10_000


async def test_a_store_goes_by_a_limit_from_the_next_moment_on(api: Served) -> None:
    """Two bodies of 64,000 bytes at 6,400 bytes a second take ten seconds each."""
    slept: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    clock = Clock(lambda: now, lambda: THURSDAY, sleep)
    store = Throttled(MemoryStore(), api.gateway.bandwidth, clock)
    await store.put("fast", bytes(64_000))
    assert slept == []
    await api.call("UpdateBandwidthRateLimit", GatewayARN=GATEWAY, **{UP: 51_200})
    await store.put("slow", bytes(64_000))
    await store.put("slower", bytes(64_000))
    assert 19 <= sum(slept) <= 21
