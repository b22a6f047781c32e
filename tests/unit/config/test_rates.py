"""How fast the store may be used, as a person writes it."""

from datetime import datetime, time
from pathlib import Path

import pytest

from pyvtl.cloud.schedule import Interval, Rates
from pyvtl.config.rates import parse_interval
from pyvtl.config.sources import ConfigError, load

MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        (
            "mon-fri 08:00-18:00 upload=10MiB download=50MiB",
            Interval(frozenset(range(5)), time(8), time(18), Rates(10 * MIB, 50 * MIB)),
        ),
        (
            "sat+sun  00:00-24:00 upload=unlimited",
            Interval(frozenset({5, 6}), time.min, time.min, Rates()),
        ),
        (
            "Wed 22:30-23:00 download=1kB",
            Interval(frozenset({2}), time(22, 30), time(23), Rates(None, 1000)),
        ),
    ],
)
def test_an_entry_says_when_and_how_fast(text: str, interval: Interval) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("always", "is no entry of a schedule; write like: mon-fri 08:00-18:00"),
        ("mon 08:00-18:00", "is no entry of a schedule"),
        ("mon-day 08:00-18:00 upload=1MiB", "day is no day"),
        ("fri-mon 08:00-18:00 upload=1MiB", "at least one"),
        ("mon 18:00-08:00 upload=1MiB", "ends before it starts"),
        ("mon 08:00-25:00 upload=1MiB", "hour must be in 0..23"),
        ("mon 08:00-18:00 both=1MiB", "is neither upload=RATE nor download=RATE"),
        ("mon 08:00-18:00 upload=fast", "'fast' is no size"),
        ("mon 08:00-18:00 upload=0", "would let nothing through"),
    ],
)
def test_what_makes_no_sense_is_told(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".*; write like: mon-fri") as raised:
        parse_interval(text)
    assert reason in str(raised.value)


def test_settings_give_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = "mon-fri 08:00-18:00 upload=1MiB,sat 00:00-24:00 download=2MiB"
    monkeypatch.setenv("PYVTL_STORE__UPLOAD_RATE", "4MiB")
    monkeypatch.setenv("PYVTL_STORE__RATE_SCHEDULE", entries)
    rates = load().config.store.rates
    monday = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - local time, as the schedule is
    assert [rates.at(monday.replace(day=day)) for day in (23, 28, 29)] == [
        Rates(MIB),
        Rates(None, 2 * MIB),
        Rates(4 * MIB),
    ]


def test_a_schedule_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "pyvtl.toml"
    file.write_text('[store]\nrate_schedule = ["always"]\n')
    with pytest.raises(ConfigError, match=r"store\.rate_schedule") as raised:
        load(file)
    assert "'always' is no entry of a schedule" in str(raised.value)
