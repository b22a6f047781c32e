"""Read the tapes of a data folder that no server serves; nothing in it is changed."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pyvtl.media.medium import MediumError, StorageFailedError
from pyvtl.store.contents import TapeContents
from pyvtl.store.errors import LockedError, StoreError
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.keys import KEY_FILE, Keyring, Secret
from pyvtl.store.loading import TapeFolder
from pyvtl.store.repository import KEY_SIZE, TAPES, read_key


def tape_contents(path: Path, barcode: str, secret: Secret | None = None) -> TapeContents:
    """What stands on a tape, whether or not a server uses the folder.

    Only the tape's segments are needed, and the key file and `secret` of an encrypted one.
    Raises MediumError when there is no such tape or it has another key, StorageFailedError when
    its folder cannot be read.
    """
    if barcode not in barcodes(path):
        raise MediumError(f"there is no tape {barcode} in {path}")
    files, key = ReadOnlyFiles(), bytes(KEY_SIZE)
    with suppress(StoreError, OSError):  # Reading needs no key: it only proves what was written.
        key = read_key(files, path)
    folder = TapeFolder(files, path / TAPES / barcode, key, b"", barcode)
    try:
        if is_encrypted(path, barcode):
            folder = folder.encrypted(Keyring(files, path, secret).data_key(folder.path))
        return TapeContents(folder)
    except LockedError as error:
        raise MediumError(str(error)) from error
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error


def is_encrypted(path: Path, barcode: str) -> bool:
    """Whether reading a tape takes a key."""
    return (path / TAPES / barcode / KEY_FILE).exists()


def barcodes(path: Path) -> Sequence[str]:
    """The barcodes of all tapes that have a folder, in order."""
    try:
        return sorted(entry.name for entry in (path / TAPES).iterdir() if entry.is_dir())
    except OSError as error:
        raise StorageFailedError(f"{path} is no data folder: {error}") from error
