"""The packs of a tape as they lie in its folder, and what its map holds of them."""

from dataclasses import dataclass
from pathlib import Path

from pyvtl.cloud.spans import FinishedFile, measure
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.store.errors import DamageError
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.format import FooterTail, SegmentHeader
from pyvtl.store.recovery import read_footer
from pyvtl.store.tape_map import Pack


@dataclass(frozen=True, slots=True)
class LocalPack:
    """A closed segment: its file, its header followed by its footer, and packs it refers to."""

    pack: Pack
    file: FinishedFile
    outline: bytes
    refers_to: frozenset[bytes]


def local_pack(pack: Pack, path: Path) -> LocalPack:
    """Read what a segment says of itself.  Blocks.  Raises DamageError, OSError."""
    files = ReadOnlyFiles()
    fd = files.open(path)
    try:
        footer = read_footer(files, fd, pack.pack_id)
        if footer is None or (footer.length, footer.chain) != (pack.length, pack.chain):
            raise DamageError(f"{path} is not the segment that was closed there")
        tail = FooterTail.decode(files.pread(fd, FooterTail.SIZE, pack.length - FooterTail.SIZE))
        header = files.pread(fd, SegmentHeader.SIZE, 0)
        rest = files.pread(fd, pack.length - tail.footer_offset, tail.footer_offset)
    finally:
        files.close(fd)
    return LocalPack(pack, measure(path), header + rest, footer.index().packs())


def refuse_foreign(tape: TapeAtRest, packs: list[LocalPack]) -> None:
    """Raise DamageError if the tape needs packs of other tapes."""
    own = {pack.pack_id for pack, _ in tape.packs}
    foreign = frozenset[bytes]().union(*(pack.refers_to for pack in packs)) - own
    if foreign:
        raise DamageError(f"it needs {len(foreign)} packs of other tapes, which push cannot send")
