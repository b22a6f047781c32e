"""Operations on bandwidth limits and their schedule."""

from typing import Any, Final

from pyvtl.api.errors import invalid_parameter
from pyvtl.api.service import Answer, Asked, Service, of_gateway, present
from pyvtl.gateway.bandwidth import LimitInterval, Limits

UPLOAD: Final = "AverageUploadRateLimitInBitsPerSec"
DOWNLOAD: Final = "AverageDownloadRateLimitInBitsPerSec"
KINDS: Final = ("UPLOAD", "DOWNLOAD", "ALL")
MINUTES_OF_HOUR: Final = 60


async def describe_bandwidth_rate_limit(service: Service, asked: Asked) -> Answer:
    """The limits that hold outside of the schedule's intervals."""
    return of_gateway(asked) | _limits(service.gateway.bandwidth.limits.usual)


async def update_bandwidth_rate_limit(service: Service, asked: Asked) -> Answer:
    """One limit or both."""
    await service.gateway.bandwidth.limit(asked.get(UPLOAD), asked.get(DOWNLOAD))
    return of_gateway(asked)


async def delete_bandwidth_rate_limit(service: Service, asked: Asked) -> Answer:
    """One limit or both."""
    kind = asked["BandwidthType"]
    if kind not in KINDS:
        raise invalid_parameter(f"BandwidthType {kind!r} is none of {', '.join(KINDS)}")
    await service.gateway.bandwidth.clear(upload=kind != "DOWNLOAD", download=kind != "UPLOAD")
    return of_gateway(asked)


async def describe_bandwidth_rate_limit_schedule(service: Service, asked: Asked) -> Answer:
    """The intervals as they were given."""
    intervals = service.gateway.bandwidth.limits.intervals
    return of_gateway(asked) | {
        "BandwidthRateLimitIntervals": [_told(interval) for interval in intervals]
    }


async def update_bandwidth_rate_limit_schedule(service: Service, asked: Asked) -> Answer:
    """All intervals anew; an empty list is no schedule."""
    intervals = [_interval(row) for row in asked["BandwidthRateLimitIntervals"]]
    await service.gateway.bandwidth.schedule(intervals)
    return of_gateway(asked)


def _interval(row: dict[str, Any]) -> LimitInterval:
    return LimitInterval(
        tuple(row["DaysOfWeek"]),
        row["StartHourOfDay"] * MINUTES_OF_HOUR + row["StartMinuteOfHour"],
        row["EndHourOfDay"] * MINUTES_OF_HOUR + row["EndMinuteOfHour"],
        Limits(row.get(UPLOAD), row.get(DOWNLOAD)),
    )


def _told(interval: LimitInterval) -> dict[str, Any]:
    start_hour, start_minute = divmod(interval.first_minute, MINUTES_OF_HOUR)
    end_hour, end_minute = divmod(interval.last_minute, MINUTES_OF_HOUR)
    return {
        "StartHourOfDay": start_hour,
        "StartMinuteOfHour": start_minute,
        "EndHourOfDay": end_hour,
        "EndMinuteOfHour": end_minute,
        "DaysOfWeek": list(interval.days),
        **_limits(interval.limits),
    }


def _limits(limits: Limits) -> dict[str, Any]:
    return present(**{UPLOAD: limits.upload, DOWNLOAD: limits.download})
