"""PDUs on their way to the initiator: numbered, with digests, as buffers for a socket."""

from collections.abc import Sequence
from typing import Any

from pyvtl.iscsi.framing import digest
from pyvtl.iscsi.pdu import BHS_SIZE, TargetPdu
from pyvtl.iscsi.session import SERIAL_MASK, CommandWindow
from pyvtl.wire.layout import Buffer

PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")
"""By the length of a data segment modulo four."""


class Outgoing:
    """Collects headers, data and digests in sending order; data is passed on by reference."""

    def __init__(self, window: CommandWindow[Any], stat_sn: int) -> None:
        self.window = window
        self.stat_sn = stat_sn
        self.header_digest = False
        self.data_digest = False
        self.size = 0
        self._buffers: list[Buffer] = []

    def send(
        self, pdu: TargetPdu, data: Sequence[Buffer] = (), length: int = 0, *, advance: bool = True
    ) -> None:
        """Queue one PDU with its numbers; `data` are `length` bytes in all.

        A PDU that brings no status does not `advance` StatSN (RFC 7143 section 4.2.2.2).
        """
        self.answer(pdu.initiator_task_tag, pdu, data, length, advance=advance)

    def answer(
        self,
        tag: int,
        pdu: TargetPdu,
        data: Sequence[Buffer] = (),
        length: int = 0,
        *,
        advance: bool = True,
    ) -> None:
        """As `send`, for the task with that tag: so that one PDU, made once, answers many."""
        window = self.window
        header = pdu.encode_with(length, tag, self.stat_sn, window.exp_cmd_sn, window.max_cmd_sn)
        if advance:
            self.stat_sn = (self.stat_sn + 1) & SERIAL_MASK
        self._buffers.append(header)
        if self.header_digest:
            self._buffers.append(digest(header))
        self.size += BHS_SIZE + length
        if length:
            self._add_data(data, length)

    def take(self) -> list[Buffer]:
        """All that is queued, once; `size` counts bytes of headers and data."""
        buffers, self._buffers, self.size = self._buffers, [], 0
        return buffers

    def _add_data(self, data: Sequence[Buffer], length: int) -> None:
        self._buffers.extend(data)
        padding = PADDING[length % 4]
        if padding:
            self._buffers.append(padding)
        if self.data_digest:
            self._buffers.append(digest(*data, padding))
