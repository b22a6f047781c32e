"""What became of tapes in the object store: a small file beside the segments of each."""

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pyvtl.store.catalog import Catalog
from pyvtl.store.dirty import DirtyPacks, Stage
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, write_file
from pyvtl.store.loading import SEGMENT_NAME
from pyvtl.store.references import pack_id_of
from pyvtl.store.repository import FORMAT_VERSION, read_json
from pyvtl.store.stored import StoredPack
from pyvtl.store.stored_table import StoredTable

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
    """Those of all tapes of a data folder, the deleted ones too.  May be used from any thread.

    The file is there before the store hears of a tape, and goes when the store knows that the tape
    was deleted: so what a crash kept it from hearing, it is told later.
    """

    def __init__(self, files: FileLayer, tapes: Path, catalog: Catalog, dirty: DirtyPacks) -> None:
        """Read all states, and count what no store has."""
        self._files, self._tapes, self._dirty = files, tapes, dirty
        self._stored = StoredTable(catalog)
        self._states: dict[str, UploadState] = {}
        stored = self._stored.all()
        for barcode, names in _folders(files, tapes):
            if STATE in names:
                self._states[barcode] = _read(files, tapes / barcode / STATE)
            for name in filter(SEGMENT_NAME.fullmatch, names):
                if (pack_id := pack_id_of(name)) not in stored:
                    size = _size(files, tapes / barcode / name)
                    dirty.note(barcode, pack_id, Stage.CLOSED, size)

    def of(self, barcode: str) -> UploadState | None:
        """What is known of a tape; None if the store never took it."""
        return self._states.get(barcode)

    def fenced(self, barcode: str) -> str | None:
        """Who has the tape now, if that is somebody else."""
        state = self._states.get(barcode)
        return state.fenced if state is not None else None

    def begin(self, barcode: str) -> None:
        """The store may know the tape from now on."""
        if barcode not in self._states:
            self._write(barcode, UploadState())

    def put_stored(self, barcode: str, packs: Collection[StoredPack]) -> None:
        """A recovery point was committed that lists these packs: they are clean from now on."""
        self._stored.put(barcode, packs)
        self._dirty.forget([pack.pack_id for pack in packs])
        state = self._states.get(barcode, UploadState())
        self._write(barcode, replace(state, recovery_point_at=int(time.time())))

    def fence(self, barcode: str, reason: str) -> None:
        """Somebody else has the tape now; durable."""
        state = self._states.get(barcode, UploadState())
        self._write(barcode, replace(state, fenced=reason))

    def forget(self, barcode: str) -> None:
        """The store knows that the tape was deleted: there is nothing more to tell it."""
        if self._states.pop(barcode, None) is not None:
            self._files.unlink(self._tapes / barcode / STATE)

    def _write(self, barcode: str, state: UploadState) -> None:
        kept = {"format": FORMAT_VERSION, **asdict(state)}
        write_file(self._files, self._tapes / barcode / STATE, json.dumps(kept).encode() + b"\n")
        self._states[barcode] = state


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
