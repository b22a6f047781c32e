"""What is being fetched of packs: who wants a piece that is on its way waits for that one."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from threading import Lock

from pyvtl.store.cache_space import Key
from pyvtl.store.pack_source import UnreachableError

Flight = Future[bytes | None]
"""A piece on its way; None is the outcome when there is no room to keep it."""


class Flights:
    """Those of a cache, by key.  May be used from any thread."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._lock = Lock()
        self._flights: dict[Key, Flight] = {}

    def join(self, key: Key) -> tuple[Flight, bool]:
        """The fetching of a piece, and whether it is the caller who has to do it, and `land`."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Future()
            return flight, True

    def land(self, key: Key) -> Flight:
        """The flight that ended, to be given its outcome."""
        with self._lock:
            return self._flights.pop(key)

    def send(self, key: Key, fly: Callable[[], None]) -> None:
        """Let the pool do what the caller has to; who waits is told if the pool is closed."""

        def ended(job: Future[None]) -> None:
            if job.cancelled():
                error = UnreachableError("the cache was closed before the piece was fetched")
                self.land(key).set_exception(error)

        try:
            job = self._pool.submit(fly)
        except RuntimeError:  # It is closed already.
            job = Future()
            job.cancel()
        job.add_done_callback(ended)
