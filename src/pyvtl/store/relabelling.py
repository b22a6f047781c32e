"""Make the label of a tape anew from its segments: each of them says whose it is."""

from pyvtl.store.errors import DamageError
from pyvtl.store.format import AttributesFrame, SegmentHeader, decode_header
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
    frame = _attributes(folder)
    capacity = 0 if frame is None else _capacity(frame)
    return Label(
        folder.barcode,
        header.tape_id.hex(),
        capacity,
        created_at,
        encrypted=KEY_FILE in folder.files.listdir(folder.path),
        worm=frame is not None and frame.worm,
    )


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


def _attributes(folder: TapeFolder) -> AttributesFrame | None:
    """What the last segment that can be read says of the cartridge."""
    try:
        last = load_tape(folder, mend=False).last
    except DamageError:
        return None
    return None if last is None else last.attributes


def _capacity(frame: AttributesFrame) -> int:
    return frame.capacity_0 + frame.capacity_1 + frame.capacity_2 + frame.capacity_3
