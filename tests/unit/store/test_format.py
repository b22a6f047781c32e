"""The bytes of docs/format.md, structure by structure."""

from hypothesis import given
from hypothesis import strategies as st

from pyvtl.store.format import (
    FRAME,
    FRAME_MAGIC,
    AttributesFrame,
    Commit,
    FooterTail,
    FrameFacts,
    FrameHeader,
    Kind,
    ObjectsEntry,
    ObjectsHead,
    Place,
    Reference,
    Run,
    RunKind,
    SegmentHeader,
    Truncate,
    decode_header,
    decode_runs,
    encode_ends,
    encode_header,
    encode_runs,
    frame_is_whole,
    seal_frame,
    seed_of,
)
from pyvtl.store.stream import OBJECTS_RUNS

PACK = bytes(range(16))

fields = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(Kind).map(int),
        "codec": st.integers(0, 255),
        "key_id": st.integers(0, 0xFFFF),
        "number": st.integers(0, 0xFFFFFFFF),
        "stored_length": st.integers(0, 0xFFFFFFFF),
        "partition": st.integers(0, 3),
        "plain_length": st.integers(0, 0xFFFFFF),
        "first_byte": st.integers(0, (1 << 64) - 1),
        "hash": st.binary(min_size=32, max_size=32),
    }
)


@given(fields)
def test_the_frame_header_packed_by_hand_is_the_declared_one(values: dict[str, int]) -> None:
    declared = FrameHeader(**values)  # type: ignore[arg-type] # one of them is bytes
    packed = FRAME.pack(
        FRAME_MAGIC,
        declared.kind,
        declared.codec,
        declared.key_id,
        declared.number,
        declared.stored_length,
        declared.partition << 24 | declared.plain_length,
        declared.first_byte,
        declared.hash,
    )
    assert packed == declared.encode()[:60]
    facts = FrameFacts(*FRAME.unpack_from(declared.encode()))
    assert (facts.partition, facts.plain_length) == (declared.partition, declared.plain_length)


def test_a_frame_header() -> None:
    header = FrameHeader(
        kind=1, number=2, stored_length=5, plain_length=5, partition=1, first_byte=9, crc=0xABCD
    )
    assert header.encode().hex() == (
        "56544c46010000000000000200000005010000050000000000000009" + "00" * 32 + "0000abcd"
    )


def test_notes() -> None:
    assert ObjectsHead(first_object=1, first_file=2).encode().hex() == (
        "00000000000000010000000000000002"
    )
    assert ObjectsEntry(kind=1, count=3, record_size=0x2800).encode().hex() == (
        "01000000000000030000280000000000"
    )
    assert Truncate(objects=1, filemarks=2, bytes=3).encode().hex() == (
        "000000000000000100000000000000020000000000000003"
    )
    assert AttributesFrame(capacity_0=1 << 30, write_protected=True).encode().hex() == (
        "01010000000000000000000040000000" + "00" * 24
    )
    reference = Reference(pack=PACK, first_frame=7, count=16, plain_bytes=1_000_000)
    assert reference.encode().hex() == (
        "000102030405060708090a0b0c0d0e0f000000070000001000000000000f4240"
    )


def test_a_commit_says_where_every_partition_ends() -> None:
    ends = [Place(3, 1, 70_000), Place()]
    commit = Commit(synced_to=4096, ends=encode_ends(ends), partitions=2)
    assert commit.encode().hex() == (
        "0000000000001000"
        + "00" * 88
        + "0000000000000003000000000000000100000000000"
        + "11170"
        + "00" * 72
        + "02"
        + "00" * 15
    )
    assert Commit.decode(commit.encode()).places() == ends


def test_a_footer_tail() -> None:
    tail = FooterTail(frames=3, footer_offset=5000, chain=bytes(32), crc=1)
    assert tail.encode().hex() == (
        "707976746c656e64" + "0000000300000000" + "0000000000001388" + "00" * 36 + "00000001"
    )


def test_a_segment_header_is_found_only_where_its_crc_fits() -> None:
    data = encode_header(SegmentHeader(pack_id=PACK, tape_id=bytes(16), sequence=3))
    assert data[:32].hex() == "707976746c7365670001000000000000000102030405060708090a0b0c0d0e0f"
    found = decode_header(data)
    assert found is not None
    assert (found.pack_id, found.sequence) == (PACK, 3)
    assert decode_header(data[:100] + b"x" + data[101:]) is None
    assert decode_header(data[:100]) is None


def test_a_frame_belongs_to_its_pack() -> None:
    """So bytes that an older file left on the disk are never taken for this one's."""
    header = seal_frame(bytes(60), b"payload", seed_of(PACK))
    assert frame_is_whole(header, b"payload", seed_of(PACK))
    assert not frame_is_whole(header, b"payloaD", seed_of(PACK))
    assert not frame_is_whole(header, b"payload", seed_of(bytes(16)))


runs = st.lists(
    st.builds(Run, st.just(RunKind.RECORDS), st.integers(1, 1 << 20), st.integers(1, 1 << 20))
    | st.builds(Run, st.just(RunKind.FILEMARKS), st.integers(1, 1 << 20), st.just(0)),
    max_size=10,
)


@given(runs)
def test_runs_are_read_as_written(row: list[Run]) -> None:
    assert decode_runs(encode_runs(Place(5, 2, 9), row)) == row
    assert len(row) < OBJECTS_RUNS
