"""What a folder under `tapes/` tells of its tape, when the catalog does not know it."""

from pathlib import Path

from pyvtl.store.catalog import TapeRow
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer
from pyvtl.store.loading import TapeFolder
from pyvtl.store.references import SUFFIX
from pyvtl.store.relabelling import label_from_segments
from pyvtl.store.repository import KEY_SIZE, LABEL, Label, read_label


def has_tape(files: FileLayer, folder: Path) -> bool:
    """Whether a folder shows that there is a tape; else a crash came before its label."""
    return any(name == LABEL or name.endswith(SUFFIX) for name in files.listdir(folder))


def says_deleted(files: FileLayer, folder: Path) -> bool:
    """Whether the label in a folder can be read, and says that the tape was deleted."""
    try:
        return read_label(files, folder).deleted
    except (DamageError, FileNotFoundError):
        return False


def says_worm(files: FileLayer, folder: Path) -> bool:
    """Whether the label in a folder says that its tape can only be appended to.

    What is written on a tape says so too: a label that is lost unsets nothing there.
    """
    try:
        return read_label(files, folder).worm
    except (DamageError, FileNotFoundError):
        return False


def row_from_segments(files: FileLayer, folder: Path) -> TapeRow:
    """A tape without its label, as its segments tell it; a blank one when they do not."""
    try:  # Telling whose a segment is takes no key.
        label = label_from_segments(TapeFolder(files, folder, bytes(KEY_SIZE), b"", folder.name))
    except OSError:
        label = None
    return TapeRow(folder.name, bytes(16), 0, 0) if label is None else row_of(label)


def row_of(label: Label) -> TapeRow:
    """What the catalog says of a tape with that label."""
    return TapeRow(
        label.barcode,
        bytes.fromhex(label.tape_id),
        label.capacity_bytes,
        label.created_at,
        label.deleted,
    )
