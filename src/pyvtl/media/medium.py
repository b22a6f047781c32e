"""What a drive may ask of the medium loaded in it, and what it promises.

A medium has one or more partitions.  A partition is a row of logical objects: records of any
size, and filemarks.  A filemark or the end of data is a normal thing to find, so it is a
result; only damage and a disk that fails are exceptions.

Every method may block on a disk: the drive calls them from a thread of its own, one at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pyvtl.wire.layout import Buffer


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two logical objects; all numbers count what lies before it.

    `object_number` is the logical object identifier of SSC-5 (records and filemarks),
    `file_number` the logical file identifier (filemarks), `byte` counts record bytes.
    """

    partition: int = 0
    object_number: int = 0
    file_number: int = 0
    byte: int = 0

    def after_record(self, size: int) -> "Position":
        return Position(self.partition, self.object_number + 1, self.file_number, self.byte + size)

    def after_filemarks(self, count: int = 1) -> "Position":
        return Position(
            self.partition, self.object_number + count, self.file_number + count, self.byte
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A logical block of SSC-5: its bytes are `data`, one buffer after another."""

    data: Sequence[Buffer]
    size: int


@dataclass(frozen=True, slots=True)
class Filemark:
    """A row of `count` filemarks; reading finds them one at a time."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class EndOfData:
    """Nothing is recorded from here on."""


@dataclass(frozen=True, slots=True)
class BeginningOfPartition:
    """What stops a motion backwards."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Where spacing ended: `moved` of the objects asked for were passed (never negative).

    `stopped_by` is None when all were passed.  A record motion stopped by a filemark has
    passed it (SSC-5 SPACE): forwards the position is after it, backwards before it, and
    `moved` does not count it.
    """

    position: Position
    moved: int
    stopped_by: Filemark | EndOfData | BeginningOfPartition | None = None


@dataclass(frozen=True, slots=True)
class Attributes:
    """What belongs to the cartridge and travels with it.

    A `worm` medium can only be appended to; that is set when it is made, and never changes.
    """

    write_protected: bool = False
    worm: bool = False


class MediumError(Exception):
    """The medium cannot do what was asked; the message says what is wrong with what."""


class DamagedError(MediumError):
    """What is stored is not what was written: a checksum, a length or a chain does not hold."""


class UnavailableError(MediumError):
    """What was asked for is kept elsewhere, which does not answer now.

    Nothing was changed, and nothing is wrong with the medium: the same may work later.
    """


class AppendOnlyError(MediumError):
    """What is recorded on a WORM medium cannot be changed.  Nothing was."""


class StorageFullError(MediumError):
    """The disk under the medium has no room for what was to be reserved.  Nothing was changed."""


class StorageFailedError(MediumError):
    """The disk failed while writing or syncing: what came after the last sync is lost."""


class Medium(Protocol):
    """A loaded medium.  Every implementation keeps these promises; tests/contract asks them.

    - What `append` took is found by `read` at once, and after a crash if `sync` returned.
    - After a crash the medium ends at a `sync` (or at what an implementation may have made
      durable later), never between two pieces of one record.
    - Writing at a position makes an end of data after it: what followed is gone.
    - After StorageFailedError the medium ends at its last sync, and refuses to be written until
      it is opened again.
    """

    @property
    def barcode(self) -> str: ...

    @property
    def capacity_bytes(self) -> int:
        """Record bytes that fit, over all partitions."""
        ...

    @property
    def attributes(self) -> Attributes: ...

    @property
    def partitions(self) -> int: ...

    def end_of_data(self, partition: int) -> Position: ...

    def read(self, at: Position, byte_limit: int) -> Sequence[Record | Filemark | EndOfData]:
        """The objects from `at` on, at least one, stopping once `byte_limit` bytes are passed.

        A Filemark in the answer has count 1; EndOfData, if met, is the last.  The buffers stay
        valid for as long as they are referenced.  Raises DamagedError, and UnavailableError as all
        that looks for something on the medium may.
        """
        ...

    def locate(self, partition: int, object_number: int) -> Position:
        """The position before that object, or the end of data when it lies beyond."""
        ...

    def locate_file(self, partition: int, file_number: int) -> Position:
        """The position at the start of that file, or the end of data when there is none."""
        ...

    def space_records(self, at: Position, count: int) -> Motion:
        """Pass `count` records, backwards when negative; filemarks and the ends stop it."""
        ...

    def space_filemarks(self, at: Position, count: int) -> Motion:
        """Pass `count` filemarks: forwards to after the last, backwards to before it."""
        ...

    def space_sequential_filemarks(self, at: Position, count: int) -> Motion:
        """Pass to `count` filemarks in a row (SSC-5 SPACE code 010b)."""
        ...

    def start_writing(self, at: Position) -> None:
        """The next `append` writes at `at`, which drops what follows; until then nothing changes.

        Raises DamagedError when the medium is read-only because of damage; AppendOnlyError when
        something is recorded behind `at` on a WORM medium; UnavailableError when what it
        takes to go on there is kept elsewhere.
        """
        ...

    def reserve(self, byte_count: int) -> None:
        """Make sure that `byte_count` more record bytes fit on the disk, or StorageFullError."""
        ...

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        """Write at the position of `start_writing`, or after the last append.

        Without `compress` the medium spends no time on making records smaller.  The buffers may
        not change until the call returns.  Raises StorageFailedError.
        """
        ...

    def truncate(self, at: Position) -> None:
        """Make `at` the end of data, durably (SSC-5 ERASE).  Raises as `start_writing`."""
        ...

    def sync(self) -> None:
        """Make all that was appended durable: it survives kill -9 and power loss."""
        ...

    def seal(self) -> None:
        """As `sync`; and what was written so far never changes again, so that it can be copied.

        Writing goes on where it was, as if nothing had happened.
        """
        ...

    def set_attributes(self, attributes: Attributes) -> None:
        """Change the attributes, durably; `worm` stays as it is."""
        ...

    def close(self) -> None:
        """Sync and let go of all files.  Closing twice is closing once."""
        ...
