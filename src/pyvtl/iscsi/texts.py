"""Text requests in full feature phase, over as many PDUs as they take (RFC 7143 section 11.10)."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from pyvtl.iscsi.codes import RESERVED_TAG, RejectReason
from pyvtl.iscsi.errors import ProtocolError
from pyvtl.iscsi.pdu import TextRequest, TextResponse
from pyvtl.iscsi.text import Assembly, Pair, TextError, cut, encode
from pyvtl.wire.layout import Buffer

EXCHANGE_TAG = 1
"""The target transfer tag of the one text exchange that a session has at a time."""

Answer = Callable[[Sequence[Pair]], Iterable[Pair]]
"""The answers to the keys of one text; TextError when it breaks section 6."""


class TextExchange:
    """One exchange: a text that comes in pieces, and its answer that goes back in pieces."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._assembly = Assembly()
        self._rest: deque[bytes] = deque()

    def receive(self, pdu: TextRequest, data: Buffer, max_send: int) -> tuple[TextResponse, bytes]:
        """Take one request; the response to it, and its text of at most `max_send` bytes.

        A ProtocolError ends the exchange.
        """
        if pdu.continues and pdu.final:
            raise ProtocolError("a text that is final and goes on", RejectReason.INVALID_PDU_FIELD)
        if pdu.target_transfer_tag == RESERVED_TAG:
            self._assembly = Assembly()
            self._rest.clear()
        elif pdu.target_transfer_tag != EXCHANGE_TAG:
            raise ProtocolError("no such exchange", RejectReason.INVALID_PDU_FIELD)
        if not self._rest:
            self._take(data, max_send, continues=pdu.continues)
        piece = self._rest.popleft() if self._rest else b""
        return self._response(pdu), piece

    def _take(self, data: Buffer, max_send: int, *, continues: bool) -> None:
        try:
            pairs = self._assembly.receive(data, continues=continues)
            if pairs:
                self._rest.extend(cut(encode(self._answer(pairs)), max_send))
        except TextError as error:
            self._assembly = Assembly()
            raise ProtocolError(str(error)) from error

    def _response(self, pdu: TextRequest) -> TextResponse:
        """Final when the initiator has said all, and we have too (section 11.11.1)."""
        final = pdu.final and not self._rest
        return TextResponse(
            final=final,
            continues=bool(self._rest),
            initiator_task_tag=pdu.initiator_task_tag,
            target_transfer_tag=RESERVED_TAG if final else EXCHANGE_TAG,
        )
