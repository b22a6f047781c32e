"""Cutting a stream into PDUs (RFC 7143 section 11.2)."""

import pytest

from pyvtl.iscsi.errors import ConnectionBrokenError
from pyvtl.iscsi.framing import SHORTEST_WINDOW, Framer, digest
from pyvtl.iscsi.pdu import DataOut, NopOut, ScsiCommand
from tests.iscsi_wire import frame, frames_of


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (bytes(32), "aa36918a"),
        (b"\xff" * 32, "43aba862"),
        (bytes(range(32)), "4e79dd46"),
    ],
)
def test_crc32c_as_it_goes_on_the_wire(data: bytes, wire: str) -> None:
    """RFC 7143 appendix A.4: 32 bytes of zeroes, of ones, and counting up."""
    assert digest(data).hex() == wire
    assert digest(data[:5], data[5:]).hex() == wire


def test_pdus_in_one_piece_come_out_one_by_one() -> None:
    """Several PDUs may come in one read."""
    pdus = [(NopOut(initiator_task_tag=n), bytes([n]) * n) for n in range(5)]
    frames = frames_of(Framer(8192), b"".join(frame(pdu, data) for pdu, data in pdus))
    assert [(f.opcode, bytes(f.data)) for f in frames] == [(0, data) for _, data in pdus]


def test_data_of_a_repeated_command_is_received_where_it_stays() -> None:
    """The second long write finds a window of its length: one read, no copy, no place asked."""
    asked = []

    def place(bhs: bytes, length: int) -> memoryview | None:
        asked.append(length)
        return None

    framer = Framer(1 << 18, place)
    raw = frame(ScsiCommand(write=True), bytes(65536))
    frames_of(framer, raw)
    assert asked == [65536]
    buffer = framer.get_buffer()
    assert len(buffer) >= len(raw)
    buffer[: len(raw)] = raw
    framer.received(len(raw))
    found = framer.next()
    assert found is not None
    assert found.data.obj is buffer.obj
    assert asked == [65536]


def test_data_out_goes_to_its_place() -> None:
    """Whatever the length, data that is asked for is put where it belongs."""
    room = memoryview(bytearray(10000))
    framer = Framer(1 << 18, lambda _bhs, length: room[100 : 100 + length])
    (found,) = frames_of(framer, frame(DataOut(), b"x" * 9000))
    assert room[100:9100] == b"x" * 9000
    assert found.data == room[100:9100]


def test_views_stay_whole_while_more_comes() -> None:
    """A frame's data is never overwritten by what comes after it."""
    framer = Framer(8192)
    raws = [bytes([n]) * 3000 for n in range(1, 9)]
    frames = frames_of(framer, b"".join(frame(NopOut(), raw) for raw in raws))
    assert [bytes(f.data) for f in frames] == raws


def test_a_header_in_one_byte_pieces() -> None:
    """A PDU is complete with its last byte, and not before."""
    framer = Framer(8192)
    raw = frame(NopOut(initiator_task_tag=3), b"abc")
    for byte in raw[:-1]:
        assert frames_of(framer, bytes([byte])) == []
    (found,) = frames_of(framer, raw[-1:])
    assert bytes(found.data) == b"abc"


def test_the_window_of_a_quiet_connection_is_short() -> None:
    """What an idle connection holds is one short window."""
    framer = Framer(1 << 18)
    assert len(framer.get_buffer()) == SHORTEST_WINDOW


def test_an_oversized_segment_is_refused_from_its_header() -> None:
    """Section 13.12: before any memory is taken."""
    with pytest.raises(ConnectionBrokenError, match="8193 bytes"):
        frames_of(Framer(8192), NopOut(data_length=8193).encode())


def test_digests_on_every_kind_of_path() -> None:
    """Section 11.2.3: short data in the window, long data outside it, each with padding."""
    for size in (0, 1, 2, 3, 4, 5000, 70001):
        framer = Framer(1 << 18)
        framer.header_digest = framer.data_digest = True
        data = bytes(n % 251 for n in range(size))
        raw = frame(ScsiCommand(write=True), data, digests=True)
        (found,) = frames_of(framer, raw)
        assert (found.data_intact, bytes(found.data)) == (True, data)
        if size:
            (broken,) = frames_of(framer, raw[:-1] + bytes([raw[-1] ^ 0x80]))
            assert not broken.data_intact
