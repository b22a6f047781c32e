"""The bridge between the event loop and a drive's own thread, where all medium calls happen.

The loop puts objects to write, and calls to make, into one queue; the thread takes them in that
order.  Objects are gathered: the thread works on many of them, or sleeps.  If it took each as it
comes, both sides would hand the interpreter lock to each other several times for each block.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, cast

from pyvtl.media.medium import Filemark, Record

T = TypeVar("T")
Sink = Callable[[list[Record | Filemark]], None]

GATHERED_BYTES: Final = 1 << 20
"""The thread works once so much waits for it ..."""
GATHERING_SECONDS: Final = 0.01
"""... or something has waited for so long, or a call is to be made."""
BATCH_BYTES: Final = 1 << 20
BATCH_OBJECTS: Final = 1024


class Call:
    """One call to be made in the thread; what came of it goes back to the loop."""

    __slots__ = ("_done", "_function", "_loop")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], Any],
        done: Callable[[Any, BaseException | None], None],
    ) -> None:
        self._loop = loop
        self._function = function
        self._done = done

    def make(self) -> None:
        result, error = None, None
        try:
            result = self._function()
        except BaseException as raised:  # noqa: BLE001 - whoever called is to get it
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits for the answer
            self._loop.call_soon_threadsafe(self._done, result, error)


class Transport:
    """The tape transport of one drive: a queue, and a thread that works it off.

    `sink` takes the objects that were put, in the thread; it must not raise.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sink: Sink = list.clear
        self._queue: deque[Record | Filemark | Call] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._idle = False
        # Each side counts for itself, so that neither needs a lock.
        self._put_bytes = self._posted_calls = 0
        self._taken_bytes = self._made_calls = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    # On the loop

    def put(self, item: Record | Filemark, size: int) -> None:
        """Hand an object of `size` bytes to the sink; the thread starts on it in a moment.

        The first thing that a transport is given is a call, never an object.
        """
        self._queue.append(item)
        before = self._put_bytes - self._taken_bytes
        self._put_bytes += size
        if self._idle and (not before or before < GATHERED_BYTES <= before + size):
            # In the next turn of the loop: the answer to this command leaves first.
            self._running_loop.call_soon(self._ring)

    async def call(self, function: Callable[[], T]) -> T:
        """Make a call in the thread after all that was put before, and wait for it.

        A call cannot be taken back: cancelling the caller has no effect until it has returned,
        so that what the medium did and what the drive believes stay the same.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def done(result: T | None, error: BaseException | None) -> None:
            if error is None:
                future.set_result(cast(T, result))
            else:
                future.set_exception(error)

        self.post(function, done)
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((future,))
        return future.result()

    def post(
        self, function: Callable[[], T], done: Callable[[T | None, BaseException | None], None]
    ) -> None:
        """As `call`, without waiting: `done` is called on the loop with result or exception."""
        if self._thread is None:
            self._start()
        self._queue.append(Call(self._running_loop, function, done))
        self._posted_calls += 1
        self._ring()

    async def close(self) -> None:
        """Work off what is queued and end the thread."""
        if self._thread is not None:
            await self.call(self._stop)
            self._thread.join()
            self._thread = None

    def _start(self) -> None:
        self._running_loop = asyncio.get_running_loop()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _ring(self) -> None:
        if self._idle:
            self._bell.put(None)

    # In the thread

    def _run(self) -> None:
        while not self._stopping:
            if not self._has_enough():
                self._sleep()
            if self._queue:
                self._step()

    def _has_enough(self) -> bool:
        calls = self._posted_calls - self._made_calls
        return calls > 0 or self._put_bytes - self._taken_bytes >= GATHERED_BYTES

    def _sleep(self) -> None:
        """Until there is enough, or some for long enough."""
        self._idle = True
        # What came before `_idle` was seen rang no bell.
        if not self._queue:
            self._bell.get()
        if not self._has_enough():
            with suppress(Empty):
                self._bell.get(timeout=GATHERING_SECONDS)
        self._idle = False

    def _step(self) -> None:
        queue = self._queue
        item = queue[0]
        if isinstance(item, Call):
            queue.popleft()
            self._made_calls += 1
            item.make()
            return
        batch: list[Record | Filemark] = []
        size = 0
        while queue and size < BATCH_BYTES and len(batch) < BATCH_OBJECTS:
            item = queue[0]
            if isinstance(item, Call):
                break
            batch.append(item)
            queue.popleft()
            if isinstance(item, Record):
                size += item.size
        self._taken_bytes += size
        # Not to hold on to its data until the next object comes.
        del item
        self.sink(batch)

    def _stop(self) -> None:
        self._stopping = True
