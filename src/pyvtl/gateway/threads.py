"""What blocks, off the event loop and to its end."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """As `asyncio.to_thread`, but nothing goes on behind the back of whoever cancels it.

    Then it ends first, and what it gives is lost: so it may be closed what it worked on.
    """
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
