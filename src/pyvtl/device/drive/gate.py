"""Who may work with a drive: one command, or the library, at a time."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Self


class Gate:
    """Lets one pass at a time, in the order in which they came.

    A lock of asyncio's would do, but for every command, which finds the gate open, it costs two
    coroutines; `enter` costs none.
    """

    def __init__(self) -> None:
        self._closed = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def enter(self) -> bool:
        """Pass and close the gate, if it is open; whoever passed has to `leave`."""
        if self._closed:
            return False
        self._closed = True
        return True

    async def wait(self) -> None:
        """Pass when it is one's turn; cancelling the wait gives the turn to the next."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            with suppress(ValueError):
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Let the next one pass; without one the gate stands open."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._closed = False

    async def __aenter__(self) -> Self:
        if not self.enter():
            await self.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
