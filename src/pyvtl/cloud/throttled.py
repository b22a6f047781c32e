"""A store that sends and receives no faster than a schedule allows."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from pyvtl.cloud.objects import Content, ObjectStore
from pyvtl.cloud.schedule import Rated
from pyvtl.cloud.wrapping import Call, Result, Wrapper

LOOK_AGAIN_SECONDS = 1.0
"""How soon a new rate applies to those who wait."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: seconds that never go back, local time, and a way to wait."""

    seconds: Callable[[], float] = time.monotonic
    local: Callable[[], datetime] = datetime.now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Gate:
    """Lets so many bytes a second through on average; saves up a second's worth at most."""

    def __init__(self, rate: Callable[[], int | None], clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._allowed = 0.0
        self._seen = clock.seconds()
        self._turn = asyncio.Lock()

    def charge(self, count: int) -> None:
        """Count bytes that go through; those who come next wait for them."""
        self._allowed -= count

    async def opened(self) -> None:
        """Wait until what went through before is paid for, in the order of asking."""
        async with self._turn:
            while (wait := self._wait_seconds()) > 0:
                await self._clock.sleep(min(wait, LOOK_AGAIN_SECONDS))

    async def pay(self, count: int) -> None:
        """Wait until so many bytes may go through, in the order of asking."""
        async with self._turn:
            self._refill()
            self._allowed -= count
            while (wait := self._wait_seconds()) > 0:
                await self._clock.sleep(min(wait, LOOK_AGAIN_SECONDS))

    def _wait_seconds(self) -> float:
        rate = self._refill()
        return 0 if rate is None else max(0.0, -self._allowed / rate)

    def _refill(self) -> int | None:
        rate, now = self._rate(), self._clock.seconds()
        passed, self._seen = now - self._seen, now
        self._allowed = 0.0 if rate is None else min(rate, self._allowed + rate * passed)
        return rate


class Throttled(Wrapper):
    """Bytes sent are paid for before they go, bytes received before the next are asked for.

    The average holds; a single call goes at the speed of the line, so a part is the grain.
    """

    def __init__(self, inner: ObjectStore, schedule: Rated, clock: Clock = Clock()) -> None:
        super().__init__(inner)
        self._up = Gate(lambda: schedule.at(clock.local()).upload, clock)
        self._down = Gate(lambda: schedule.at(clock.local()).download, clock)

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        if call.sent:
            await self._up.pay(call.sent)
        if call.operation == "get":
            await self._down.opened()
        result = await attempt()
        if isinstance(result, Content):
            self._down.charge(len(result.data))
        return result
