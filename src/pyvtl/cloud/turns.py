"""Who is at work on which tape: two who bring one into the store would undo each other's steps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Tapes that somebody is at work on, by barcode; all on one event loop."""

    def __init__(self) -> None:
        self._taken: dict[str, asyncio.Event] = {}

    def taken(self, barcode: str) -> bool:
        """Whether somebody has the turn."""
        return barcode in self._taken

    def take(self, barcode: str) -> None:
        """Have the turn, which nobody has, until it is given back."""
        assert not self.taken(barcode), "one has to wait for it then"
        self._taken[barcode] = asyncio.Event()

    def give_back(self, barcode: str) -> None:
        """Let the next one have the turn."""
        self._taken.pop(barcode).set()

    @asynccontextmanager
    async def turn(self, barcode: str) -> AsyncIterator[None]:
        """Have the turn as soon as nobody else has it."""
        while self.taken(barcode):
            await self._taken[barcode].wait()
        self.take(barcode)
        try:
            yield
        finally:
            self.give_back(barcode)
