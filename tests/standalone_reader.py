"""Reads a tape with nothing but docs/format.md: it knows no module of pyvtl."""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3
from crc32c import crc32c
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from zstandard import ZstdDecompressor

HEADER = struct.Struct(">4sBBHIIB3sQ32sI")


class BadTapeError(Exception):
    """What the page promises does not hold."""


class Segment(NamedTuple):
    """A segment file, and what its header says."""

    data: bytes
    pack_id: bytes
    generation: int
    sequence: int
    predecessor: tuple[bytes, int, bytes]


class Frame(NamedTuple):
    """A whole frame."""

    header: bytes
    kind: int
    codec: int
    partition: int
    plain_length: int
    first_byte: int
    payload: bytes


def read_segment(path: Path) -> Segment | None:
    data = path.read_bytes()
    if not any(data[:4096]):
        return None
    if data[:8] != b"pyvtlseg" or crc32c(data[:4092]) != int.from_bytes(data[4092:4096], "big"):
        raise BadTapeError(f"{path.name} has no segment header")
    version, pack_id, _tape_id, generation, _epoch, sequence = struct.unpack_from(
        ">H6x16s16sIIQ", data, 8
    )
    if version != 1:
        raise BadTapeError(f"{path.name} has version {version}")
    return Segment(data, pack_id, generation, sequence, struct.unpack_from(">16sQ32s", data, 64))


def derive(context: str, data: bytes) -> bytes:
    return blake3(data, derive_key_context=context).digest()


def frames_of(segment: Segment, key: bytes, data_key: bytes = b"") -> Iterator[Frame]:
    """The frames from offset 4096 until one is not whole."""
    at, number, data, seed = 4096, 0, segment.data, crc32c(segment.pack_id)
    cipher = AESGCM(derive("pyvtl format 1 key of a pack", data_key + segment.pack_id))
    while data[at : at + 4] == b"VTLF":
        header = data[at : at + 64]
        _, kind, codec, _, numbered, stored, partition, plain, first, digest, crc = HEADER.unpack(
            header
        )
        payload = data[at + 64 : at + 64 + stored]
        if crc32c(payload, crc32c(header[:60], seed)) != crc or numbered != number:
            return
        if codec & 2:
            nonce = bytes(8) + number.to_bytes(4, "big")
            payload, codec = cipher.decrypt(nonce, payload, header[:60]), codec & 1
        frame = Frame(header, kind, codec, partition, int.from_bytes(plain, "big"), first, payload)
        if blake3(block_of(frame), key=key).digest() != digest:
            raise BadTapeError(f"the hash of frame {number} does not fit")
        yield frame
        at, number = at + 64 + stored, number + 1


def block_of(frame: Frame) -> bytes:
    """The plain block of a frame, or the payload of a note."""
    if frame.kind == 2:
        return bytes(frame.plain_length)
    if frame.codec == 1:
        return ZstdDecompressor().decompress(frame.payload, max_output_size=frame.plain_length)
    if frame.codec != 0:
        raise BadTapeError(f"codec {frame.codec} is not known")
    return frame.payload


def committed(frames: list[Frame]) -> list[Frame]:
    """Up to the last COMMIT."""
    last = max((n for n, frame in enumerate(frames) if frame.kind == 7), default=-1)
    return frames[: last + 1]


def chain_of(segment: Segment, frames: list[Frame], key: bytes) -> bytes:
    """The chain at the end, checked at every COMMIT."""
    chain, headers = segment.predecessor[2], b""
    for frame in frames:
        if frame.kind == 7:
            chain = blake3(chain + headers, key=key).digest()
            headers = b""
            if frame.payload[64:96] != chain:
                raise BadTapeError("the chain is broken")
        headers += frame.header
    return blake3(chain + headers, key=key).digest()


def footer_of(segment: Segment, frames: list[Frame]) -> bytes:
    """The chain in the footer, which repeats what the frames say."""
    magic, count, offset, chain, crc = struct.unpack(">8sI4xQ32s4xI", segment.data[-64:])
    body = segment.data[offset:-64]
    wanted = b"".join(f.header for f in frames) + b"".join(f.payload for f in frames if f.kind > 2)
    seed = crc32c(segment.pack_id)
    if (magic, count, body) != (b"pyvtlend", len(frames), wanted):
        raise BadTapeError("the footer does not fit the frames")
    if crc32c(segment.data[-64:-4], crc32c(body, seed)) != crc:
        raise BadTapeError("the CRC of the footer does not fit")
    return bytes(chain)


def referred(folder: Path, payload: bytes, key: bytes) -> bytes:
    """The bytes that a REF stands for."""
    pack, first, count, size = struct.unpack_from(">16sIIQ", payload)
    (path,) = folder.parent.glob(f"*/*-{pack.hex()}.segment")
    segment = read_segment(path)
    frames = [] if segment is None else list(frames_of(segment, key))[first:]
    blocks = [block_of(frame) for frame in frames if frame.kind in (1, 2)][:count]
    hashes = b"".join(blake3(block, key=key).digest() for block in blocks)
    if hashes != payload[32:] or len(b"".join(blocks)) != size:
        raise BadTapeError(f"pack {pack.hex()} does not have the blocks referred to")
    return b"".join(blocks)


class Partition:
    """Objects (a size, or None for a filemark) and stream bytes, as frames tell them."""

    def __init__(self) -> None:
        self.stream = bytearray()
        self.objects: list[int | None] = []

    def follow(self, frame: Frame, folder: Path, key: bytes) -> None:
        if frame.kind in (1, 2, 3):
            if frame.first_byte != len(self.stream):
                raise BadTapeError("there is a gap between blocks")
            run = frame.kind == 3
            self.stream += referred(folder, frame.payload, key) if run else block_of(frame)
        elif frame.kind == 4:
            for kind, count, size in struct.iter_unpack(">B3xII4x", frame.payload[16:]):
                self.objects += [size if kind == 1 else None] * count
        elif frame.kind == 5:
            objects, _filemarks, end = struct.unpack(">QQQ", frame.payload)
            del self.objects[objects:], self.stream[end:]

    def records(self) -> Iterator[bytes | None]:
        at = 0
        for size in self.objects:
            yield None if size is None else bytes(self.stream[at : at + size])
            at += size or 0


def unwrapped(folder: Path, master_key: bytes) -> bytes:
    """The data key of an encrypted tape."""
    kept = json.loads((folder / "key.json").read_bytes())
    nonce, wrapped = bytes.fromhex(kept["nonce"]), bytes.fromhex(kept["wrapped_key"])
    return AESGCM(master_key).decrypt(nonce, wrapped, folder.name.encode())


def read_tape(folder: Path, key: bytes, data_key: bytes = b"") -> list[list[bytes | None]]:
    """The objects of every partition: the bytes of a record, None for a filemark."""
    if data_key:
        key = derive("pyvtl format 1 hash key of an encrypted tape", data_key)
    found = [read_segment(path) for path in folder.glob("*.segment")]
    held = [(s, committed(list(frames_of(s, key, data_key)))) for s in found if s is not None]
    held = [(segment, frames) for segment, frames in held if frames]
    newest = max((segment.generation for segment, _ in held), default=0)
    current = [entry for entry in held if entry[0].generation == newest]
    partitions = [Partition() for _ in range(4)]
    before = bytes(16), 0, bytes(32)
    for segment, frames in sorted(current, key=lambda entry: entry[0].sequence):
        if segment.predecessor != before:
            raise BadTapeError(f"segment {segment.sequence} does not follow the one before")
        for frame in frames:
            partitions[frame.partition].follow(frame, folder, key)
        chain = chain_of(segment, frames, key)
        if segment.data[-64:-56] == b"pyvtlend" and footer_of(segment, frames) != chain:
            raise BadTapeError("the chain in the footer does not fit")
        before = segment.pack_id, len(segment.data), chain
        check_ends(partitions, frames[-1].payload)
    return [list(partition.records()) for partition in partitions]


def check_ends(partitions: list[Partition], commit: bytes) -> None:
    """What a COMMIT says of the ends, against what was found."""
    ends = list(struct.iter_unpack(">QQQ", commit[96:192]))
    found = [(len(p.objects), p.objects.count(None), len(p.stream)) for p in partitions]
    if ends != found:
        raise BadTapeError(f"the partitions end at {found}, but COMMIT says {ends}")


if __name__ == "__main__":
    for item in read_tape(Path(sys.argv[1]), bytes.fromhex(sys.argv[2]))[0]:
        print("filemark" if item is None else f"record of {len(item)} bytes")
