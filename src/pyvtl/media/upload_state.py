"""What became of tapes in the object store: a small file beside the segments of each."""

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pyvtl.media.storing import storing
from pyvtl.store.dirty import DirtyPacks, Stage
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, write_file
from pyvtl.store.loading import SEGMENT_NAME
from pyvtl.store.references import pack_id_of
from pyvtl.store.repository import FORMAT_VERSION, read_json

STATE = "upload.json"


@dataclass(frozen=True, slots=True)
class UploadState:
    """A tape that the store may know.

    `recovery_point_at` is when it last took a recovery point, in seconds since 1970, 0 for never.
    `fenced` says who has the tape now, if that is somebody else.
    """

    recovery_point_at: int = 0
    fenced: str | None = None


class UploadStates:
    """Those of all tapes of a data folder, the deleted ones too.

    May be used from any thread, but that of a tape is changed by one at a time.

    The file is there before the store hears of a tape, and goes when the store knows that the tape
    was deleted: so what a crash kept it from hearing, it is told later.  Raises as `storing` does.
    """

    def __init__(self, files: FileLayer, tapes: Path) -> None:
        self._files, self._tapes = files, tapes
        self._states = {
            barcode: _read(files, tapes / barcode / STATE)
            for barcode, names in _folders(files, tapes)
            if STATE in names
        }
        self._fenced = {b: state.fenced for b, state in self._states.items() if state.fenced}

    def of(self, barcode: str) -> UploadState | None:
        """What is known of a tape; None if the store never took it."""
        return self._states.get(barcode)

    def fenced(self, barcode: str) -> str | None:
        """Who has the tape now, if that is somebody else."""
        return self._fenced.get(barcode)

    @property
    def fenced_barcodes(self) -> Collection[str]:
        """The tapes that somebody else has."""
        return tuple(self._fenced)

    def begin(self, barcode: str) -> None:
        """The store may know the tape from now on."""
        if barcode not in self._states:
            self._write(barcode, UploadState())

    def committed(self, barcode: str) -> None:
        """The store took a recovery point now."""
        state = self._states.get(barcode, UploadState())
        self._write(barcode, replace(state, recovery_point_at=int(time.time())))

    def fence(self, barcode: str, reason: str) -> None:
        """Somebody else has the tape now; durable."""
        state = self._states.get(barcode, UploadState())
        self._write(barcode, replace(state, fenced=reason))
        self._fenced[barcode] = reason

    def forget(self, barcode: str) -> None:
        """The store knows that the tape was deleted: there is nothing more to tell it."""
        self._fenced.pop(barcode, None)
        if self._states.pop(barcode, None) is not None:
            with storing():
                self._files.unlink(self._tapes / barcode / STATE)

    def _write(self, barcode: str, state: UploadState) -> None:
        kept = json.dumps({"format": FORMAT_VERSION, **asdict(state)}).encode() + b"\n"
        with storing():
            write_file(self._files, self._tapes / barcode / STATE, kept)
        self._states[barcode] = state


def count_dirty(
    files: FileLayer, tapes: Path, stored: Collection[bytes], dirty: DirtyPacks
) -> None:
    """Tell of every segment that is here and not in the store, after a start."""
    for barcode, names in _folders(files, tapes):
        for name in filter(SEGMENT_NAME.fullmatch, names):
            if (pack_id := pack_id_of(name)) not in stored:
                dirty.note(barcode, pack_id, Stage.CLOSED, _size(files, tapes / barcode / name))


def _folders(files: FileLayer, tapes: Path) -> Iterator[tuple[str, list[str]]]:
    for barcode in files.listdir(tapes):
        try:
            yield barcode, files.listdir(tapes / barcode)
        except NotADirectoryError:
            continue


def _read(files: FileLayer, path: Path) -> UploadState:
    """A state that cannot be read is one of long ago: the store itself tells more."""
    try:
        kept = read_json(files, path)
        return UploadState(int(kept["recovery_point_at"]), kept["fenced"])
    except (DamageError, KeyError, TypeError, ValueError):
        return UploadState()


def _size(files: FileLayer, path: Path) -> int:
    fd = files.open(path)
    try:
        return files.size(fd)
    finally:
        files.close(fd)
