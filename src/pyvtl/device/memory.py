"""The memory that all drives share: buffers, read-ahead, and the waiting for room in them.

Every drive has an account.  A guaranteed amount is always there for it; beyond that all accounts
draw on what is left, first come, first served, up to a most per account.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


class MemoryPool:
    """Counts bytes; all sizes in bytes.  Used by one event loop and by the drives' threads."""

    def __init__(
        self,
        limit_bytes: int = 192 * MIB,
        guaranteed_bytes: int = 4 * MIB,
        most_bytes: int = 64 * MIB,
    ) -> None:
        self.limit_bytes = limit_bytes
        self.guaranteed_bytes = guaranteed_bytes
        self.most_bytes = most_bytes
        self._accounts: list[Account] = []
        self._waiters: deque[Waiter] = deque()

    def open_account(self) -> "Account":
        account = Account(self)
        self._accounts.append(account)
        return account

    def close_account(self, account: "Account") -> None:
        """Guarantee nothing to `account` any more; closing twice is closing once."""
        if account in self._accounts:
            self._accounts.remove(account)

    @property
    def free_bytes(self) -> int:
        """What is neither held nor guaranteed to anybody."""
        guaranteed = self.guaranteed_bytes
        return self.limit_bytes - sum(max(guaranteed, a.held_bytes) for a in self._accounts)

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for memory."""
        return bool(self._waiters)

    def try_take(self, account: "Account", size: int) -> bool:
        """Take `size` bytes at once, if nobody who waits longer would have to stand back."""
        return self._fits(account, size, behind_others=bool(self._waiters)) and account.add(size)

    async def take(self, account: "Account", size: int) -> None:
        """Take `size` bytes, waiting for them; cancelling the wait takes nothing."""
        if self.try_take(account, size):
            return
        waiter = Waiter(account, size, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self.serve()  # what a thread released before it could see the waiter
        try:
            await waiter.served
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            else:
                account.give_back(size)
            raise

    def serve(self) -> None:
        """Give those who wait what has become free, in the order in which they came."""
        short = False
        for waiter in tuple(self._waiters):
            if self._fits(waiter.account, waiter.size, behind_others=short):
                self._waiters.remove(waiter)
                waiter.account.add(waiter.size)
                waiter.served.set_result(None)
            else:
                short |= waiter.account.held_bytes + waiter.size <= self.most_bytes

    def released_in_thread(self) -> None:
        """Called in a drive's thread: have the loop serve those who wait, if any do."""
        with suppress(IndexError):
            self._waiters[0].served.get_loop().call_soon_threadsafe(self.serve)

    def _fits(self, account: "Account", size: int, *, behind_others: bool) -> bool:
        held = account.held_bytes
        if held + size <= self.guaranteed_bytes:
            return True
        if held and held + size > self.most_bytes:
            return False
        return not behind_others and size - max(0, self.guaranteed_bytes - held) <= self.free_bytes


class Account:
    """What one drive holds of the pool.

    The loop takes and gives back; the drive's thread releases.  Each counts on its own, so that
    neither needs a lock.
    """

    def __init__(self, pool: MemoryPool) -> None:
        self.pool = pool
        self._taken = 0
        self._released = 0

    @property
    def held_bytes(self) -> int:
        return self._taken - self._released

    def add(self, size: int) -> bool:
        """Count `size` more bytes as taken; True, for the convenience of the pool."""
        self._taken += size
        return True

    def give_back(self, size: int) -> None:
        """On the loop: `size` bytes are no longer needed."""
        self._taken -= size
        if self.pool.awaited:
            self.pool.serve()

    def release(self, size: int) -> None:
        """In the drive's thread: `size` bytes are no longer needed."""
        self._released += size
        self.pool.released_in_thread()


@dataclass(eq=False, slots=True)
class Waiter:
    """One who waits for `size` bytes."""

    account: Account
    size: int
    served: asyncio.Future[None]
