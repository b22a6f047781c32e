"""How fast the object store may be sent to and read from, by the time of the week."""

import re
from collections.abc import Iterator
from datetime import time
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from pyvtl.cloud.schedule import Interval, Rates, Schedule
from pyvtl.config.section import Section
from pyvtl.config.types import Size
from pyvtl.config.units import parse_size

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNLIMITED = "unlimited"
FORM = "write like: mon-fri 08:00-18:00 upload=10MiB download=50MiB"
_ENTRY = re.compile(r"(?P<days>\S+) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?P<rates>( \S+)+)")
_DAYS = re.compile(r"[a-z]{3}(-[a-z]{3})?(\+[a-z]{3}(-[a-z]{3})?)*")


def parse_interval(text: str) -> Interval:
    """`DAYS HH:MM-HH:MM [upload=RATE] [download=RATE]`; ValueError says what is wrong.

    DAYS are like mon-fri or sat+sun, and 24:00 is the end of a day.  A RATE is a size, which is
    let through each second, or `unlimited`, as is what is not named.
    """
    match = _ENTRY.fullmatch(" ".join(text.lower().split()))
    if match is None or not _DAYS.fullmatch(match["days"]):
        raise ValueError(f"{text!r} is no entry of a schedule; {FORM}")
    try:
        rates = dict(map(_rate, match["rates"].split()))
        start, end = _time(match["start"]), _time(match["end"])
        return Interval(frozenset(_days(match["days"])), start, end, Rates(**rates))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{text!r}: {error}; {FORM}") from None


def _days(text: str) -> Iterator[int]:
    for part in text.split("+"):
        first, _, last = part.partition("-")
        yield from range(_day(first), _day(last or first) + 1)


def _day(name: str) -> int:
    if name not in DAYS:
        raise ValueError(f"{name} is no day: they are {', '.join(DAYS)}")
    return DAYS.index(name)


def _time(text: str) -> time:
    return time.min if text == "24:00" else time.fromisoformat(text)


def _rate(text: str) -> tuple[str, int | None]:
    way, _, rate = text.partition("=")
    if way not in ("upload", "download"):
        raise ValueError(f"{text} is neither upload=RATE nor download=RATE")
    return way, None if rate == UNLIMITED else parse_size(rate)


def _as_row(value: object) -> object:
    return [part for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _checked(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        parse_interval(entry)
    return entries


class RateSettings(Section):
    """Rates in bytes per second; the first entry of the schedule that fits the time counts."""

    upload_rate: Size | None = Field(
        None, ge=1, description="the most that is sent to the store in a second; else no limit"
    )
    download_rate: Size | None = Field(
        None, ge=1, description="the most that is read from it in a second; else no limit"
    )
    rate_schedule: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_as_row), AfterValidator(_checked)
    ] = Field((), description="other rates by the time of the week, which is local time")

    @property
    def rates(self) -> Schedule:
        """The rates by the week."""
        usual = Rates(self.upload_rate, self.download_rate)
        return Schedule(usual, tuple(map(parse_interval, self.rate_schedule)))
