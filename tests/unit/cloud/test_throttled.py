"""How fast bytes go, by the time of the week."""

import asyncio
from datetime import datetime, time, timedelta

import pytest

from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.schedule import Interval, Rates, Schedule
from pyvtl.cloud.throttled import Clock, Throttled

MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - schedules are in local time
WORKDAYS = frozenset(range(5))


class FakeTime:
    """A clock that goes on only when somebody waits."""

    def __init__(self, start: datetime = MONDAY) -> None:
        self.start = start
        self.passed = 0.0

    async def sleep(self, seconds: float) -> None:
        self.passed += seconds

    @property
    def clock(self) -> Clock:
        return Clock(
            lambda: self.passed, lambda: self.start + timedelta(0, self.passed), self.sleep
        )


async def test_sending_takes_the_time_of_its_bytes() -> None:
    fake = FakeTime()
    store = Throttled(MemoryStore(), Schedule(Rates(upload=100)), fake.clock)
    for _ in range(5):
        await store.put("key", bytes(200))
    assert fake.passed == pytest.approx(10)


async def test_parts_are_sent_at_the_same_rate_all_together() -> None:
    fake = FakeTime()
    store = Throttled(MemoryStore(), Schedule(Rates(upload=100)), fake.clock)
    upload = await store.begin_upload("key")
    await asyncio.gather(*(store.send_part(upload, n, bytes(100)) for n in range(1, 5)))
    assert fake.passed == pytest.approx(4)


async def test_reading_is_paid_for_before_the_next_one() -> None:
    fake = FakeTime()
    store = Throttled(MemoryStore(), Schedule(Rates(download=100)), fake.clock)
    await store.put("key", bytes(500))
    await store.get("key")
    assert fake.passed == 0
    await store.get("key", 0, 100)
    assert fake.passed == pytest.approx(5)
    await store.get("key")
    assert fake.passed == pytest.approx(6)


async def test_idle_time_is_saved_up_for_a_second_only() -> None:
    fake = FakeTime()
    store = Throttled(MemoryStore(), Schedule(Rates(upload=100)), fake.clock)
    fake.passed = 3600
    await store.put("key", bytes(300))
    assert fake.passed == pytest.approx(3602)


async def test_without_a_rate_nothing_waits() -> None:
    fake = FakeTime()
    store = Throttled(MemoryStore(), Schedule(), fake.clock)
    await store.put("key", bytes(1 << 20))
    await store.get("key")
    assert fake.passed == 0


async def test_a_new_rate_applies_to_those_who_wait() -> None:
    slow_until_one = Interval(WORKDAYS, time(0), time(1), Rates(upload=1))
    fake = FakeTime(MONDAY + timedelta(minutes=59))
    store = Throttled(MemoryStore(), Schedule(Rates(), (slow_until_one,)), fake.clock)
    await store.put("key", bytes(1_000_000))
    assert fake.passed == pytest.approx(60, abs=2)


OFFICE = Interval(WORKDAYS, time(8), time(18), Rates(upload=1))
NIGHT = Interval(frozenset({6}), time(22), time(0), Rates(upload=2))
WEEK = Schedule(Rates(upload=9), (OFFICE, NIGHT))


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        ("2024-01-01 07:59:59", 9),
        ("2024-01-01 08:00:00", 1),
        ("2024-01-05 17:59:59", 1),
        ("2024-01-05 18:00:00", 9),
        ("2024-01-06 12:00:00", 9),
        ("2024-01-07 23:59:59", 2),
        ("2024-01-08 00:00:00", 9),
    ],
)
def test_the_week_has_its_rates(moment: str, rate: int) -> None:
    assert WEEK.at(datetime.fromisoformat(moment)) == Rates(upload=rate)


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        Interval(WORKDAYS, time(9), time(8), Rates())
    for days in (frozenset[int](), frozenset({7})):
        with pytest.raises(ValueError, match="0 \\(Monday\\) to 6"):
            Interval(days, time(8), time(9), Rates())
    with pytest.raises(ValueError, match="would let nothing through"):
        Rates(upload=0)
