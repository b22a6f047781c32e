"""Data of one command: Data-Out put together, Data-In cut, residuals (RFC 7143 4.2.5 and 11.7)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyvtl.iscsi.codes import RESERVED_TAG
from pyvtl.iscsi.errors import ProtocolError
from pyvtl.iscsi.keys import Parameters
from pyvtl.iscsi.pdu import DataOut
from pyvtl.wire.layout import Buffer

EAGER_BYTES = 1 << 20
"""A buffer of up to this length is taken at once, so that nothing in it is ever moved."""


def eager_length(length: int, expected_length: int) -> int:
    """Room for `length` bytes that are here, and for all that may follow if that is little."""
    return max(length, min(expected_length, EAGER_BYTES))


@dataclass(slots=True)
class Burst:
    """Data that is on its way: unsolicited (the reserved tag), or asked for by an R2T."""

    target_transfer_tag: int
    end: int  # offset after its last byte
    data_sn: int = 0


@dataclass(frozen=True, slots=True)
class Solicitation:
    """What one R2T asks for."""

    target_transfer_tag: int
    r2t_sn: int
    buffer_offset: int
    length: int


class DataOutTransfer:
    """The data-out buffer of one command, filled from front to end.

    DataPDUInOrder and DataSequenceInOrder are always Yes here: each byte stands where the last
    one ended, and bursts are answered in the order in which they were asked for.
    """

    def __init__(self, keys: Parameters, lun: bytes, expected_length: int, *, final: bool) -> None:
        self.received = 0
        self.wanted: int | None = None
        self.room = memoryview(b"")
        self._keys = keys
        self._lun = lun
        self._expected_length = expected_length
        self._solicited_to = 0
        self._r2t_sn = 0
        self._bursts: list[Burst] = []
        if not final:
            unsolicited = min(keys.first_burst_length, expected_length)
            self._bursts.append(Burst(RESERVED_TAG, unsolicited))

    @property
    def expecting(self) -> bool:
        """Whether the initiator still has to send what it announced or was asked for."""
        return bool(self._bursts)

    @property
    def complete(self) -> bool:
        """Whether all that was wanted has come, and nothing else is on its way."""
        return self.wanted is not None and self.received >= self.wanted and not self._bursts

    def begin(self, data: memoryview, room: memoryview | None) -> None:
        """Take immediate data, which begins the buffer `room` when it was received into one."""
        self.received = len(data)
        self.room = data if room is None else room

    def taken(self) -> memoryview:
        """The first `wanted` bytes, or fewer if the initiator offers fewer."""
        return self.room[: min(self.wanted or 0, self.received)]

    # Asking

    def want(self, length: int) -> None:
        """The logical unit needs the first `length` bytes."""
        self.wanted = min(length, self._expected_length)

    def solicit(self, tags: Iterator[int]) -> Iterator[Solicitation]:
        """The R2Ts to send now, each with a fresh tag; none while unsolicited data is coming."""
        if self._bursts and self._bursts[0].target_transfer_tag == RESERVED_TAG:
            return
        offset = max(self._solicited_to, self.received)
        while offset < (self.wanted or 0) and len(self._bursts) < self._keys.max_outstanding_r2t:
            length = min(self._keys.max_burst_length, (self.wanted or 0) - offset)
            tag = next(tags)
            self._bursts.append(Burst(tag, offset + length))
            yield Solicitation(tag, self._r2t_sn, offset, length)
            self._r2t_sn += 1
            offset = self._solicited_to = offset + length

    # Receiving

    def place(self, pdu: DataOut) -> memoryview | None:
        """Where the data of this PDU goes; None if it may not come at all."""
        try:
            self._check(pdu)
        except ProtocolError:
            return None
        # Here alone the buffer may move: at any other time data may be on its way into it.
        self._reserve(max(self.received + pdu.data_length, self.wanted or 0))
        return self.room[self.received : self.received + pdu.data_length]

    def accept(self, pdu: DataOut) -> None:
        """The data of this PDU is in its place."""
        burst = self._check(pdu)
        self.received += pdu.data_length
        burst.data_sn += 1
        if pdu.final:
            del self._bursts[0]

    def fail(self, *, final: bool) -> None:
        """Ask for nothing more; what was asked for or announced still comes, to be thrown away."""
        self.wanted = None
        self.drain(final=final)

    def drain(self, *, final: bool) -> None:
        """A PDU of a failed transfer went by; it may have ended its burst."""
        if final and self._bursts:
            del self._bursts[0]

    def _check(self, pdu: DataOut) -> Burst:
        """Every field that could put a byte where it does not belong (section 11.7)."""
        if not self._bursts:
            raise ProtocolError("Data-Out that was not asked for")
        burst = self._bursts[0]
        end = pdu.buffer_offset + pdu.data_length
        if pdu.target_transfer_tag != burst.target_transfer_tag:
            raise ProtocolError("Data-Out with an unknown target transfer tag")
        if burst.target_transfer_tag != RESERVED_TAG and pdu.lun != self._lun:
            raise ProtocolError("Data-Out for another LUN than its R2T")
        if pdu.data_sn != burst.data_sn:
            raise ProtocolError(f"Data-Out {pdu.data_sn} in place of {burst.data_sn}")
        if pdu.buffer_offset != self.received or end > burst.end:
            raise ProtocolError("Data-Out outside its burst")
        if burst.target_transfer_tag != RESERVED_TAG and pdu.final != (end == burst.end):
            raise ProtocolError("Data-Out ends its burst in the wrong place")
        return burst

    def _reserve(self, length: int) -> None:
        if len(self.room) < length:
            room = memoryview(bytearray(eager_length(length, self._expected_length)))
            room[: self.received] = self.room[: self.received]
            self.room = room


@dataclass(frozen=True, slots=True)
class Residual:
    """Bytes that were expected and not moved, or would have moved and were not expected."""

    overflow: bool = False
    underflow: bool = False
    count: int = 0


NO_RESIDUAL = Residual()


def residual(expected: int, actual: int) -> Residual:
    """Compare what the initiator expects with what the command moves (section 11.4.5)."""
    if expected == actual:
        return NO_RESIDUAL
    return Residual(actual > expected, actual < expected, abs(actual - expected))


class Piece(NamedTuple):
    """What one Data-In PDU carries."""

    offset: int
    length: int
    buffers: Sequence[Buffer]
    ends_sequence: bool
    last: bool


def cut(data: Sequence[Buffer], length: int, max_segment: int, max_burst: int) -> Iterable[Piece]:
    """The first `length` bytes of `data` in pieces as long as a PDU and a sequence may be."""
    if not length:
        return ()
    if len(data) == 1 and length <= max_segment and length <= max_burst:
        whole = data if len(data[0]) == length else [memoryview(data[0])[:length]]
        return (Piece(0, length, whole, True, True),)
    return _cut(data, length, max_segment, max_burst)


def _cut(data: Sequence[Buffer], length: int, max_segment: int, max_burst: int) -> Iterator[Piece]:
    source = iter(data)
    buffer = memoryview(b"")
    offset = 0
    while offset < length:
        size = min(max_segment, max_burst - offset % max_burst, length - offset)
        buffers: list[Buffer] = []
        missing = size
        while missing:
            buffer = buffer or memoryview(next(source))
            if len(buffer) <= missing:
                taken, buffer = buffer, buffer[:0]
            else:
                taken, buffer = buffer[:missing], buffer[missing:]
            buffers.append(taken)
            missing -= len(taken)
        end = offset + size
        last = end == length
        yield Piece(offset, size, buffers, last or end % max_burst == 0, last)
        offset = end
