"""How the filling of the upload buffer slows writers: a table, and what waits for what."""

import asyncio

import pytest

from pyvtl.cloud.upload_buffer import LONGEST_DELAY, MIB, UploadBuffer, delay, high_water
from tests.waiting import until

LIMIT = 4096 * MIB


@pytest.mark.parametrize(
    ("used", "size", "seconds"),
    [
        (0, MIB, 0),
        (3072 * MIB, MIB, 0),
        (3072 * MIB + 512 * MIB, MIB, 30 / 8),
        (3072 * MIB + 512 * MIB, 2 * MIB, 30 / 4),
        (3072 * MIB + 512 * MIB, 16 * MIB, 30),
        (LIMIT - 1, MIB, pytest.approx(30)),
        (LIMIT, MIB, None),
        (LIMIT + 1, MIB, None),
    ],
)
def test_the_delay_grows_with_what_is_used_of_the_reserve(
    used: int, size: int, seconds: float | None
) -> None:
    assert delay(used, LIMIT, size) == seconds


def test_ten_drives_can_write_on_for_more_than_an_hour_while_nothing_is_uploaded() -> None:
    limit, seconds = 32 << 30, 0.0
    for used in range(high_water(limit), limit, MIB):
        seconds += (delay(used, limit, MIB) or 0) / 10
    assert 1.5 * 3600 < seconds < 2 * 3600


def buffer(used: int) -> tuple[UploadBuffer, list[int], list[float]]:
    """One with so many bytes in it, and a clock: both are lists of one number, to be changed."""
    level, clock = [used], [0.0]
    return UploadBuffer(LIMIT, lambda: level[0], lambda: None, lambda: clock[0]), level, clock


async def test_nobody_waits_below_the_high_water_mark() -> None:
    waiting = asyncio.create_task(buffer(high_water(LIMIT))[0].admit(16 * MIB))
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_writer_goes_on_when_its_delay_is_over() -> None:
    valve, _, clock = buffer(LIMIT - 1)
    waiting = asyncio.create_task(valve.admit(MIB))
    await asyncio.sleep(0)
    clock[0] = LONGEST_DELAY - 1
    valve.fell()
    await asyncio.sleep(0)
    assert not waiting.done()
    clock[0] = LONGEST_DELAY
    valve.fell()
    await until(waiting.done)


async def test_a_writer_goes_on_at_once_when_there_is_room() -> None:
    valve, level, _ = buffer(LIMIT - 1)
    waiting = asyncio.create_task(valve.admit(MIB))
    await asyncio.sleep(0)
    level[0] = 0
    valve.fell()
    await until(waiting.done)


async def test_a_writer_is_held_for_as_long_as_the_reserve_is_spent() -> None:
    valve, level, clock = buffer(LIMIT)
    waiting = asyncio.create_task(valve.admit(MIB))
    await asyncio.sleep(0)
    clock[0] = 24 * 3600
    valve.fell()
    await asyncio.sleep(0)
    assert not waiting.done()
    level[0] = high_water(LIMIT)
    valve.fell()
    await until(waiting.done)


async def test_a_held_writer_can_be_called_off() -> None:
    valve, _, _ = buffer(LIMIT)
    waiting = asyncio.create_task(valve.admit(MIB))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
