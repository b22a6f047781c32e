"""What stands in a segment file, byte by byte; docs/format.md is the same in prose.

A segment is a header of 4 KiB, frames, and once it is sealed a footer.  All integers are
big-endian.  The structures are declared; only the frame header, of which every 64 KiB has one,
is also packed by hand (`FRAME`), and a test holds the two to be equal.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

from blake3 import blake3

from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Annotated, Buffer, Structure, bit, octets

FORMAT_VERSION = 1
BLOCK_SIZE = 64 << 10
MAX_PARTITIONS = 4
HASH_SIZE = 32
NO_PACK = bytes(16)
NO_CHAIN = bytes(HASH_SIZE)
SEGMENT_MAGIC = b"pyvtlseg"
FRAME_MAGIC = b"VTLF"
FOOTER_MAGIC = b"pyvtlend"


class Kind(IntEnum):
    """What the payload of a frame is."""

    DATA = 1
    ZERO = 2
    REF = 3
    OBJECTS = 4
    TRUNCATE = 5
    ATTRIBUTES = 6
    COMMIT = 7


BLOCK_KINDS = frozenset({Kind.DATA, Kind.ZERO})


class Codec(IntEnum):
    """How the payload of a DATA frame is stored: bit 0 zstd, bit 1 AES-256-GCM."""

    RAW = 0
    ZSTD = 1
    AES_256_GCM = 2
    ZSTD_AES_256_GCM = 3


class RunKind(IntEnum):
    """What a run in an OBJECTS frame is a run of."""

    RECORDS = 1
    FILEMARKS = 2


class Place(NamedTuple):
    """A place in a partition: how many objects, filemarks and record bytes lie before it."""

    objects: int = 0
    filemarks: int = 0
    bytes: int = 0


BEGINNING = Place()


class Run(NamedTuple):
    """`objects` records of `size` bytes each, or so many filemarks (`size` 0)."""

    kind: RunKind
    objects: int
    size: int = 0

    def after(self, place: Place, objects: int | None = None) -> Place:
        """The place after so many objects of the run (or all) that begins at `place`."""
        passed = self.objects if objects is None else objects
        marks = passed if self.kind is RunKind.FILEMARKS else 0
        return Place(
            place.objects + passed, place.filemarks + marks, place.bytes + passed * self.size
        )


class SegmentHeader(Structure, size=4096):
    """The first 4 KiB of a segment; `crc` covers all bytes before it."""

    magic: Annotated[bytes, octets(0, 7)] = SEGMENT_MAGIC
    version: Annotated[int, octets(8, 9)] = FORMAT_VERSION
    pack_id: Annotated[bytes, octets(16, 31)]
    tape_id: Annotated[bytes, octets(32, 47)]
    generation: Annotated[int, octets(48, 51)] = 0
    epoch: Annotated[int, octets(52, 55)] = 0
    sequence: Annotated[int, octets(56, 63)] = 0
    predecessor: Annotated[bytes, octets(64, 79)] = NO_PACK
    predecessor_length: Annotated[int, octets(80, 87)] = 0
    predecessor_chain: Annotated[bytes, octets(88, 119)] = NO_CHAIN
    created_at: Annotated[int, octets(120, 127)] = 0
    barcode: Annotated[bytes, octets(128, 159)] = bytes(32)
    crc: Annotated[int, octets(4092, 4095)] = 0


class FrameHeader(Structure, size=64):
    """What stands before every payload; `crc` covers pack id, header and payload."""

    magic: Annotated[bytes, octets(0, 3)] = FRAME_MAGIC
    kind: Annotated[int, octets(4, 4)]
    codec: Annotated[int, octets(5, 5)] = Codec.RAW
    key_id: Annotated[int, octets(6, 7)] = 0
    number: Annotated[int, octets(8, 11)] = 0
    stored_length: Annotated[int, octets(12, 15)] = 0
    partition: Annotated[int, octets(16, 16)] = 0
    plain_length: Annotated[int, octets(17, 19)] = 0
    first_byte: Annotated[int, octets(20, 27)] = 0
    hash: Annotated[bytes, octets(28, 59)] = NO_CHAIN
    crc: Annotated[int, octets(60, 63)] = 0


class ObjectsHead(Structure, size=16):
    """Begins an OBJECTS payload: the object and file that its first run begins at."""

    first_object: Annotated[int, octets(0, 7)]
    first_file: Annotated[int, octets(8, 15)]


class ObjectsEntry(Structure, size=16):
    """A run of equal objects; `flags` and `attributes` are zero until they mean something."""

    kind: Annotated[int, octets(0, 0)]
    flags: Annotated[int, octets(1, 3)] = 0
    count: Annotated[int, octets(4, 7)]
    record_size: Annotated[int, octets(8, 11)] = 0
    attributes: Annotated[int, octets(12, 15)] = 0


class Truncate(Structure, size=24):
    """From this place on, the partition is empty; the block grid starts afresh here."""

    objects: Annotated[int, octets(0, 7)]
    filemarks: Annotated[int, octets(8, 15)]
    bytes: Annotated[int, octets(16, 23)]


class AttributesFrame(Structure, size=40):
    """What belongs to the cartridge; MAM attributes may follow in the same payload."""

    partitions: Annotated[int, octets(0, 0)] = 1
    write_protected: Annotated[bool, bit(1, 0)] = False
    worm: Annotated[bool, bit(1, 1)] = False
    capacity_0: Annotated[int, octets(8, 15)]
    capacity_1: Annotated[int, octets(16, 23)] = 0
    capacity_2: Annotated[int, octets(24, 31)] = 0
    capacity_3: Annotated[int, octets(32, 39)] = 0


class Commit(Structure, size=208):
    """The tape ends here if nothing valid follows: the end of data of every partition."""

    synced_to: Annotated[int, octets(0, 7)]
    predecessor_length: Annotated[int, octets(8, 15)] = 0
    predecessor: Annotated[bytes, octets(16, 31)] = NO_PACK
    predecessor_chain: Annotated[bytes, octets(32, 63)] = NO_CHAIN
    chain: Annotated[bytes, octets(64, 95)] = NO_CHAIN
    ends: Annotated[bytes, octets(96, 191)] = bytes(96)
    partitions: Annotated[int, octets(192, 192)] = 1

    def places(self) -> list[Place]:
        """The end of data of each partition."""
        return [Place(*row) for row in PLACE.iter_unpack(self.ends)][: self.partitions]


class Reference(Structure, size=32):
    """Begins a REF payload: `count` blocks that stand in `pack`, from frame `first_frame` on.

    They have BLOCK_SIZE bytes each, the last one what is left of `plain_bytes`.  Their hashes
    follow, 32 bytes each.
    """

    pack: Annotated[bytes, octets(0, 15)]
    first_frame: Annotated[int, octets(16, 19)]
    count: Annotated[int, octets(20, 23)]
    plain_bytes: Annotated[int, octets(24, 31)]

    def fits(self, payload: Buffer) -> bool:
        """Whether the numbers agree with each other and with the hashes that follow."""
        shorter = self.count * BLOCK_SIZE - self.plain_bytes
        return (
            self.count > 0
            and 0 <= shorter < BLOCK_SIZE
            and len(payload) == self.SIZE + self.count * HASH_SIZE
        )


class FooterTail(Structure, size=64):
    """The last bytes of a sealed segment; `crc` covers pack id, footer and these 60 bytes."""

    magic: Annotated[bytes, octets(0, 7)] = FOOTER_MAGIC
    frames: Annotated[int, octets(8, 11)]
    footer_offset: Annotated[int, octets(16, 23)]
    chain: Annotated[bytes, octets(24, 55)]
    crc: Annotated[int, octets(60, 63)] = 0


FRAME = struct.Struct(">4sBBHIIIQ32s")
"""A frame header without its CRC; partition (8 bits) and plain length (24) are one integer."""
PLACE = struct.Struct(">QQQ")
RUN = struct.Struct(">B3xII4x")
CRC = struct.Struct(">I")


class FrameFacts(NamedTuple):
    """A frame header as unpacked by FRAME."""

    magic: bytes
    kind: int
    codec: int
    key_id: int
    number: int
    stored_length: int
    partition_and_length: int
    first_byte: int
    hash: bytes

    @property
    def partition(self) -> int:
        return self.partition_and_length >> 24

    @property
    def plain_length(self) -> int:
        return self.partition_and_length & 0xFFFFFF


class Frame(NamedTuple):
    """A frame as read back: where its header begins, the header's bytes, what it says."""

    offset: int
    header: bytes
    facts: FrameFacts
    payload: Buffer | None
    """None for the block of a DATA frame that was not looked at."""

    @property
    def end(self) -> int:
        """The offset just after the payload."""
        return self.offset + FrameHeader.SIZE + self.facts.stored_length


def seed_of(pack_id: bytes) -> int:
    """What every CRC in a pack begins with, so that bytes of another pack are never taken."""
    return crc32c(pack_id)


def keyed_hash(key: bytes, data: Buffer) -> bytes:
    """BLAKE3-256 keyed with the repository's key."""
    return blake3(data, key=key).digest()


def seal_frame(head: bytes, payload: Buffer, seed: int) -> bytes:
    """The 64 bytes of a frame header: the 60 of `head` and the CRC over all."""
    return head + CRC.pack(crc32c(payload, crc32c(head, seed)))


def frame_is_whole(header: Buffer, payload: Buffer, seed: int) -> bool:
    """Whether the CRC in a frame header fits the frame."""
    return CRC.pack(crc32c(payload, crc32c(header[:60], seed))) == header[60:]


def encode_header(header: SegmentHeader) -> bytes:
    """The 4 KiB of a segment header with its CRC in place."""
    body = header.encode()[:-4]
    return body + CRC.pack(crc32c(body))


def decode_header(data: Buffer) -> SegmentHeader | None:
    """The header of a segment, or None when it is not one."""
    if len(data) < SegmentHeader.SIZE or data[:8] != SEGMENT_MAGIC:
        return None
    header = SegmentHeader.decode(data)
    return header if crc32c(data[: SegmentHeader.SIZE - 4]) == header.crc else None


def encode_runs(place: Place, runs: list[Run]) -> bytes:
    """The payload of an OBJECTS frame whose first run begins at `place`."""
    head = ObjectsHead(first_object=place.objects, first_file=place.filemarks).encode()
    return head + b"".join([RUN.pack(*run) for run in runs])


def decode_runs(payload: Buffer) -> list[Run]:
    """The runs of an OBJECTS frame."""
    rows = RUN.iter_unpack(payload[ObjectsHead.SIZE :])
    return [Run(RunKind(kind), count, size) for kind, count, size in rows]


def encode_ends(places: list[Place]) -> bytes:
    """The ends of data of up to four partitions, as COMMIT has them."""
    return b"".join([PLACE.pack(*place) for place in places]).ljust(
        MAX_PARTITIONS * PLACE.size, b"\0"
    )
