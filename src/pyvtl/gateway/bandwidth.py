"""Bandwidth limits and their weekly schedule, kept across restarts and in force at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from itertools import pairwise
from typing import Final

from pyvtl.cloud.schedule import Interval, Rates, Schedule
from pyvtl.gateway.errors import (
    InvalidRequestError,
    InvalidScheduleError,
    RateLimitNotFoundError,
)
from pyvtl.gateway.information import About
from pyvtl.gateway.kept import Kept

BITS: Final = 8
SLOWEST_UPLOAD: Final = 51_200
SLOWEST_DOWNLOAD: Final = 102_400
MOST_INTERVALS: Final = 20
MINUTES_OF_DAY: Final = 24 * 60
DAYS: Final = range(7)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most to send and to receive, in bits a second; None is as fast as it goes."""

    upload: int | None = None
    download: int | None = None


@dataclass(frozen=True, slots=True)
class LimitInterval:
    """Limits on some days of the week, from one minute of the day to another, which belongs to it.

    Days count from 0, Sunday; minutes from midnight in the gateway's time zone.
    """

    days: tuple[int, ...]
    first_minute: int
    last_minute: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class AllLimits:
    """The limits that hold outside of all intervals, and the intervals."""

    usual: Limits = field(default_factory=Limits)
    intervals: tuple[LimitInterval, ...] = ()


class Bandwidth:
    """What stores ask how fast they may go: it stands where a Schedule stands.

    The settings hold until limits or a schedule are set here; from then on these do.
    """

    def __init__(self, kept: Kept[AllLimits], about: About, settings: Schedule) -> None:
        """`kept` begins as `limits_of` the settings."""
        self._kept = kept
        self._about = about
        self._settings = settings

    @property
    def limits(self) -> AllLimits:
        """As they are now."""
        return self._kept.value

    def at(self, moment: datetime) -> Rates:
        """The rates at a moment, local time of this machine if it has no time zone."""
        if not self._kept.stored:
            return self._settings.at(moment)
        return _schedule(self.limits).at(moment.astimezone(self._about.time_zone))

    async def limit(self, upload: int | None, download: int | None) -> None:
        """Put the usual limits in force that are not None; InvalidRequestError."""
        wanted = Limits(upload, download)
        if wanted == Limits():
            raise InvalidRequestError("give a limit for uploads, for downloads, or for both")
        _check_limits(wanted)
        await self._kept.change(lambda was: replace(was, usual=_over(was.usual, wanted)))

    async def clear(self, *, upload: bool, download: bool) -> None:
        """Take usual limits away; RateLimitNotFoundError when none of them is set."""

        def without(was: AllLimits) -> AllLimits:
            left = Limits(
                None if upload else was.usual.upload, None if download else was.usual.download
            )
            if left == was.usual:
                raise RateLimitNotFoundError("there is no such bandwidth limit to delete")
            return replace(was, usual=left)

        await self._kept.change(without)

    async def schedule(self, intervals: Sequence[LimitInterval]) -> None:
        """Put a weekly schedule in force instead of what there is; none of them is no schedule.

        Raises InvalidScheduleError, and InvalidRequestError for a limit that is too low.
        """
        for interval in intervals:
            _check_interval(interval)
        _check_apart(intervals)
        await self._kept.change(lambda was: replace(was, intervals=tuple(intervals)))


def limits_of(schedule: Schedule) -> AllLimits:
    """The limits of a schedule as they are told here."""
    return AllLimits(_limits(schedule.usual), tuple(map(_told, schedule.intervals)))


def _told(interval: Interval) -> LimitInterval:
    end = interval.end.hour * 60 + interval.end.minute or MINUTES_OF_DAY
    return LimitInterval(
        tuple(sorted((day + 1) % len(DAYS) for day in interval.days)),
        interval.start.hour * 60 + interval.start.minute,
        end - 1,
        _limits(interval.rates),
    )


def _limits(rates: Rates) -> Limits:
    up, down = rates.upload, rates.download
    return Limits(up and up * BITS, down and down * BITS)


def _over(was: Limits, wanted: Limits) -> Limits:
    return Limits(
        was.upload if wanted.upload is None else wanted.upload,
        was.download if wanted.download is None else wanted.download,
    )


def _check_limits(limits: Limits) -> None:
    for what, limit, slowest in (
        ("uploads", limits.upload, SLOWEST_UPLOAD),
        ("downloads", limits.download, SLOWEST_DOWNLOAD),
    ):
        if limit is not None and limit < slowest:
            raise InvalidRequestError(f"the limit for {what} is at least {slowest} bits a second")


def _check_interval(interval: LimitInterval) -> None:
    _check_limits(interval.limits)
    if not interval.days or not set(interval.days) <= set(DAYS):
        raise InvalidScheduleError("an interval needs days: 0 (Sunday) to 6 (Saturday)")
    if not 0 <= interval.first_minute <= interval.last_minute < MINUTES_OF_DAY:
        raise InvalidScheduleError(
            "an interval ends on the day it starts, and not before: make two of one that spans"
            " midnight"
        )


def _check_apart(intervals: Sequence[LimitInterval]) -> None:
    if len(intervals) > MOST_INTERVALS:
        raise InvalidScheduleError(f"a schedule has {MOST_INTERVALS} intervals at most")
    for (_, _, last), (day, first, _) in pairwise(sorted(_by_day(intervals))):
        if first <= last:
            raise InvalidScheduleError(
                f"two intervals overlap on day {day} at {_clock(first % MINUTES_OF_DAY)}"
            )


def _by_day(intervals: Sequence[LimitInterval]) -> Iterator[tuple[int, int, int]]:
    """Each interval on each of its days: the day, first and last minute of the week."""
    for interval in intervals:
        for day in sorted(set(interval.days)):
            start = day * MINUTES_OF_DAY
            yield day, start + interval.first_minute, start + interval.last_minute


def _clock(minute: int) -> time:
    return time(*divmod(minute % MINUTES_OF_DAY, 60))


def _schedule(limits: AllLimits) -> Schedule:
    return Schedule(_rates(limits.usual), tuple(map(_interval, limits.intervals)))


def _interval(interval: LimitInterval) -> Interval:
    """In Python's days, which begin on Monday, and up to the minute after the last one."""
    return Interval(
        frozenset((day - 1) % len(DAYS) for day in interval.days),
        _clock(interval.first_minute),
        _clock(interval.last_minute + 1),
        _rates(interval.limits),
    )


def _rates(limits: Limits) -> Rates:
    return Rates(_bytes(limits.upload), _bytes(limits.download))


def _bytes(bits: int | None) -> int | None:
    return None if bits is None else bits // BITS
