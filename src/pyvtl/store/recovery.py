"""Read a segment back after a crash, and close it at the last COMMIT that is whole.

What lies after the last COMMIT was never promised: a torn tail is cut off.  Damage below an
offset that is known to have been synced is something else: nothing is cut then, what is whole
is still found, and the damage is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, write_all
from pyvtl.store.format import (
    BLOCK_KINDS,
    FOOTER_MAGIC,
    FORMAT_VERSION,
    FRAME,
    FRAME_MAGIC,
    Commit,
    FooterTail,
    Frame,
    FrameFacts,
    FrameHeader,
    Kind,
    SegmentHeader,
    decode_header,
    frame_is_whole,
    seed_of,
)
from pyvtl.store.index import SegmentIndex
from pyvtl.store.segment import encode_footer
from pyvtl.store.tape_map import Pack
from pyvtl.wire.checksum import crc32c

WINDOW = 1 << 20


@dataclass(frozen=True, slots=True)
class Footer:
    """A footer, checked."""

    headers: list[bytes]
    notes: list[bytes]
    length: int
    chain: bytes

    def index(self) -> SegmentIndex:
        index = SegmentIndex()
        index.add_all(SegmentHeader.SIZE, self.headers, self.notes)
        return index


@dataclass(frozen=True, slots=True)
class Scan:
    """The whole frames of a segment, up to its last COMMIT.

    `damaged_at` is the offset of damage that is no torn tail.
    """

    frames: list[Frame]
    damaged_at: int | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """What an open segment lacks: a footer, and an end where its last COMMIT ends."""

    offset: int
    footer: bytes
    chain: bytes

    @property
    def length(self) -> int:
        """Of the closed file."""
        return self.offset + len(self.footer)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A segment as found: a pack, or one that no COMMIT ever made count.

    Of an open one, `pack` is what it is once `closing` is done.
    """

    header: SegmentHeader
    pack: Pack | None
    damage: str | None = None
    closing: Closing | None = None


def read_footer(files: FileLayer, fd: int, pack_id: bytes) -> Footer | None:
    """The footer at the end of a file, or None when it does not end in a whole one."""
    size = files.size(fd)
    if size < SegmentHeader.SIZE + FooterTail.SIZE:
        return None
    last = files.pread(fd, FooterTail.SIZE, size - FooterTail.SIZE)
    if len(last) < FooterTail.SIZE:
        return None  # It is just being closed, and was cut to its length.
    tail = FooterTail.decode(last)
    length = size - FooterTail.SIZE - tail.footer_offset
    if tail.magic != FOOTER_MAGIC or length < tail.frames * FrameHeader.SIZE:
        return None
    return decode_footer(files.pread(fd, length, tail.footer_offset) + last, size, pack_id)


def decode_footer(data: bytes, size: int, pack_id: bytes) -> Footer | None:
    """The footer in these bytes, or None when it is not the whole one of a pack of that size."""
    body, last = data[: -FooterTail.SIZE], data[-FooterTail.SIZE :]
    if len(last) < FooterTail.SIZE:
        return None
    tail = FooterTail.decode(last)
    if tail.magic != FOOTER_MAGIC or tail.footer_offset != size - len(data):
        return None
    if crc32c(last[:-4], crc32c(body, seed_of(pack_id))) != tail.crc:
        return None
    return Footer(*_split_footer(body, tail.frames), size, tail.chain)


def _split_footer(body: bytes, frames: int) -> tuple[list[bytes], list[bytes]]:
    """The frame headers of a footer, and the payloads that follow them."""
    at = frames * FrameHeader.SIZE
    headers = [body[i : i + FrameHeader.SIZE] for i in range(0, at, FrameHeader.SIZE)]
    notes = []
    for header in headers:
        if header[4] not in BLOCK_KINDS:
            size = FrameFacts(*FRAME.unpack_from(header)).stored_length
            notes.append(body[at : at + size])
            at += size
    return headers, notes


def _frames_from(files: FileLayer, fd: int, offset: int, seed: int) -> Iterator[Frame]:
    """The whole frames that follow each other from `offset` on."""
    while frame := _frame_at(files, fd, offset, seed):
        yield frame
        offset = frame.end


def _frame_at(files: FileLayer, fd: int, offset: int, seed: int) -> Frame | None:
    header = files.pread(fd, FrameHeader.SIZE, offset)
    if len(header) < FrameHeader.SIZE or header[:4] != FRAME_MAGIC:
        return None
    facts = FrameFacts(*FRAME.unpack_from(header))
    if offset + facts.stored_length > files.size(fd):
        return None
    payload = files.pread(fd, facts.stored_length, offset + FrameHeader.SIZE)
    if len(payload) < facts.stored_length or not frame_is_whole(header, payload, seed):
        return None
    return Frame(offset, header, facts, None if facts.kind in BLOCK_KINDS else payload)


def _next_frame(files: FileLayer, fd: int, offset: int, seed: int) -> Frame | None:
    """The first whole frame that begins at `offset` or anywhere after it."""
    while window := files.pread(fd, WINDOW + len(FRAME_MAGIC) - 1, offset):
        found = window.find(FRAME_MAGIC)
        while found >= 0:
            if frame := _frame_at(files, fd, offset + found, seed):
                return frame
            found = window.find(FRAME_MAGIC, found + 1)
        offset += WINDOW
    return None


def scan(files: FileLayer, fd: int, pack_id: bytes, known_synced_to: int = 0) -> Scan:
    """Read all frames and tell a torn tail from damage.

    `known_synced_to` is an offset that was synced according to somebody else (the catalog).
    """
    seed = seed_of(pack_id)
    frames = list(_frames_from(files, fd, SegmentHeader.SIZE, seed))
    torn_at = frames[-1].end if frames else SegmentHeader.SIZE
    later: list[Frame] = []
    end = torn_at
    while frame := _next_frame(files, fd, end, seed):
        later += _frames_from(files, fd, frame.offset, seed)
        end = later[-1].end
    synced_to = max([known_synced_to, *map(_synced_to, later)])
    if synced_to > torn_at:
        return Scan(_to_last_commit(frames + later), torn_at)
    return Scan(_to_last_commit(frames))


def _synced_to(frame: Frame) -> int:
    if frame.facts.kind != Kind.COMMIT or frame.payload is None:
        return 0
    return Commit.decode(frame.payload).synced_to


def _to_last_commit(frames: list[Frame]) -> list[Frame]:
    last = max((i for i, f in enumerate(frames) if f.facts.kind == Kind.COMMIT), default=-1)
    return frames[: last + 1]


def recover_segment(
    files: FileLayer, path: Path, pack_id: bytes, key: bytes, known_synced_to: int = 0
) -> Recovered | None:
    """As `inspect_segment`, and close the segment if it is open."""
    found = inspect_segment(files, path, pack_id, key, known_synced_to)
    if found is not None and found.closing is not None:
        fd = files.open(path)
        try:
            _close(files, fd, found.closing)
        finally:
            files.close(fd)
    return found


def inspect_segment(
    files: FileLayer, path: Path, pack_id: bytes, key: bytes, known_synced_to: int = 0
) -> Recovered | None:
    """Read a segment of a tape and change nothing; None for a file never begun.

    No frame is written before the header is durable: with one behind it, or known to have been
    synced, a header that is none raises DamageError.
    """
    fd = files.open(path)
    try:
        first = files.pread(fd, SegmentHeader.SIZE, 0)
        header = decode_header(first)
        if header is None:
            if known_synced_to or _next_frame(files, fd, 0, seed_of(pack_id)):
                raise DamageError(f"{path.name} has no valid segment header")
            return None
        if header.version > FORMAT_VERSION:
            raise DamageError(
                f"{path.name} has format version {header.version}, this program knows"
                f" {FORMAT_VERSION}"
            )
        footer = read_footer(files, fd, header.pack_id)
        if footer is None:
            return _inspect_open(files, fd, header, key, known_synced_to)
        return Recovered(header, pack_of(header, footer.index(), footer.length, footer.chain))
    finally:
        files.close(fd)


def _inspect_open(
    files: FileLayer, fd: int, header: SegmentHeader, key: bytes, known_synced_to: int
) -> Recovered:
    found = scan(files, fd, header.pack_id, known_synced_to)
    index = index_of(found.frames)
    if found.damaged_at is not None:
        damage = f"pack {header.pack_id.hex()} is damaged at byte {found.damaged_at}"
        return Recovered(header, pack_of(header, index, files.size(fd), bytes(32)), damage)
    if not found.frames:
        return Recovered(header, None)
    closing = _closing(header.pack_id, found.frames, key)
    pack = pack_of(header, index, closing.length, closing.chain)
    return Recovered(header, pack, closing=closing)


def index_of(frames: list[Frame]) -> SegmentIndex:
    """The index of scanned frames."""
    index = SegmentIndex()
    for frame in frames:
        index.add(frame.offset, frame.header, frame.payload)
    return index


def _closing(pack_id: bytes, frames: list[Frame], key: bytes) -> Closing:
    """How to close a segment after its last COMMIT."""
    last = frames[-1]
    assert last.payload is not None
    chain = blake3(Commit.decode(last.payload).chain + last.header, key=key).digest()
    headers = [frame.header for frame in frames]
    notes = [bytes(frame.payload) for frame in frames if frame.payload is not None]
    return Closing(last.end, encode_footer(pack_id, last.end, headers, notes, chain), chain)


def _close(files: FileLayer, fd: int, closing: Closing) -> None:
    """Cut after the last COMMIT and write the footer, so that nothing is ever appended."""
    files.ftruncate(fd, closing.offset)
    files.fdatasync(fd)  # What was read may be in memory only, and the footer vouches for it.
    write_all(files, fd, [closing.footer], closing.offset)
    files.fdatasync(fd)


def pack_of(header: SegmentHeader, index: SegmentIndex, length: int, chain: bytes) -> Pack:
    """What loading a tape needs of a segment."""
    return Pack(
        pack_id=header.pack_id,
        sequence=header.sequence,
        generation=header.generation,
        length=length,
        chain=chain,
        predecessor=header.predecessor,
        predecessor_length=header.predecessor_length,
        predecessor_chain=header.predecessor_chain,
        commit=index.commit,
        attributes=index.attributes,
        extents=tuple(index.extents),
        references=index.packs() - {header.pack_id},
    )
