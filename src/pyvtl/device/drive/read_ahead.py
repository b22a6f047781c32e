"""Reading: the drive's thread fetches objects before the loop needs them."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from pyvtl.device.drive.transport import Transport
from pyvtl.device.memory import MIB, Account
from pyvtl.media.medium import EndOfData, Filemark, Medium, Position, Record

Found = Record | Filemark | EndOfData

FIRST_BYTES: Final = 128 * 1024
MOST_BYTES: Final = 8 * MIB


class ReadAhead:
    """The objects from a position on, in order.

    Each fetch in sequence is four times as long as the one before, up to a most, and the next
    one is under way when half of the last one is used up.
    """

    def __init__(
        self, transport: Transport, medium: Medium, account: Account, at: Position
    ) -> None:
        self.objects: deque[Found] = deque()
        self._transport = transport
        self._medium = medium
        self._account = account
        self._end = at
        self._window = FIRST_BYTES
        self._ready_bytes = 0
        self._fetching = False
        self._closed = False
        self._error: BaseException | None = None

    def next(self) -> Found | None:
        """The object that is next, if it is here; the end of data stays where it is."""
        objects = self.objects
        if not objects:
            return None
        found = objects[0]
        if isinstance(found, Record):
            objects.popleft()
            self._used(found.size)
        elif isinstance(found, Filemark):
            objects.popleft()
        return found

    def take(self, count: int, size: int) -> list[Record]:
        """As `next`, up to `count` times while there are records of `size` bytes."""
        objects = self.objects
        taken: list[Record] = []
        while objects and len(taken) < count:
            found = objects[0]
            if not isinstance(found, Record) or found.size != size:
                break
            taken.append(found)
            objects.popleft()
        self._used(len(taken) * size)
        return taken

    def _used(self, size: int) -> None:
        self._ready_bytes -= size
        self._account.give_back(size)
        if self._ready_bytes < self._window // 2 and not self._fetching:
            self._fetch_ahead()

    async def fetch(self) -> None:
        """Wait until `next` has something; raises MediumError."""
        while not self.objects:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            if not self._fetching:
                self._fetch_ahead()
            # Calls are made in order: when this one is done, so is the fetch.
            await self._transport.call(_nothing)

    def close(self) -> None:
        """Drop what was fetched and not used."""
        self._closed = True
        self._account.give_back(self._ready_bytes)
        self.objects.clear()

    def _fetch_ahead(self) -> None:
        ended = self.objects and isinstance(self.objects[-1], EndOfData)
        if ended or self._error is not None:
            return
        size = self._affordable()
        if not size:
            return
        self._fetching = True
        at = self._end

        def read() -> Sequence[Found]:
            return self._medium.read(at, size)

        self._transport.post(read, self._fetched)

    def _affordable(self) -> int:
        """How many bytes to fetch: less, or later, when the pool is short of memory."""
        self._window = min(self._window * 4, MOST_BYTES)
        guaranteed = self._account.pool.guaranteed_bytes
        for size in (self._window, guaranteed // 2):
            if self._account.pool.try_take(self._account, size):
                self._account.give_back(size)
                return size
        return 0 if self.objects else FIRST_BYTES

    def _fetched(self, found: Sequence[Found] | None, error: BaseException | None) -> None:
        self._fetching = False
        if self._closed:
            return
        self._error = error
        if found:
            self.objects.extend(found)
            self._pass(found)

    def _pass(self, found: Sequence[Found]) -> None:
        """Go on fetching behind what was found."""
        sizes = [item.size for item in found if isinstance(item, Record)]
        filemarks = sum(isinstance(item, Filemark) for item in found)
        self._ready_bytes += sum(sizes)
        self._account.add(sum(sizes))
        end = self._end
        self._end = Position(
            end.partition,
            end.object_number + len(sizes) + filemarks,
            end.file_number + filemarks,
            end.byte + sum(sizes),
        )


def _nothing() -> None:
    """A call that only takes its turn."""
