"""Cut a byte stream into PDUs, with every byte of data received where it is to stay.

Bytes arrive in a *window*.  A data segment that fits the window stays there, and the frame holds
a view of it; one that does not is received straight into a buffer of its own.  The window is as
long as the last command was, so that one write after another arrives in one piece each, uncopied.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from pyvtl.iscsi.codes import Opcode
from pyvtl.iscsi.errors import ConnectionBrokenError
from pyvtl.iscsi.pdu import BHS_SIZE
from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Buffer

DIGEST_SIZE = 4
SHORTEST_WINDOW = 4096
"""Room for a row of commands without data, and for any header (at most 1,072 bytes)."""

OPCODE_MASK = 0x3F
LENGTHS = struct.Struct(">4xI")
"""TotalAHSLength in words, then DataSegmentLength in three bytes (RFC 7143 section 11.2.1)."""
DATA_LENGTH_MASK = 0xFF_FFFF
EMPTY = memoryview(b"")
# Plain numbers: to look one up in its enum costs more than the comparison.
COMMAND, DATA_OUT = int(Opcode.SCSI_COMMAND), int(Opcode.DATA_OUT)

Place = Callable[[bytes, int], memoryview | None]
"""Where the data segment of the PDU with this header, of this length, goes (None: anywhere)."""


@dataclass(slots=True)
class Frame:
    """One PDU as it came off the wire, not yet given a meaning.

    `data` is the data segment without padding; `place`, if there is one, the longer buffer that
    it begins.  `data_intact` is False when the data digest did not match (RFC 7143 section 7.8).
    """

    opcode: int
    bhs: bytes
    ahs: bytes = b""
    data: memoryview = EMPTY
    place: memoryview | None = None
    data_intact: bool = True


def anywhere(bhs: bytes, length: int) -> memoryview | None:
    """The data segment may stay where the framer puts it."""
    return None


def digest(*pieces: Buffer) -> bytes:
    """CRC32C of all pieces as it goes on the wire (RFC 7143 section 13.1)."""
    crc = 0
    for piece in pieces:
        crc = crc32c(piece, crc)
    return crc.to_bytes(DIGEST_SIZE, "little")


class Framer:
    """Give room for bytes to come with `get_buffer`; say with `received` that they are there."""

    def __init__(self, max_data_length: int, place: Place = anywhere) -> None:
        """A data segment longer than `max_data_length` bytes breaks the connection."""
        self.max_data_length = max_data_length
        self.header_digest = False
        self.data_digest = False
        self._place = place
        self._window = memoryview(bytearray(SHORTEST_WINDOW))
        self._lent = False  # whether a frame holds a view of the window
        self._start = 0
        self._end = 0
        self._limit = SHORTEST_WINDOW
        self._expected = SHORTEST_WINDOW
        self._frame: Frame | None = None  # its header is read
        self._missing = memoryview(b"")  # the rest of its data, when that lies outside the window
        self._needed = 0  # what else of it must be in the window: data, padding, digest

    def get_buffer(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return self._missing or self._window[self._end : self._limit]

    def received(self, count: int) -> None:
        """The first `count` bytes of `get_buffer()` have come."""
        if self._missing:
            self._missing = self._missing[count:]
        else:
            self._end += count

    def next(self) -> Frame | None:
        """The next PDU that is complete; None until more bytes come."""
        frame = self._frame
        if frame is None:
            if self._end - self._start < BHS_SIZE:
                self._await(self._expected)
                return None
            frame = self._read_header()
        if frame is None or self._missing:
            return None
        if self._end - self._start < self._needed:
            self._await(self._needed)
            return None
        self._frame = None
        self._start += self._needed
        if self.data_digest and frame.data:
            self._check_data(frame)
        return frame

    def _await(self, room: int) -> None:
        """Let the window take `room` bytes from its start on; what lies there may move."""
        start, window = self._start, self._window
        if start + room > len(window):
            if self._lent or len(window) < room:
                window, self._lent = memoryview(bytearray(room)), False
            here = self._end - start
            if here:
                window[:here] = self._window[start : self._end]
            self._window, self._start, self._end = window, 0, here
            start = 0
        self._limit = start + room

    def _read_header(self) -> Frame | None:
        """Take a header from the window; its limits are checked before its data is awaited."""
        start, window = self._start, self._window
        (lengths,) = LENGTHS.unpack_from(window, start)
        ahs_end = start + BHS_SIZE + (lengths >> 24) * 4
        header_end = ahs_end + DIGEST_SIZE * self.header_digest
        if self._end < header_end:
            self._await(self._expected)
            return None
        if self.header_digest and digest(window[start:ahs_end]) != window[ahs_end:header_end]:
            raise ConnectionBrokenError("header digest error")
        bhs = bytes(window[start : start + BHS_SIZE])
        frame = Frame(bhs[0] & OPCODE_MASK, bhs)
        if ahs_end > start + BHS_SIZE:
            frame.ahs = bytes(window[start + BHS_SIZE : ahs_end])
        self._start = header_end
        self._frame = frame
        self._needed = 0
        self._expected = SHORTEST_WINDOW
        if length := lengths & DATA_LENGTH_MASK:
            self._begin_data(frame, length)
            if frame.opcode == COMMAND:
                size = header_end - start + length + DIGEST_SIZE + 3
                self._expected = max(SHORTEST_WINDOW, size)
        return frame

    def _begin_data(self, frame: Frame, length: int) -> None:
        """Decide where the data segment goes, and move there what has already come."""
        if length > self.max_data_length:
            raise ConnectionBrokenError(f"data segment of {length} bytes exceeds the limit")
        tail = -length % 4 + DIGEST_SIZE * self.data_digest
        start = self._start
        if frame.opcode != DATA_OUT and start + length + tail <= len(self._window):
            frame.data = self._window[start : start + length]
            self._lent = True
            self._needed = length + tail
            return
        frame.place = self._place(frame.bhs, length)
        frame.data = (frame.place or memoryview(bytearray(length)))[:length]
        here = min(self._end - start, length)
        frame.data[:here] = self._window[start : start + here]
        self._start += here
        self._missing = frame.data[here:]
        self._needed = tail

    def _check_data(self, frame: Frame) -> None:
        """Compare the data digest, which covers data and padding (section 11.2.3)."""
        end = self._start - DIGEST_SIZE
        padding = self._window[end - -len(frame.data) % 4 : end]
        frame.data_intact = digest(frame.data, padding) == self._window[end : self._start]
