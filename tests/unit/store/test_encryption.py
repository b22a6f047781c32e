"""What stands on the disk of an encrypted tape, and what reading it proves."""

from pathlib import Path
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import DamagedError
from pyvtl.store.encryption import TAG_SIZE
from pyvtl.store.format import FRAME, Codec, FrameFacts, FrameHeader, Kind, seal_frame, seed_of
from tests.disks import RamDisk
from tests.tapes import BEGINNING, append, as_medium, contents, load_tape

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
BLOCK = 65_536
TEXT = b"".join(b"line %d of a log\n" % number for number in range(5000))[:BLOCK]
NOISE = Random(1).randbytes(BLOCK)


def encrypted(disk: RamDisk, key: bytes | None = KEY) -> Cartridge:
    return load_tape(disk, data_key=key)


def blocks(disk: RamDisk) -> list[tuple[FrameFacts, bytes]]:
    """Header facts and payload of every block on a disk, segment after segment."""
    found = []
    for path in sorted(disk.names):
        data, at = disk.names[path].cached, FrameHeader.SIZE * 64
        while data[at : at + 4] == b"VTLF":
            facts = FrameFacts(*FRAME.unpack_from(data, at))
            end = at + FrameHeader.SIZE + facts.stored_length
            if facts.kind in (Kind.DATA, Kind.ZERO):
                found.append((facts, bytes(data[at + FrameHeader.SIZE : end])))
            at = end
    return found


def test_each_block_is_compressed_or_not_and_then_encrypted() -> None:
    disk = RamDisk()
    tape = encrypted(disk)
    append(tape, TEXT, NOISE, bytes(BLOCK), b"secret")
    tape.close()
    assert contents(encrypted(disk)) == [TEXT, NOISE, bytes(BLOCK), b"secret"]
    found = [facts for facts, _ in blocks(disk)]
    codecs = [Codec.ZSTD_AES_256_GCM, Codec.AES_256_GCM, Codec.RAW, Codec.AES_256_GCM]
    assert [facts.codec for facts in found] == codecs
    assert [facts.key_id for facts in found] == [1, 1, 0, 1]
    assert [facts.stored_length for facts in found[1:]] == [BLOCK + TAG_SIZE, 0, 6 + TAG_SIZE]
    (inode,) = disk.names.values()
    assert b"secret" not in inode.cached
    assert NOISE[1000:1032] not in inode.cached


def test_equal_blocks_differ_on_the_disk_and_their_hashes_differ_between_tapes() -> None:
    disk, other = RamDisk(), RamDisk()
    for each, key in ((disk, KEY), (other, OTHER_KEY)):
        tape = encrypted(each, key)
        append(tape, *[NOISE] * 6)
        tape.close()
    assert len(disk.names) == 2
    payloads = [payload for _, payload in blocks(disk) + blocks(other)]
    assert len(set(payloads)) == 12
    hashes = [[facts.hash for facts, _ in blocks(each)] for each in (disk, other)]
    assert len(set(hashes[0])) == len(set(hashes[1])) == 1
    assert hashes[0] != hashes[1]


def test_a_tape_left_open_is_closed_with_its_key_and_written_on() -> None:
    disk = RamDisk()
    tape = encrypted(disk)
    append(tape, TEXT, None)
    tape.sync()
    append(tape, b"lost")
    again = encrypted(disk)
    assert contents(again) == [TEXT, None]
    append(again, NOISE, None)
    again.start_writing(BEGINNING)
    again.append(as_medium([b"anew"]))
    again.close()
    assert contents(encrypted(disk)) == [b"anew"]


@pytest.mark.parametrize("key", [OTHER_KEY, None])
def test_without_its_key_nothing_is_read(key: bytes | None) -> None:
    disk = RamDisk()
    tape = encrypted(disk)
    append(tape, TEXT)
    tape.close()
    with pytest.raises(DamagedError, match=r"has another key|is encrypted"):
        encrypted(disk, key).read(BEGINNING, 1)


def forge(disk: RamDisk, at_byte: int, new: bytes) -> None:
    """Change bytes of the first block frame, and make its CRC fit again."""
    ((path, inode),) = disk.names.items()
    data = inode.cached
    at = data.index(b"VTLF" + bytes([Kind.DATA]))
    data[at + at_byte : at + at_byte + len(new)] = new
    stored = FrameFacts(*FRAME.unpack_from(data, at)).stored_length
    payload = bytes(data[at + FrameHeader.SIZE : at + FrameHeader.SIZE + stored])
    seed = seed_of(bytes.fromhex(Path(path).stem.partition("-")[2]))
    data[at : at + FrameHeader.SIZE] = seal_frame(bytes(data[at : at + 60]), payload, seed)


@pytest.mark.parametrize(
    ("at_byte", "new", "reason"),
    [
        (80, b"x", "was changed, or has another key"),
        (30, b"x", "was changed, or has another key"),
        (5, b"\0", "is not encrypted, and the tape is"),
    ],
)
def test_a_forged_frame_is_refused_although_its_crc_fits(
    at_byte: int, new: bytes, reason: str
) -> None:
    disk = RamDisk()
    tape = encrypted(disk)
    append(tape, NOISE)
    tape.sync()
    forge(disk, at_byte, new)
    with pytest.raises(DamagedError, match=reason):
        encrypted(disk).read(BEGINNING, 1)
