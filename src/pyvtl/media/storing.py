"""What a disk or the catalog fails with, told as the medium's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyvtl.media.medium import MediumError, StorageFailedError
from pyvtl.store.errors import CatalogError, LockedError, StoreError


@contextmanager
def advising(path: Path) -> Iterator[None]:
    """Let an error of the catalog say how to make it anew."""
    try:
        yield
    except CatalogError as error:
        remedy = f"`pyvtl store rebuild-catalog --data-dir {path}` makes it anew from the tapes"
        raise CatalogError(f"{error}; {remedy}") from error


@contextmanager
def storing() -> Iterator[None]:
    """Turn what a disk or the catalog fails with into the medium's error."""
    try:
        yield
    except LockedError as error:
        raise MediumError(str(error)) from error
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error
