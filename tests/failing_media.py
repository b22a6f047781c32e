"""Media that fail, stall or keep a log on demand, over a real one in memory."""

import threading
from collections.abc import Sequence

from pyvtl.media.medium import (
    EndOfData,
    Filemark,
    Position,
    Record,
    StorageFailedError,
    StorageFullError,
)
from pyvtl.media.memory import MemoryMedium


class FailingMedium(MemoryMedium):
    """Fails as the attributes say; what was not synced by then is lost, as Medium promises."""

    def __init__(self) -> None:
        super().__init__()
        self.append_error: Exception | None = None
        self.sync_error: Exception | None = None
        self.read_error: Exception | None = None
        self.close_error: Exception | None = None
        self.reservable_bytes = 1 << 40

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        self._raise(self.append_error)
        super().append(objects, compress=compress)

    def sync(self) -> None:
        self._raise(self.sync_error)
        super().sync()

    def read(self, at: Position, byte_limit: int) -> Sequence[Record | Filemark | EndOfData]:
        self._raise(self.read_error)
        return super().read(at, byte_limit)

    def reserve(self, byte_count: int) -> None:
        if byte_count > self.reservable_bytes:
            raise StorageFullError("no room on the disk")
        self.reservable_bytes -= byte_count

    def close(self) -> None:
        self._raise(self.close_error)
        super().close()

    def _raise(self, error: Exception | None) -> None:
        if error is not None:
            if isinstance(error, StorageFailedError):
                self.crash()
            raise error


class StallingMedium(MemoryMedium):
    """Appends nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        self.go.wait()
        super().append(objects, compress=compress)


class CompressionLog(MemoryMedium):
    """Remembers of each record whether it was to be compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[tuple[bytes, bool]] = []

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        records = [item for item in objects if isinstance(item, Record)]
        self.appended += [(b"".join(record.data), compress) for record in records]
        super().append(objects, compress=compress)
