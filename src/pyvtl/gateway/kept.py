"""Values that the data folder keeps: read at the start, durable before they count."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import StorageError
from pyvtl.gateway.folder import DataFolderError, write_durably

T = TypeVar("T")
OWNER_ONLY: Final = 0o600


class Kept(Generic[T]):
    """One value, a frozen dataclass, in a JSON file that its owner alone may read."""

    def __init__(self, file: Path, default: T) -> None:
        """Read the file, or begin with `default`.  Blocks; raises DataFolderError."""
        self._file = file
        self._kind: TypeAdapter[T] = TypeAdapter(type(default))
        self._changing = Lock()
        self.stored = file.exists()
        """Whether there is a file: without one the default is in force."""
        self._value = self._read(default)

    @property
    def value(self) -> T:
        """The value as it is now, which is as the file has it."""
        return self._value

    async def change(self, changed: Callable[[T], T]) -> T:
        """Put in force what `changed` makes of the value, once it is durable; the new value.

        What `changed` raises, it raises, and StorageError; then nothing has changed.
        """
        return await in_thread(self._change, changed)

    def _change(self, changed: Callable[[T], T]) -> T:
        with self._changing:
            after = changed(self._value)
            text = self._kind.dump_json(after, indent=2).decode()
            try:
                write_durably(self._file, f"{text}\n", OWNER_ONLY)
            except OSError as error:
                raise StorageError(f"{self._file} cannot be written: {error}") from None
            self._value, self.stored = after, True
            return after

    def _read(self, default: T) -> T:
        try:
            return self._kind.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return default
        except (OSError, ValidationError) as error:
            raise DataFolderError(
                f"{self._file} cannot be read ({_reason(error)}): put it back from a copy, or"
                " remove it to begin with the defaults"
            ) from None


def _reason(error: OSError | ValidationError) -> str:
    """What is wrong, without the values, which may be secret."""
    if isinstance(error, OSError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
