"""Make the label of a tape anew from its segments: each of them says whose it is."""

from dataclasses import replace

from pyvtl.store.errors import DamageError
from pyvtl.store.format import SegmentHeader, decode_header
from pyvtl.store.keys import KEY_FILE
from pyvtl.store.loading import TapeFolder, load_tape, segment_names
from pyvtl.store.repository import Label


def label_from_segments(folder: TapeFolder) -> Label | None:
    """The label that the tape in a folder had, or None when no segment of it tells.

    `created_at` is when its oldest segment was begun.  Nothing is written.
    """
    headers = [header for header in _headers(folder) if header is not None]
    if not headers or len({header.tape_id for header in headers}) > 1:
        return None
    header = headers[0]
    if header.barcode.rstrip() != folder.barcode.encode():
        return None
    created_at = min(header.created_at for header in headers)
    label = Label(folder.barcode, header.tape_id.hex(), _capacity(folder), created_at)
    return replace(label, encrypted=KEY_FILE in folder.files.listdir(folder.path))


def segment_header(folder: TapeFolder, name: str) -> SegmentHeader | None:
    """The header of one segment file, or None when it has no valid one."""
    files = folder.files
    fd = files.open(folder.path / name)
    try:
        return decode_header(files.pread(fd, SegmentHeader.SIZE, 0))
    finally:
        files.close(fd)


def _headers(folder: TapeFolder) -> list[SegmentHeader | None]:
    return [segment_header(folder, name) for name in segment_names(folder)]


def _capacity(folder: TapeFolder) -> int:
    """The record bytes that fit, as the last segment that can be read says; 0 if none does."""
    try:
        last = load_tape(folder, mend=False).last
    except DamageError:
        return 0
    frame = None if last is None else last.attributes
    if frame is None:
        return 0
    return frame.capacity_0 + frame.capacity_1 + frame.capacity_2 + frame.capacity_3
