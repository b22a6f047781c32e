"""Write one segment: frames go in at its end, and nothing that stands is ever changed."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from blake3 import blake3

from pyvtl.store.compression import Compressor
from pyvtl.store.encryption import KEY_ID, TAG_SIZE, PackCipher
from pyvtl.store.files import FileLayer, write_all
from pyvtl.store.format import (
    CRC,
    FRAME,
    FRAME_MAGIC,
    Codec,
    Commit,
    FooterTail,
    Kind,
    Place,
    SegmentHeader,
    encode_ends,
    encode_header,
    keyed_hash,
    seal_frame,
    seed_of,
)
from pyvtl.store.index import SegmentIndex
from pyvtl.store.references import file_name
from pyvtl.store.runs import Block, Finder, Run, Runs, Source
from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Buffer

ALLOCATION_STEP = 16 << 20
FRAME_SIZE = 64
NOTES_SIZE = 8 << 20
"""Notes that a segment holds at most, about: they are kept in memory until it is closed."""


@lru_cache(64)
def zero_hash(key: bytes, size: int) -> bytes:
    """The hash of a block of zeros, by which one is told without looking at its bytes."""
    return keyed_hash(key, bytes(size))


def segment_name(header: SegmentHeader) -> str:
    """The file name of a segment; what counts stands in its header."""
    return file_name(header.sequence, header.pack_id)


class Allocation:
    """A new file with room in it, ready to become a segment.

    It takes its disk space in steps, so that writing never meets a full disk unprepared.
    """

    def __init__(
        self,
        files: FileLayer,
        path: Path,
        limit: int,
        taken: Callable[[int], None] = lambda _size_bytes: None,
    ) -> None:
        """`taken` is told how many bytes the file takes, whenever it has grown."""
        self.files, self.path, self.limit, self.taken = files, path, limit, taken
        self.fd = files.open(path, create=True)
        self.allocated = 0

    def reach(self, end: int) -> None:
        """Make sure the file has room up to `end`; OSError (ENOSPC) changes nothing."""
        if end > self.allocated:
            step = -(-(end - self.allocated) // ALLOCATION_STEP) * ALLOCATION_STEP
            room = min(step, max(end, self.limit) - self.allocated)
            self.files.fallocate(self.fd, self.allocated, room)
            self.allocated += room
            self.taken(self.allocated)


class SegmentWriter:
    """The one segment of a tape that is being written.

    Frames gather in memory until `flush`, are safe after `sync`, and end with `seal`.  OSError
    from any of them means that nothing may be written here any more.
    """

    def __init__(
        self,
        allocation: Allocation,
        header: SegmentHeader,
        key: bytes,
        compressor: Compressor,
        finder: Finder | None = None,
        *,
        cipher: PackCipher | None = None,
    ) -> None:
        """With a `finder`, blocks that it knows become REF frames."""
        self.header, self.limit = header, allocation.limit
        self.path, self.fd = allocation.path, allocation.fd
        self.end = SegmentHeader.SIZE
        self.synced_to = 0
        self._allocation, self._files, self._key = allocation, allocation.files, key
        self._pack, self._cipher = compressor.pack, cipher
        self._seed = seed_of(header.pack_id)
        self._headers: list[bytes] = []
        self._notes: list[bytes] = []
        self._notes_size = 0
        self._runs = None if finder is None else Runs(finder, Source(header.pack_id))
        self._pending: list[Buffer] = []
        self._written = 0
        self._chain = blake3(header.predecessor_chain, key=key)
        self._chained = 0
        self._index = SegmentIndex()
        self._index.end = self.end
        self._indexed_notes = 0
        allocation.reach(self.end)
        self._written = write_all(self._files, self.fd, [encode_header(header)], 0)
        self._files.fdatasync(self.fd)
        self._files.sync_folder(self.path.parent)

    def add_block(self, partition: int, first_byte: int, block: Buffer) -> None:
        """Add a block of the stream; the buffer may not change until `flush` has returned."""
        digest = blake3(block, key=self._key).digest()
        zero = not block[0] and digest == zero_hash(self._key, len(block))
        if self._runs is None or self._runs.is_new(digest, zero):
            self._store(partition, first_byte, block, digest, zero)
        else:
            self._put(self._runs.offer(Block(partition, first_byte, block, digest, zero)))

    def end_file(self) -> None:
        """A filemark follows the blocks so far."""
        if self._runs is not None:
            self._put(self._runs.end_file())

    def finish(self) -> None:
        """Put the blocks so far into frames, those too that might have become part of a REF."""
        if self._runs is not None:
            self._put(self._runs.finish())

    @property
    def rows(self) -> Mapping[bytes, int]:
        """The rows of the blocks that others may refer to, by their hashes."""
        return {} if self._runs is None else self._runs.rows

    def has_room(self, byte_count: int) -> bool:
        """Whether so many bytes more fit into the segment, and its footer into memory."""
        fits = self.end + self._held + byte_count <= self.limit
        return fits and self._notes_size < NOTES_SIZE

    @property
    def _held(self) -> int:
        return 0 if self._runs is None else self._runs.held_bytes

    def _put(self, items: Sequence[Block | Run]) -> None:
        for item in items:
            match item:
                case Block():
                    self._store(*item)
                case Run(partition, first_byte, reference, hashes):
                    if self._runs is not None:
                        self._runs.referred(len(self._headers))
                    self.add_note(Kind.REF, partition, first_byte, reference.encode() + hashes)

    def _store(
        self, partition: int, first_byte: int, block: Buffer, digest: bytes, zero: bool
    ) -> None:
        size = len(block)
        kind: int = Kind.DATA
        codec: int = Codec.RAW
        if self._runs is not None:
            self._runs.stored(digest, zero, len(self._headers))
        if zero:
            kind, block = Kind.ZERO, b""
        elif packed := self._pack(block):
            codec, block = Codec.ZSTD, packed
        key_id, stored_length = 0, len(block)
        cipher = self._cipher if kind == Kind.DATA else None
        if cipher is not None:
            codec, key_id = codec | Codec.AES_256_GCM, KEY_ID
            stored_length += TAG_SIZE
        head = FRAME.pack(
            FRAME_MAGIC,
            kind,
            codec,
            key_id,
            len(self._headers),
            stored_length,
            partition << 24 | size,
            first_byte,
            digest,
        )
        if cipher is not None:
            block = cipher.seal(head, len(self._headers), block)
        header = head + CRC.pack(crc32c(block, crc32c(head, self._seed)))
        self._headers.append(header)
        self._pending += (header, block)
        self.end += FRAME_SIZE + stored_length

    def add_note(self, kind: Kind, partition: int, first_byte: int, payload: bytes) -> None:
        """Add a frame that is no block."""
        head = FRAME.pack(
            FRAME_MAGIC,
            kind,
            Codec.RAW,
            0,
            len(self._headers),
            len(payload),
            partition << 24 | len(payload),
            first_byte,
            keyed_hash(self._key, payload),
        )
        header = seal_frame(head, payload, self._seed)
        self._headers.append(header)
        self._notes.append(payload)
        self._notes_size += len(payload)
        self._pending += (header, payload)
        self.end += FRAME_SIZE + len(payload)

    def flush(self) -> None:
        """Hand all frames to the file."""
        if self._runs is not None:
            self._runs.keep()
        if self._pending:
            self._allocation.reach(self.end)
            self._written = write_all(self._files, self.fd, self._pending, self._written)
            self._pending.clear()

    def reserve(self, byte_count: int) -> None:
        """Take disk space for so many bytes more, and for the footer that comes after them."""
        footer = len(self._headers) * FRAME_SIZE + self._notes_size + FooterTail.SIZE
        self._allocation.reach(self.end + self._held + byte_count + footer)

    def commit(self, ends: list[Place]) -> None:
        """Add a COMMIT that says where the partitions end."""
        commit = Commit(
            synced_to=self.synced_to,
            predecessor=self.header.predecessor,
            predecessor_length=self.header.predecessor_length,
            predecessor_chain=self.header.predecessor_chain,
            chain=self.chain(),
            ends=encode_ends(ends),
            partitions=len(ends),
        )
        self._chain = blake3(commit.chain, key=self._key)
        self.add_note(Kind.COMMIT, 0, 0, commit.encode())

    def chain(self) -> bytes:
        """The hash over all frame headers so far, and over what came before this segment."""
        self._chain.update(b"".join(self._headers[self._chained :]))
        self._chained = len(self._headers)
        return self._chain.digest()

    def sync(self) -> None:
        """Make all frames durable."""
        self.flush()
        self._files.fdatasync(self.fd)
        self.synced_to = self.end

    def index(self) -> SegmentIndex:
        """What the segment holds so far; what was added must have been flushed."""
        index, notes = self._index, len(self._notes)
        index.add_all(index.end, self._headers[index.frames :], self._notes[self._indexed_notes :])
        self._indexed_notes = notes
        return index

    def seal(self) -> tuple[int, bytes]:
        """Write the footer, cut the file to length and sync: its length and its chain.

        All before the footer is synced first: so a footer that is whole vouches for it.
        """
        if self.synced_to < self.end:
            self.sync()
        footer = encode_footer(
            self.header.pack_id, self.end, self._headers, self._notes, self.chain()
        )
        length = write_all(self._files, self.fd, [footer], self.end)
        self._files.ftruncate(self.fd, length)
        self._files.fdatasync(self.fd)
        return length, self.chain()


def encode_footer(
    pack_id: bytes, offset: int, headers: list[bytes], notes: list[bytes], chain: bytes
) -> bytes:
    """All frame headers, the payloads of all frames that are no blocks, and the tail."""
    body = b"".join(headers) + b"".join(notes)
    tail = FooterTail(frames=len(headers), footer_offset=offset, chain=chain).encode()[:-4]
    return body + tail + CRC.pack(crc32c(tail, crc32c(body, seed_of(pack_id))))
