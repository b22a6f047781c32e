"""Limits of the settings, and those that take their place."""

from datetime import datetime
from pathlib import Path

import pytest

from pyvtl.cloud.schedule import Rates
from pyvtl.config.rates import RateSettings
from pyvtl.gateway.bandwidth import (
    AllLimits,
    Bandwidth,
    LimitInterval,
    Limits,
    limits_of,
)
from pyvtl.gateway.folder import DataFolderError
from pyvtl.gateway.information import About, Information
from pyvtl.gateway.kept import Kept

SETTINGS = RateSettings.model_validate(
    {
        "upload_rate": "10MB",
        "rate_schedule": ["mon-fri 08:00-18:00 upload=1MB", "sat+sun 00:00-24:00 download=2MB"],
    }
).rates
MONDAY_NOON = datetime(2026, 1, 5, 12)  # noqa: DTZ001 - settings go by the clock on the wall


def bandwidth(folder: Path) -> Bandwidth:
    about = About(Kept(folder / "information.json", Information("here")), "0123abcd")
    return Bandwidth(Kept(folder / "bandwidth.json", limits_of(SETTINGS)), about, SETTINGS)


def test_the_settings_are_told_in_bits_and_in_days_from_sunday() -> None:
    assert limits_of(SETTINGS) == AllLimits(
        Limits(upload=80_000_000),
        (
            LimitInterval((1, 2, 3, 4, 5), 8 * 60, 18 * 60 - 1, Limits(upload=8_000_000)),
            LimitInterval((0, 6), 0, 24 * 60 - 1, Limits(download=16_000_000)),
        ),
    )


def test_the_settings_hold_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    assert bandwidth(tmp_path).at(MONDAY_NOON) == Rates(1_000_000)
    assert bandwidth(tmp_path).at(MONDAY_NOON.replace(hour=20)) == Rates(10_000_000)


async def test_what_is_set_takes_the_place_of_the_settings_and_keeps_the_rest(
    tmp_path: Path,
) -> None:
    first = bandwidth(tmp_path)
    await first.limit(None, 800_000)
    for each in (first, bandwidth(tmp_path)):
        assert each.limits.usual == Limits(80_000_000, 800_000)
        assert each.limits.intervals == limits_of(SETTINGS).intervals
    await first.schedule([])
    assert bandwidth(tmp_path).at(MONDAY_NOON) == Rates(10_000_000, 100_000)


@pytest.mark.parametrize("content", ["{", '{"usual": {"upload": "fast"}}'])
def test_a_broken_file_is_told_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "bandwidth.json").write_text(content)
    with pytest.raises(DataFolderError, match=r"bandwidth\.json cannot be read .* remove it"):
        bandwidth(tmp_path)
