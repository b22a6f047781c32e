"""Which blocks are stored compressed, and how they are read back."""

from random import Random

import pytest

from pyvtl.media.medium import DamagedError, Position
from pyvtl.store.compression import PATIENCE, SAMPLE, Compressor, Decompressor
from pyvtl.store.errors import DamageError
from pyvtl.store.format import Codec, FrameHeader, Kind, seal_frame, seed_of
from pyvtl.store.index import SegmentIndex
from pyvtl.store.recovery import read_footer
from tests.disks import RamDisk
from tests.tapes import BEGINNING, append, as_medium, contents, load_tape

BLOCK = 65_536
TEXT = b"".join(b"line %d of a log\n" % number for number in range(4000))[:BLOCK]
NOISE = Random(1).randbytes(BLOCK)


def index_of(disk: RamDisk) -> SegmentIndex:
    """What stands in the only segment of a closed tape."""
    (path,) = disk.names
    footer = read_footer(disk, disk.open(path), bytes.fromhex(path.stem.partition("-")[2]))
    assert footer is not None
    return footer.index()


def codecs(compressor: Compressor, *blocks: bytes) -> str:
    """A letter for each block: z compressed, r raw."""
    return "".join("r" if compressor.pack(block) is None else "z" for block in blocks)


def test_what_gets_smaller_is_compressed_and_the_rest_stored_as_it_is() -> None:
    disk = RamDisk()
    tape = load_tape(disk)
    append(tape, TEXT, NOISE, bytes(BLOCK), NOISE[:100], b"x")
    assert contents(tape) == [TEXT, NOISE, bytes(BLOCK), NOISE[:100], b"x"]
    tape.close()
    index = index_of(disk)
    assert list(index.codecs) == [Codec.ZSTD, Codec.RAW, Codec.RAW, Codec.RAW]
    assert list(index.lengths) == [BLOCK, BLOCK, BLOCK, 101]
    assert index.stored_lengths[0] < BLOCK // 3
    assert list(index.stored_lengths[1:]) == [BLOCK, 0, 101]


def test_a_saving_of_less_than_a_sixteenth_is_none() -> None:
    nearly = NOISE[: BLOCK - 4000] + bytes(4000)
    assert codecs(Compressor(), nearly, NOISE[: BLOCK - 4500] + bytes(4500)) == "rz"


def test_a_medium_that_is_told_not_to_compress_does_not() -> None:
    disk = RamDisk()
    tape = load_tape(disk)
    for compress in (False, True):
        tape.start_writing(tape.end_of_data(0))
        tape.append(as_medium([TEXT]), compress=compress)
    tape.close()
    assert list(index_of(disk).codecs) == [Codec.RAW, Codec.ZSTD]


def test_incompressible_data_is_tried_now_and_then() -> None:
    compressor = Compressor()
    assert codecs(compressor, TEXT, *[NOISE] * PATIENCE) == "z" + "r" * PATIENCE
    assert codecs(compressor, *[TEXT] * SAMPLE)[-PATIENCE:] == "z" * PATIENCE
    codecs(compressor, *[NOISE] * 100)
    assert "z" in codecs(compressor, *[TEXT] * SAMPLE)


def test_records_are_found_in_the_middle_of_compressed_blocks() -> None:
    tape = load_tape(RamDisk())
    records = [TEXT[at : at + 1000] for at in range(0, 60_000, 1000)] * 5
    append(tape, *records)
    for number in (0, 64, 65, 66, 299):
        at = tape.locate(0, number)
        assert contents(tape, at, limit=1) == records[number:]


def test_a_tape_of_compressed_blocks_is_overwritten_in_the_middle_of_one() -> None:
    disk = RamDisk()
    tape = load_tape(disk)
    append(tape, TEXT[:40_000], TEXT[:40_000])
    tape.start_writing(Position(0, 1, 0, 40_000))
    tape.append(as_medium([TEXT[:50_000], None]))
    tape.close()
    assert contents(load_tape(disk)) == [TEXT[:40_000], TEXT[:50_000], None]


@pytest.mark.parametrize("packed", [b"", b"no zstd", Compressor().pack(TEXT)])
def test_what_does_not_decompress_to_the_length_promised_is_damage(packed: bytes) -> None:
    with pytest.raises(DamageError):
        Decompressor().unpack(packed, BLOCK - 1)


def test_bytes_after_the_compressed_ones_are_damage() -> None:
    packed = Compressor().pack(TEXT)
    assert packed is not None
    assert Decompressor().unpack(packed, BLOCK) == TEXT
    for wrong in (packed + b"x", packed[:-1]):
        with pytest.raises(DamageError, match="cannot be decompressed"):
            Decompressor().unpack(wrong, BLOCK)


def test_a_codec_that_is_not_known_is_told() -> None:
    """Of a newer program: the frame is whole, and only its codec is foreign."""
    disk = RamDisk()
    tape = load_tape(disk)
    append(tape, NOISE)
    tape.sync()
    ((path, inode),) = disk.names.items()
    at = inode.cached.index(b"VTLF" + bytes([Kind.DATA]))
    inode.cached[at + 5] = 4
    seed = seed_of(bytes.fromhex(path.stem.partition("-")[2]))
    head = bytes(inode.cached[at : at + 60])
    inode.cached[at : at + FrameHeader.SIZE] = seal_frame(head, NOISE, seed)
    with pytest.raises(DamagedError, match="codec 4"):
        load_tape(disk).read(BEGINNING, 1)
