"""What is done before a clean segment is deleted: its tape is marked, its outline kept.

The mark names the generation of which segments were deleted here.  A catalog that knows none of
them was lost, and the tape must not be taken for what is left of it in its folder.
"""

from contextlib import suppress
from pathlib import Path

from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, read_file, write_file
from pyvtl.store.format import FooterTail, SegmentHeader, decode_header
from pyvtl.store.recovery import read_footer

EVICTED = "evicted"


def mark_evicted(files: FileLayer, folder: Path, generation: int) -> None:
    """Say durably that segments of that generation are no longer in the folder of a tape."""
    if evicted_generation(files, folder) != generation:
        write_file(files, folder / EVICTED, f"{generation}\n".encode())


def evicted_generation(files: FileLayer, folder: Path) -> int | None:
    """The generation that the mark in the folder of a tape names.  Raises DamageError."""
    try:
        text = read_file(files, folder / EVICTED)
    except FileNotFoundError:
        return None
    if not text.strip().isdigit():
        raise DamageError(f"{folder / EVICTED} does not name a generation")
    return int(text)


def is_whole(files: FileLayer, path: Path, pack_id: bytes) -> bool:
    """Whether a segment has a header and a footer; what stands between is not looked at."""
    outline = outline_at(files, path, pack_id)
    header = None if outline is None else decode_header(outline[: SegmentHeader.SIZE])
    return header is not None and header.pack_id == pack_id


def outline_at(files: FileLayer, path: Path, pack_id: bytes) -> bytes | None:
    """Header and footer of a segment, one behind the other; None when they cannot be read."""
    with suppress(OSError):
        fd = files.open(path)
        try:
            if read_footer(files, fd, pack_id) is None:
                return None
            size = files.size(fd)
            last = files.pread(fd, FooterTail.SIZE, size - FooterTail.SIZE)
            start = FooterTail.decode(last).footer_offset
            return files.pread(fd, SegmentHeader.SIZE, 0) + files.pread(fd, size - start, start)
        finally:
            files.close(fd)
    return None
