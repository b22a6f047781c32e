"""What blocks, off the event loop and to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """As `asyncio.to_thread`, but `to_its_end`."""
    return await to_its_end(asyncio.to_thread(function, *arguments, **named))


async def to_its_end(call: Awaitable[Result]) -> Result:
    """Await what may not go on behind the back of whoever cancels it.

    It ends first, and what it gives is lost: so what it worked on may be closed then.
    """
    running = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        raise
