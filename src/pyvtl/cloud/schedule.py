"""How fast to send and receive, by the time of the week."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes per second, at least 1; None is as fast as it goes."""

    upload: int | None = None
    download: int | None = None

    def __post_init__(self) -> None:
        if any(rate is not None and rate < 1 for rate in (self.upload, self.download)):
            raise ValueError(
                f"{self} would let nothing through; a rate is at least 1 byte a second"
            )


class Rated(Protocol):
    """What says how fast to go: a Schedule, or something whose schedule changes."""

    def at(self, moment: datetime) -> Rates:
        """The rates at a moment of local time."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A time of day, on some days (0 is Monday), from `start` up to but without `end`.

    It ends on the day it starts; `end` at midnight is the end of that day.
    """

    days: frozenset[int]
    start: time
    end: time
    rates: Rates

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(range(7)):
            raise ValueError("days of an interval are 0 (Monday) to 6 (Sunday), at least one")
        if time.min < self.end <= self.start:
            raise ValueError(f"an interval from {self.start} to {self.end} ends before it starts")

    def covers(self, moment: datetime) -> bool:
        """Whether a moment of local time lies in it."""
        started = moment.weekday() in self.days and self.start <= moment.time()
        return started and (self.end == time.min or moment.time() < self.end)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rates by the week: those of the first interval that covers a moment, else the usual ones."""

    usual: Rates = Rates()
    intervals: tuple[Interval, ...] = ()

    def at(self, moment: datetime) -> Rates:
        """The rates at a moment of local time."""
        covering = (interval.rates for interval in self.intervals if interval.covers(moment))
        return next(covering, self.usual)
