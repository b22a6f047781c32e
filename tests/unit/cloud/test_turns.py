"""One at a time is at work on a tape."""

import asyncio

from pyvtl.cloud.turns import Turns


async def test_one_waits_for_the_other_and_nobody_waits_for_another_tape() -> None:
    turns, told = Turns(), list[str]()

    async def work(name: str, barcode: str) -> None:
        async with turns.turn(barcode):
            told.append(f"{name} begins")
            await asyncio.sleep(0)
            told.append(f"{name} ends")

    await asyncio.gather(work("first", "A"), work("second", "A"), work("other", "B"))
    assert told[:2] == ["first begins", "other begins"]
    assert [each for each in told if "other" not in each] == [
        "first begins",
        "first ends",
        "second begins",
        "second ends",
    ]


async def test_the_turn_is_given_back_whatever_happens() -> None:
    turns = Turns()
    turns.take("A")
    waiting = asyncio.create_task(turns.turn("A").__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert turns.taken("A")
    turns.give_back("A")
    assert not turns.taken("A")
