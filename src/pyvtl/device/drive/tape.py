"""The tape in the drive: a medium, where on it the drive stands, and what is under way there."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from pyvtl.device.drive.admission import AT_ONCE, Admission
from pyvtl.device.drive.read_ahead import Found, ReadAhead
from pyvtl.device.drive.transport import Transport
from pyvtl.device.drive.write_behind import WriteBehind
from pyvtl.device.memory import Account
from pyvtl.media.medium import (
    Filemark,
    Medium,
    MediumError,
    Motion,
    Position,
    Record,
    StorageFailedError,
)
from pyvtl.scsi.nexus import Nexus


class WritingFailedError(MediumError):
    """What was accepted could not be stored, and nothing can be written from here."""


class Tape:
    """All that commands may do with a loaded medium.

    The position counts what was accepted and not yet stored.  The drive is writing (`writer`),
    reading in sequence (`reader`), or neither.
    """

    def __init__(
        self,
        medium: Medium,
        transport: Transport,
        account: Account,
        early_warning_bytes: int,
        admission: Admission = AT_ONCE,
    ) -> None:
        """Called in the drive's thread: what the loop needs of the medium is fetched here.

        Early warning comes so much before the end, and not before the middle of a small tape.
        """
        self.medium = medium
        self.barcode = medium.barcode
        self.capacity_bytes = medium.capacity_bytes
        self.partitions = medium.partitions
        self.attributes = medium.attributes
        self.ends = [medium.end_of_data(number) for number in range(medium.partitions)]
        self.early_warning_bytes = min(early_warning_bytes, self.capacity_bytes // 2)
        self._partition = self._object_number = self._file_number = self._byte = 0
        self.writer: WriteBehind | None = None
        self.reader: ReadAhead | None = None
        self.storage_failed = False
        self._compress = True
        self.read_bytes = self.written_bytes = 0
        self._transport = transport
        self._account, self._admission = account, admission

    @property
    def position(self) -> Position:
        """Where the host believes the drive to be."""
        return Position(self._partition, self._object_number, self._file_number, self._byte)

    @position.setter
    def position(self, position: Position) -> None:
        # Apart, so that a record passed is two additions and not a new value.
        self._partition = position.partition
        self._object_number = position.object_number
        self._file_number = position.file_number
        self._byte = position.byte

    @property
    def data_ends(self) -> list[Position]:
        """The end of data of each partition, counting what was accepted."""
        ends = self.ends.copy()
        if self.at_end_of_writing:
            ends[self._partition] = self.position
        return ends

    # Writing

    @property
    def room_bytes(self) -> int:
        """Record bytes that fit between the position and the end of the medium."""
        room = self.capacity_bytes - self._byte
        if self.partitions > 1:
            room -= sum(end.byte for end in self.ends if end.partition != self._partition)
        return room

    @property
    def past_early_warning(self) -> bool:
        return self.room_bytes < self.early_warning_bytes

    @property
    def at_end_of_writing(self) -> bool:
        """Whether the position is the end of data because the drive has written up to here."""
        return self.writer is not None and self.writer.wrote

    @property
    def writer_failure(self) -> Exception | None:
        """Why what was accepted is lost, as long as the tape stands where that was found out."""
        return self.writer.failure if self.writer is not None else None

    async def admit(self, size: int, nexus: Nexus) -> WriteBehind:
        """Be ready to take `size` record bytes from `nexus`; raises MediumError."""
        writer = self.writer
        if writer is None:
            writer = await self._start_writing()
        elif writer.failure is not None:
            self._check_writable()
        if not writer.admits(size, nexus):
            await writer.admit(size, nexus)
        return writer

    def put(self, writer: WriteBehind, record: Record) -> None:
        """Write a record that was admitted."""
        writer.put(record)
        self._object_number += 1
        self._byte += record.size
        self.written_bytes += record.size

    async def put_filemarks(self, count: int, nexus: Nexus) -> None:
        """Write `count` filemarks; raises MediumError."""
        writer = await self.admit(0, nexus)
        writer.put_filemarks(count)
        self.position = self.position.after_filemarks(count)

    async def sync(self) -> None:
        """Make durable what was written; raises what kept it from being so."""
        if self.writer is not None:
            await self.writer.sync()

    async def seal(self) -> None:
        """Make durable what was written, and let it be copied while writing goes on."""
        if self.writer is None:
            await self._transport.call(self.medium.seal)
        elif self.writer.failure is None:
            await self.writer.seal()

    def compress(self, wanted: bool) -> None:
        """Whether what is written from now on is to be compressed."""
        if self._compress != wanted:
            self._compress = wanted
            if self.writer is not None:
                self.writer.compress(wanted)

    async def _start_writing(self) -> WriteBehind:
        self._check_writable()
        self._stop_reading()
        writer = WriteBehind(
            self._transport,
            self.medium,
            self._account,
            self.position,
            self.room_bytes,
            compress=self._compress,
            admission=self._admission,
        )
        await writer.start()
        self.writer = writer
        return writer

    # Reading

    def next(self) -> Found | None:
        """The object under the head, which is thereby passed; None when it has to be fetched."""
        reader = self.reader
        found = reader.next() if reader is not None else None
        if isinstance(found, Record):
            self._object_number += 1
            self._byte += found.size
            self.read_bytes += found.size
        elif isinstance(found, Filemark):
            self.position = self.position.after_filemarks()
        return found

    def take(self, count: int, size: int) -> Sequence[Record]:
        """Up to `count` records of `size` bytes that are under the head and here, all passed."""
        reader = self.reader
        if reader is None:
            return ()
        taken = reader.take(count, size)
        self._object_number += len(taken)
        self._byte += len(taken) * size
        self.read_bytes += len(taken) * size
        return taken

    async def fetch(self) -> None:
        """Wait until `next` has something; raises MediumError."""
        if self.reader is None:
            if self.writer is not None and not self.writer.failure_reported:
                await self.finish_writing()
            self.reader = ReadAhead(self._transport, self.medium, self._account, self.position)
        await self.reader.fetch()

    def _stop_reading(self) -> None:
        if self.reader is not None:
            self.reader.close()
            self.reader = None

    # Motion

    async def finish_writing(self) -> None:
        """Leave the place of writing: all that was accepted is durable, or this raises."""
        writer = self.writer
        if writer is not None:
            await writer.sync()
            writer.finish()
            self.ends = self.data_ends
            self.writer = None

    def report_failure(self) -> Iterable[Nexus]:
        """Who is to be told of a failure that nobody has been told of; the position is true."""
        writer = self.writer
        if writer is None or writer.failure is None or writer.failure_reported:
            return ()
        writer.failure_reported = True
        self.storage_failed |= isinstance(writer.failure, StorageFailedError)
        self.position = self.ends[self.position.partition] = writer.end_after_failure
        return writer.writers

    def _abandon_writing(self) -> None:
        """Give up a failed run of writing, whose failure has been reported."""
        if self.writer is not None and self.writer.failure_reported:
            self.writer.finish()
            self.writer = None

    async def locate(self, partition: int, object_number: int) -> Position:
        """Go to the place before an object, or to the end of data."""
        return await self._move(lambda: self.medium.locate(partition, object_number))

    async def locate_file(self, partition: int, file_number: int) -> Position:
        """Go to the start of a logical file, or to the end of data."""
        return await self._move(lambda: self.medium.locate_file(partition, file_number))

    async def locate_end(self, partition: int) -> Position:
        """Go to the end of data."""
        return await self._move(lambda: self.medium.end_of_data(partition))

    async def space(self, motion: Callable[[Position, int], Motion], count: int) -> Motion:
        """Pass `count` objects by one of the medium's motions."""
        await self.leave()
        at = self.position
        moved = await self._transport.call(lambda: motion(at, count))
        self.position = moved.position
        return moved

    async def rewind(self) -> None:
        """Go to the beginning of the partition."""
        await self.leave()
        self.position = Position(self.position.partition)

    async def leave(self) -> None:
        """End what is under way at the position; raises MediumError for what is lost."""
        self._abandon_writing()
        await self.finish_writing()
        self._stop_reading()

    async def _move(self, where: Callable[[], Position]) -> Position:
        await self.leave()
        self.position = await self._transport.call(where)
        return self.position

    # The rest

    async def truncate(self) -> None:
        """Make the position the end of data, durably."""
        self._check_writable()
        await self.leave()
        at = self.position
        await self._transport.call(lambda: self.medium.truncate(at))
        self.ends[at.partition] = at

    async def protect(self, write_protected: bool) -> None:
        """Set or clear the write protection of the cartridge, durably."""
        attributes = replace(self.attributes, write_protected=write_protected)
        await self._transport.call(lambda: self.medium.set_attributes(attributes))
        self.attributes = attributes

    async def close(self) -> None:
        """Let go of the medium.

        What fails is raised once; a medium that is known to have failed is let go of anyway.
        """
        await self.leave()
        try:
            await self._transport.call(self.medium.close)
        except (MediumError, OSError):
            if not self.storage_failed:
                self.storage_failed = True
                raise

    def _check_writable(self) -> None:
        if self.storage_failed:
            raise WritingFailedError("the storage failed: the tape is read-only until reloaded")
        if self.writer is not None and self.writer.failure is not None:
            raise WritingFailedError("the tape has to be repositioned") from self.writer.failure
