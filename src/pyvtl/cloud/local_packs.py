"""Packs as they lie in the folders of tapes, and what a map holds of them."""

from dataclasses import dataclass
from pathlib import Path

from pyvtl.cloud.spans import FinishedFile
from pyvtl.store.errors import DamageError
from pyvtl.store.files import ReadOnlyFiles
from pyvtl.store.format import FooterTail, SegmentHeader, decode_header
from pyvtl.store.recovery import Footer, pack_of, read_footer
from pyvtl.store.tape_map import Pack


@dataclass(frozen=True, slots=True)
class LocalPack:
    """A closed segment: its header followed by its footer, and packs it refers to."""

    pack: Pack
    path: Path
    outline: bytes
    refers_to: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class SentPack:
    """A segment that the store has, and what was sent."""

    local: LocalPack
    file: FinishedFile


def local_pack(pack: Pack, path: Path) -> LocalPack:
    """Read what a segment says of itself.  Blocks.  Raises DamageError, OSError."""
    footer, outline = _footer_and_outline(pack.pack_id, path)
    if (footer.length, footer.chain) != (pack.length, pack.chain):
        raise DamageError(f"{path} is not the segment that was closed there")
    return LocalPack(pack, path, outline, footer.index().packs())


def other_pack(pack_id: bytes, path: Path) -> LocalPack:
    """The same of a segment that only its pack id is known of: a pack that others refer to."""
    footer, outline = _footer_and_outline(pack_id, path)
    header, index = decode_header(outline), footer.index()
    if header is None or header.pack_id != pack_id:
        raise DamageError(f"{path} is not the segment of pack {pack_id.hex()}")
    pack = pack_of(header, index, footer.length, footer.chain)
    return LocalPack(pack, path, outline, index.packs())


def _footer_and_outline(pack_id: bytes, path: Path) -> tuple[Footer, bytes]:
    files = ReadOnlyFiles()
    fd = files.open(path)
    try:
        footer = read_footer(files, fd, pack_id)
        if footer is None:
            raise DamageError(f"{path} is no closed segment of pack {pack_id.hex()}")
        tail_at = footer.length - FooterTail.SIZE
        tail = FooterTail.decode(files.pread(fd, FooterTail.SIZE, tail_at))
        header = files.pread(fd, SegmentHeader.SIZE, 0)
        rest = files.pread(fd, footer.length - tail.footer_offset, tail.footer_offset)
    finally:
        files.close(fd)
    return footer, header + rest
