"""Writing: objects are accepted on the loop, and stored by the drive's thread some time later."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from pyvtl.device.drive.admission import AT_ONCE, Admission
from pyvtl.device.drive.transport import Transport
from pyvtl.device.memory import MIB, Account
from pyvtl.media.medium import (
    Filemark,
    Medium,
    MediumError,
    Position,
    Record,
    StorageFailedError,
)
from pyvtl.scsi.nexus import Nexus

GRANTED_BYTES: Final = MIB
"""Memory is taken from the pool in such steps, so that most records need not ask."""


COMPRESSED_BACKLOG: Final = 2 * MIB
"""With more than this waiting, the drive stores records as they are: compressing would slow it."""


class WriteBehind:
    """One run of writing, from the first record at a position to a motion away from its end.

    A record is accepted when memory and disk space are there for it.  `failure` is set by the
    thread: what was accepted and not stored by then is lost, and nothing more is stored.  All
    counts start with the run; those that end in `until` say up to where something holds.
    """

    def __init__(
        self,
        transport: Transport,
        medium: Medium,
        account: Account,
        at: Position,
        room: int,
        *,
        compress: bool = True,
        admission: Admission = AT_ONCE,
    ) -> None:
        """`room` is how many record bytes fit from `at` to the end of the medium."""
        self.failure: MediumError | None = None
        self.failure_reported = False
        self.end_after_failure = at
        self.nexus: Nexus | None = None
        self.writers: set[Nexus] = set()
        self._transport = transport
        self._medium = medium
        self._account = account
        self._at = at
        self._reserved_until = 0
        self._granted_until = 0
        self._admitted_until = 0
        self._asking = False
        self._room, self._admission = room, admission
        self._accepted_bytes = self._accepted_objects = 0
        self._stored_bytes = self._stored_objects = 0
        self._compress = compress

    # On the loop

    @property
    def wrote(self) -> bool:
        """Whether anything was accepted, so that the position is the end of data."""
        return self._accepted_objects > 0

    @property
    def buffered_bytes(self) -> int:
        """Record bytes accepted and not yet stored."""
        return self._accepted_bytes - self._stored_bytes

    @property
    def buffered_objects(self) -> int:
        """Logical objects accepted and not yet stored."""
        return self._accepted_objects - self._stored_objects

    async def start(self) -> None:
        """Turn the medium to writing, with disk space for the first records; raises MediumError."""
        self._reserved_until = await self._transport.call(self._start_in_thread)

    def admits(self, size: int, nexus: Nexus) -> bool:
        """Whether `nexus`, which wrote last, may put `size` more bytes without waiting."""
        return (
            self._accepted_bytes + size <= self._admitted_until
            and nexus is self.nexus
            and self.failure is None
        )

    async def admit(self, size: int, nexus: Nexus) -> None:
        """Wait until `nexus` may put `size` bytes; StorageFullError when the disk has no room.

        Cancelling the wait changes nothing.
        """
        self.nexus = nexus
        self.writers.add(nexus)
        needed = self._accepted_bytes + size
        if self._granted_until < needed and self._admission.valve is not None:
            await self._admission.valve.admit(max(needed - self._granted_until, GRANTED_BYTES))
        if self._reserved_until < needed:
            reserve = partial(self._reserve_in_thread, needed)
            self._reserved_until = await self._transport.call(reserve)
        if self._granted_until < needed:
            step = max(needed - self._granted_until, GRANTED_BYTES)
            await self._account.pool.take(self._account, step)
            self._granted_until += step
        if self._reserved_until - needed < self._admission.reserve_bytes // 2:
            self._reserve_ahead()
        self._admitted_until = min(self._reserved_until, self._granted_until)

    def put(self, record: Record) -> None:
        """Accept a record that was admitted."""
        size = record.size
        self._accepted_bytes += size
        self._accepted_objects += 1
        self._transport.put(record, size)

    def put_filemarks(self, count: int) -> None:
        """Accept `count` filemarks, which need no credit."""
        self._accepted_objects += count
        self._transport.put(Filemark(count), 0)

    def compress(self, wanted: bool) -> None:
        """Whether what is put from now on is to be compressed."""
        self._transport.post(lambda: self._compress_in_thread(wanted), _ignore)

    async def sync(self) -> None:
        """Have all that was accepted stored and durable; raises what kept it from being so."""
        await self._transport.call(lambda: self._finish_in_thread(self._medium.sync))

    async def seal(self) -> None:
        """As `sync`; and the medium can be copied up to here while writing goes on."""
        await self._transport.call(lambda: self._finish_in_thread(self._medium.seal))

    def finish(self) -> None:
        """No more will be put: the memory granted ahead goes back.  All must be stored or lost."""
        self._account.give_back(self._granted_until - self._accepted_bytes)
        self._granted_until = self._admitted_until = self._accepted_bytes

    def _reserve_ahead(self) -> None:
        """Ask for disk space before it is needed; nobody waits for the answer."""
        if self._asking or self._reserved_until >= self._room:
            return
        self._asking = True

        def done(until: int | None, _error: BaseException | None) -> None:
            self._asking = False
            if until is not None:
                self._reserved_until = until

        self._transport.post(self._reserve_in_thread, done)

    # In the thread

    def _start_in_thread(self) -> int:
        self._medium.start_writing(self._at)
        self._transport.sink = self._store_in_thread
        return self._reserve_in_thread()

    def _reserve_in_thread(self, needed: int = 0) -> int:
        """Reserve ahead of what is stored, at least up to `needed`; up to where that reaches."""
        self._check_in_thread()
        ahead = max(self._admission.reserve_bytes, needed - self._stored_bytes)
        ahead = min(ahead, self._room - self._stored_bytes)
        self._medium.reserve(ahead)
        return self._stored_bytes + ahead

    def _store_in_thread(self, objects: list[Record | Filemark]) -> None:
        size = sum(item.size for item in objects if isinstance(item, Record))
        if self.failure is None:
            try:
                behind = self.buffered_bytes > COMPRESSED_BACKLOG
                self._medium.append(objects, compress=self._compress and not behind)
            except Exception as error:  # noqa: BLE001 - whatever it is, answered data is lost
                self._fail_in_thread(error)
        self._stored_bytes += size
        self._stored_objects += sum(i.count if isinstance(i, Filemark) else 1 for i in objects)
        objects.clear()
        self._account.release(size)

    def _compress_in_thread(self, wanted: bool) -> None:
        self._compress = wanted

    def _finish_in_thread(self, finish: Callable[[], None]) -> None:
        self._check_in_thread()
        try:
            finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, answered data is lost
            self._fail_in_thread(error)
            self._check_in_thread()

    def _check_in_thread(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _fail_in_thread(self, error: Exception) -> None:
        with suppress(Exception):  # then the position stays that of the start
            self.end_after_failure = self._medium.end_of_data(self._at.partition)
        kind = MediumError if _is_of_medium_alone(error) else StorageFailedError
        self.failure = kind(f"{type(error).__name__}: {error}")


def _ignore(_result: None, _error: BaseException | None) -> None:
    """Nobody waits for the answer."""


def _is_of_medium_alone(error: Exception) -> bool:
    """Whether the disk itself is not to blame, so that the tape may be written elsewhere."""
    return isinstance(error, MediumError) and not isinstance(error, StorageFailedError)
