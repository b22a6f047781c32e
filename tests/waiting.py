"""Waiting for what happens in the background."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 60


def seen(
    look: Callable[[], T], wanted: Callable[[T], bool], seconds: float = PATIENCE_SECONDS
) -> T:
    """What `look` gives, once it is what is wanted; TimeoutError tells what it gave last."""
    deadline = time.monotonic() + seconds
    while not wanted(found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} s still {found!r}")
        time.sleep(0.05)
    return found


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return once it holds; TimeoutError when it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)
