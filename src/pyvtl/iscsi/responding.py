"""How a SCSI command ends on the wire: data, status, sense, residuals (RFC 7143 11.4, 11.7)."""

from pyvtl.iscsi.command import Command, Outcome
from pyvtl.iscsi.keys import Parameters
from pyvtl.iscsi.outgoing import Outgoing
from pyvtl.iscsi.pdu import DataIn, ScsiResponse
from pyvtl.iscsi.transfer import NO_RESIDUAL, Piece, Residual, cut, residual

GOOD = 0x00
SENSE_LENGTH_SIZE = 2

# What ends nearly every command.
DONE = ScsiResponse()
"""GOOD, with nothing to send and nothing left over."""
ALL_DATA = DataIn(final=True, status_present=True)
"""All that was expected in one piece, and GOOD."""


def send_outcome(outgoing: Outgoing, command: Command, outcome: Outcome, keys: Parameters) -> None:
    """Data-In cut to measure, with the status in the last one if it is GOOD."""
    pdu = command.pdu
    expected = pdu.expected_data_transfer_length
    good = outcome.status == GOOD
    if not outcome.data_in:
        rest = residual(expected, outcome.data_out_length)
        if good and rest is NO_RESIDUAL:
            outgoing.answer(pdu.initiator_task_tag, DONE)
        else:
            _send_response(outgoing, command, outcome, rest, 0)
        return
    offered = sum(map(len, outcome.data_in))
    longest = min(keys.max_send_data_segment_length, keys.max_burst_length)
    if good and pdu.read and 0 < offered == expected <= longest:
        outgoing.answer(pdu.initiator_task_tag, ALL_DATA, outcome.data_in, offered)
        return
    moved = outcome.data_out_length if pdu.write or not offered else offered
    rest = residual(expected, moved)
    length = min(offered, expected) if pdu.read else 0
    pieces = cut(outcome.data_in, length, keys.max_send_data_segment_length, keys.max_burst_length)
    data_sn = 0
    for data_sn, piece in enumerate(pieces, 1):
        ends = good and piece.last
        header = _data_in(command, piece, data_sn - 1, rest if ends else None)
        outgoing.send(header, piece.buffers, piece.length, advance=ends)
    if not (good and length):
        _send_response(outgoing, command, outcome, rest, data_sn)


def _data_in(command: Command, piece: Piece, data_sn: int, collapsed: Residual | None) -> DataIn:
    rest = collapsed or NO_RESIDUAL
    return DataIn(
        final=piece.ends_sequence,
        residual_overflow=rest.overflow,
        residual_underflow=rest.underflow,
        status_present=collapsed is not None,
        initiator_task_tag=command.pdu.initiator_task_tag,
        data_sn=data_sn,
        buffer_offset=piece.offset,
        residual_count=rest.count,
    )


def _send_response(
    outgoing: Outgoing, command: Command, outcome: Outcome, rest: Residual, data_sn: int
) -> None:
    data = b""
    if outcome.sense:
        data = len(outcome.sense).to_bytes(SENSE_LENGTH_SIZE, "big") + outcome.sense
    header = ScsiResponse(
        residual_overflow=rest.overflow,
        residual_underflow=rest.underflow,
        status=outcome.status,
        initiator_task_tag=command.pdu.initiator_task_tag,
        exp_data_sn=data_sn,
        residual_count=rest.count,
    )
    outgoing.send(header, (data,), len(data))
