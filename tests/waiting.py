"""Waiting for what happens in the background."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 30


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return once it holds; TimeoutError when it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)
