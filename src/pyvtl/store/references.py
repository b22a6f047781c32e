"""Packs that refer to each other: where a pack lies, and that it stays while it is needed.

A row says that pack `holder` refers to another one.  It is committed before the first REF is
written, and lives for as long as the segment of the holder does: so a crash may leave a row too
many, never one too few.  A segment is deleted only in two steps: first its pack is taken out of
the catalog, so that it takes no new row, in one transaction with the question whether it has any;
if it has, it is kept where it lies until the last one is gone.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Protocol

from pyvtl.store.errors import CatalogError
from pyvtl.store.files import FileLayer

SUFFIX = ".segment"


def file_name(sequence: int, pack_id: bytes) -> str:
    """Of a segment; what counts stands in its header."""
    return f"{sequence:08d}-{pack_id.hex()}{SUFFIX}"


def pack_id_of(name: str) -> bytes:
    """The pack id in the file name of a segment."""
    return bytes.fromhex(name.removesuffix(SUFFIX).partition("-")[2])


class References(Protocol):
    """What one tape has to know of the others.  May be used from any thread."""

    def path_of(self, pack_id: bytes) -> Path | None:
        """Where the segment of a pack lies, if it does."""
        ...

    def claim(self, holder: bytes, pack_id: bytes) -> bool:
        """Make durable that `holder`, a pack of this tape, refers to a closed pack.

        False when that cannot be: the pack may be about to be deleted.
        """
        ...

    def remove(self, sequence: int, pack_id: bytes) -> None:
        """Delete a segment of this tape that it no longer needs, as soon as nobody does."""
        ...

    def settle(self, there: Collection[bytes]) -> Collection[bytes]:
        """The tape has these segments: forget rows of others; which are kept for other tapes."""
        ...


class OneTape:
    """A tape that is by itself: no other refers to it."""

    def __init__(self, files: FileLayer, folder: Path) -> None:
        self._files, self._folder = files, folder

    def path_of(self, pack_id: bytes) -> Path | None:
        folders = chain([self._folder], folders_in(self._files, self._folder.parent))
        return find_pack(self._files, folders, pack_id)

    def claim(self, holder: bytes, pack_id: bytes) -> bool:
        return False

    def remove(self, sequence: int, pack_id: bytes) -> None:
        self._files.unlink(self._folder / file_name(sequence, pack_id))

    def settle(self, there: Collection[bytes]) -> Collection[bytes]:
        return ()


class SharedPacks:
    """The tapes of a data folder.  `of` gives the References of each."""

    def __init__(
        self,
        files: FileLayer,
        tapes: Path,
        table: "ReferenceTable",
        gone: Callable[[Collection[bytes]], None] = lambda _pack_ids: None,
    ) -> None:
        """`gone` is told of every pack whose segment was deleted."""
        self.files, self.tapes, self.table, self._gone = files, tapes, table, gone

    def of(self, barcode: str) -> "SharedTape":
        return SharedTape(self, barcode)

    def path_of(self, pack_id: bytes) -> Path | None:
        """Where a pack lies: where the catalog says, or else wherever it is found."""
        with suppress(CatalogError):
            place = self.table.place_of(pack_id)
            if place is not None:
                return self.tapes / place[0] / file_name(place[1], pack_id)
        return find_pack(self.files, folders_in(self.files, self.tapes), pack_id)

    def unlink(self, barcode: str, sequence: int, pack_id: bytes) -> None:
        """Delete a segment, and then what was kept only because it referred to it."""
        waiting = [(barcode, sequence, pack_id)]
        while waiting:
            of, number, gone = waiting.pop()
            with suppress(FileNotFoundError):
                self.files.unlink(self.tapes / of / file_name(number, gone))
            self._gone([gone])
            waiting += self.table.drop([gone])


class ReferenceTable(Protocol):
    """The rows, each call a transaction.  A place is a barcode and a sequence number."""

    def place_of(self, pack_id: bytes) -> tuple[str, int] | None:
        """Where a pack lies that tapes hold, or that is kept for those that refer to it."""
        ...

    def claim(self, barcode: str, holder: bytes, pack_id: bytes) -> bool: ...

    def release(self, barcode: str, sequence: int, pack_id: bytes) -> bool:
        """Let a pack take no new row, or keep it if it has one: whether it is to be deleted."""
        ...

    def drop(self, holders: Collection[bytes]) -> list[tuple[str, int, bytes]]:
        """Forget rows; gives the packs that were kept for them only, and are no longer."""
        ...

    def holders(self, barcode: str) -> set[bytes]: ...

    def kept(self, barcode: str) -> set[bytes]: ...


class SharedTape:
    """One of the tapes of a data folder."""

    def __init__(self, packs: SharedPacks, barcode: str) -> None:
        self._packs, self._barcode = packs, barcode

    def path_of(self, pack_id: bytes) -> Path | None:
        return self._packs.path_of(pack_id)

    def claim(self, holder: bytes, pack_id: bytes) -> bool:
        with suppress(CatalogError):
            return self._packs.table.claim(self._barcode, holder, pack_id)
        return False

    def remove(self, sequence: int, pack_id: bytes) -> None:
        with suppress(CatalogError):  # What is not deleted now is when the tape is loaded again.
            if self._packs.table.release(self._barcode, sequence, pack_id):
                self._packs.unlink(self._barcode, sequence, pack_id)

    def settle(self, there: Collection[bytes]) -> Collection[bytes]:
        table = self._packs.table
        for place in table.drop(table.holders(self._barcode).difference(there)):
            self._packs.unlink(*place)
        return table.kept(self._barcode)


def find_pack(files: FileLayer, folders: Iterable[Path], pack_id: bytes) -> Path | None:
    """The segment of that pack, in whichever of the folders it lies."""
    ending = f"-{pack_id.hex()}{SUFFIX}"
    for folder in folders:
        with suppress(OSError):
            for name in files.listdir(folder):
                if name.endswith(ending):
                    return folder / name
    return None


def folders_in(files: FileLayer, tapes: Path) -> Iterator[Path]:
    """The folders of all tapes."""
    for name in sorted(files.listdir(tapes)):
        yield tapes / name
