"""Hold one segment against itself: names, footer, chain, and if wanted every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from blake3 import blake3

from pyvtl.store.compression import Decompressor
from pyvtl.store.encryption import PackCipher
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer
from pyvtl.store.format import (
    BLOCK_KINDS,
    FRAME,
    Codec,
    Commit,
    FooterTail,
    Frame,
    FrameFacts,
    FrameHeader,
    Kind,
    SegmentHeader,
    decode_header,
    frame_is_whole,
    keyed_hash,
    seed_of,
)
from pyvtl.store.loading import TapeFolder
from pyvtl.store.recovery import Footer, read_footer, scan
from pyvtl.store.references import pack_id_of
from pyvtl.store.repository import NO_TAPE
from pyvtl.wire.layout import Buffer


@dataclass(frozen=True, slots=True)
class SegmentCheck:
    """What to hold a segment against.

    `key` None leaves out what only the key of the hashes can prove; `read_data` reads every frame
    back; `advance` is told how many bytes were read.
    """

    folder: TapeFolder
    key: bytes | None
    read_data: bool = False
    advance: Callable[[int], object] = lambda _size: None

    def faults(self, name: str) -> Iterator[str]:
        """What is wrong with the segment in that file, as far as loading it does not tell."""
        files = self.folder.files
        fd = files.open(self.folder.path / name)
        try:
            header = decode_header(files.pread(fd, SegmentHeader.SIZE, 0))
            if header is not None:
                yield from self._names(header, name)
                yield from self._inside(fd, header)
        finally:
            files.close(fd)

    def _names(self, header: SegmentHeader, name: str) -> Iterator[str]:
        """Whether the segment says of itself what its name and its tape say."""
        folder = self.folder
        if (header.sequence, header.pack_id) != (int(name.partition("-")[0]), pack_id_of(name)):
            yield f"calls itself {header.sequence:08d}-{header.pack_id.hex()}"
        if folder.tape_id.hex() == NO_TAPE:
            return
        if header.barcode.rstrip() != folder.barcode.encode():
            yield f"belongs to tape {header.barcode.rstrip().decode('ascii', 'replace')}"
        elif folder.tape_id and header.tape_id != folder.tape_id:
            yield f"belongs to another tape {folder.barcode}, with the id {header.tape_id.hex()}"

    def _inside(self, fd: int, header: SegmentHeader) -> Iterator[str]:
        files = self.folder.files
        footer = read_footer(files, fd, header.pack_id)
        frames = _frames_of(footer) if footer else scan(files, fd, header.pack_id).frames
        if footer is not None and frames and _length_of(footer, frames[-1]) != footer.length:
            yield "its footer does not begin where its last frame ends"
        yield from self._chain(header, footer, frames)
        if self.read_data:
            yield from self._data(fd, header, frames)

    def _chain(
        self, header: SegmentHeader, footer: Footer | None, frames: list[Frame]
    ) -> Iterator[str]:
        """Whether the COMMITs and the footer prove the frame headers, and each other."""
        if self.key is None:
            return
        chain = blake3(header.predecessor_chain, key=self.key)
        for number, frame in enumerate(frames):
            if frame.facts.number != number:
                yield f"frame {number} calls itself {frame.facts.number}"
            if frame.facts.kind == Kind.COMMIT and frame.payload is not None:
                commit = Commit.decode(frame.payload)
                if commit.chain != chain.digest():
                    yield f"the chain does not hold at the COMMIT in frame {number}"
                if _predecessor(commit) != _predecessor(header):
                    yield f"the COMMIT in frame {number} follows another pack than its segment"
                chain = blake3(commit.chain, key=self.key)
            chain.update(frame.header)
        if footer is not None and footer.chain != chain.digest():
            yield "the chain does not hold at its footer"

    def _data(self, fd: int, header: SegmentHeader, frames: list[Frame]) -> Iterator[str]:
        cipher = self.folder.cipher(header.pack_id)
        proof = _FrameProof(self.folder.files, fd, seed_of(header.pack_id), self.key, cipher)
        for frame in frames:
            fault = proof.fault(frame)
            if fault is not None:
                yield f"frame {frame.facts.number} at byte {frame.offset}: {fault}"
            self.advance(FrameHeader.SIZE + frame.facts.stored_length)


class _FrameProof:
    """Reads frames of one segment and proves them by their CRC and their hash."""

    def __init__(
        self, files: FileLayer, fd: int, seed: int, key: bytes | None, cipher: PackCipher | None
    ) -> None:
        self._files, self._fd, self._seed, self._key = files, fd, seed, key
        self._cipher = cipher
        self._unpack = Decompressor().unpack

    def fault(self, frame: Frame) -> str | None:
        """What is wrong with a frame; None if nothing is."""
        size = FrameHeader.SIZE + frame.facts.stored_length
        stored = self._files.pread(self._fd, size, frame.offset)
        header, payload = stored[: FrameHeader.SIZE], stored[FrameHeader.SIZE :]
        if header != frame.header:
            return "its header is not what the footer says"
        if len(stored) < size or not frame_is_whole(header, payload, self._seed):
            return "its CRC does not fit"
        sealed = frame.facts.codec & Codec.AES_256_GCM
        if sealed and self._key is None:
            return None  # Without the tape's key its CRC is all that proves a frame.
        try:
            plain = self._plain(frame, payload)
        except DamageError as error:
            return str(error)
        if self._key is not None and keyed_hash(self._key, plain) != frame.facts.hash:
            return "its hash does not fit"
        return None

    def _plain(self, frame: Frame, payload: bytes) -> Buffer:
        """What the hash in a frame is made of."""
        facts = frame.facts
        if facts.kind == Kind.DATA and self._cipher is not None:
            payload = self._cipher.open(frame.header[:-4], facts.number, payload)
            facts = facts._replace(codec=facts.codec & ~Codec.AES_256_GCM)
        if facts.kind == Kind.ZERO:
            return bytes(facts.plain_length)
        if facts.codec == Codec.RAW:
            return payload
        if facts.codec == Codec.ZSTD:
            return self._unpack(payload, facts.plain_length)
        raise DamageError(f"codec {facts.codec} means nothing in this version")


def _frames_of(footer: Footer) -> list[Frame]:
    """The frames of a closed segment, by its footer alone."""
    notes, offset, frames = iter(footer.notes), SegmentHeader.SIZE, []
    for header in footer.headers:
        facts = FrameFacts(*FRAME.unpack_from(header))
        frames.append(
            Frame(offset, header, facts, None if facts.kind in BLOCK_KINDS else next(notes))
        )
        offset = frames[-1].end
    return frames


def _length_of(footer: Footer, last: Frame) -> int:
    """How long the file is if the footer stands right behind the last frame."""
    notes = sum(map(len, footer.notes))
    return last.end + len(footer.headers) * FrameHeader.SIZE + notes + FooterTail.SIZE


def _predecessor(of: SegmentHeader | Commit) -> tuple[bytes, int, bytes]:
    return of.predecessor, of.predecessor_length, of.predecessor_chain
