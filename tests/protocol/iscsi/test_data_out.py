"""Data-Out: immediate, unsolicited, asked for (RFC 7143 sections 4.2.5 and 11.7)."""

from dataclasses import replace
from typing import Any

import pytest

from pyvtl.iscsi.codes import RESERVED_TAG, RejectReason
from pyvtl.iscsi.command import Command, DataFailure, Outcome
from pyvtl.iscsi.events import DataReceived
from pyvtl.iscsi.pdu import DataOut, ReadyToTransfer, Reject, ScsiCommand, ScsiResponse
from tests.iscsi_wire import DIGESTS, Wire, frame, logged_in

LUN = bytes.fromhex("0001000000000000")
DATA = bytes(range(256)) * 64  # 16 KiB
UNSOLICITED = {"InitialR2T": "No", "FirstBurstLength": "4096", "MaxBurstLength": "8192"}


def write(length: int = len(DATA), *, final: bool = True, cmd_sn: int = 1) -> ScsiCommand:
    return ScsiCommand(
        write=True,
        final=final,
        lun=LUN,
        initiator_task_tag=7,
        expected_data_transfer_length=length,
        cmd_sn=cmd_sn,
    )


def data_out(start: int, end: int, ttt: int, sn: int = 0, *, final: bool = True) -> DataOut:
    return DataOut(
        final=final,
        lun=LUN if ttt != RESERVED_TAG else bytes(8),
        initiator_task_tag=7,
        target_transfer_tag=ttt,
        data_sn=sn,
        buffer_offset=start,
    )


def serve(wire: Wire, command: Command, length: int) -> list[tuple[int, int]]:
    """Answer every R2T; what they asked for, as offset and length."""
    asked: list[tuple[int, int]] = []
    done = wire.connection.solicit(command, length)
    while not done:
        for pdu, _ in wire.take():
            assert isinstance(pdu, ReadyToTransfer)
            assert (pdu.initiator_task_tag, pdu.lun, pdu.r2t_sn) == (7, LUN, len(asked))
            start, size = pdu.buffer_offset, pdu.desired_data_transfer_length
            asked.append((start, size))
            out = data_out(start, start + size, pdu.target_transfer_tag)
            done = wire.send(out, DATA[start : start + size]) == [DataReceived(command)]
    return asked


def test_immediate_data_is_all_there_is() -> None:
    """Section 4.2.5.2: immediate data of the whole length needs no R2T."""
    wire = logged_in()
    command = wire.command(write(4096), DATA[:4096])
    assert wire.connection.solicit(command, 4096)
    assert command.data() == DATA[:4096]
    assert wire.take() == []


def test_r2ts_ask_for_the_rest_in_bursts() -> None:
    """Section 11.8: one R2T asks for MaxBurstLength at most."""
    wire = logged_in({"MaxBurstLength": "8192", "FirstBurstLength": "1024"})
    command = wire.command(write(), DATA[:1000])
    assert serve(wire, command, len(DATA)) == [(1000, 8192), (9192, 7192)]
    assert command.data() == DATA


def test_several_r2ts_are_outstanding_if_both_sides_want_it() -> None:
    """Section 13.17 MaxOutstandingR2T; our own offer is one."""
    wire = logged_in({"MaxBurstLength": "512", "FirstBurstLength": "512", "MaxOutstandingR2T": "4"})
    command = wire.command(write(2048))
    wire.connection.solicit(command, 2048)
    limit = wire.connection._session().parameters.max_outstanding_r2t
    assert len(wire.take()) == limit


def test_unsolicited_data_comes_first() -> None:
    """Section 11.7: unsolicited Data-Out has the reserved tag; R2Ts ask for what is left."""
    wire = logged_in(UNSOLICITED)
    command = wire.command(write(final=False), DATA[:1024])
    assert not wire.connection.solicit(command, len(DATA))
    assert wire.take() == []
    wire.send(data_out(1024, 2048, RESERVED_TAG, 0, final=False), DATA[1024:2048])
    wire.send(data_out(2048, 4096, RESERVED_TAG, 1), DATA[2048:4096])
    assert serve(wire, command, len(DATA))[0] == (4096, 8192)
    assert command.data() == DATA


def test_fewer_bytes_are_offered_than_wanted() -> None:
    """Section 11.4.5.1: the expected data transfer length is all that an initiator sends."""
    wire = logged_in()
    command = wire.command(write(512), DATA[:512])
    assert wire.connection.solicit(command, 1024)
    assert command.data() == DATA[:512]
    wire.connection.respond(command, Outcome(data_out_length=1024))
    response, _ = wire.take_one(ScsiResponse)
    assert (response.residual_overflow, response.residual_count) == (True, 512)


def test_a_command_without_the_w_bit_offers_nothing() -> None:
    """Section 11.3.1: whatever the CDB asks for, there is nothing to be solicited."""
    wire = logged_in()
    command = wire.command(ScsiCommand(final=True, read=True, initiator_task_tag=7, cmd_sn=1))
    assert wire.connection.solicit(command, 1024)
    assert (command.received, bytes(command.data())) == (0, b"")


def test_a_response_waits_for_the_data_that_was_announced() -> None:
    """Section 11.4.2: no response before the F bit of the last expected sequence."""
    wire = logged_in(UNSOLICITED)
    command = wire.command(write(2048, final=False))
    wire.connection.respond(command, Outcome(status=2, sense=b"\x70"))
    assert wire.take() == []
    wire.send(data_out(0, 2048, RESERVED_TAG), DATA[:2048])
    response, data = wire.take_one(ScsiResponse)
    assert (response.status, data) == (2, b"\0\x01\x70")


WRONG = {
    "another tag": {"target_transfer_tag": 0x7777},
    "another LUN": {"lun": bytes(8)},
    "a DataSN left out": {"data_sn": 1},
    "another offset": {"buffer_offset": 4},
    "no end": {"final": False},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
def test_data_out_of_place_is_rejected_and_ends_the_task(fields: dict[str, Any]) -> None:
    """Section 11.7: offset, DataSN, TTT and LUN must be what the R2T asked for."""
    wire = logged_in({"ImmediateData": "No"})
    command = wire.command(write(1024))
    wire.connection.solicit(command, 1024)
    r2t, _ = wire.take_one(ReadyToTransfer)
    good = data_out(0, 1024, r2t.target_transfer_tag)
    bad = replace(good, **fields)
    assert wire.send(bad, DATA[:1024]) == [DataReceived(command)]
    reject, header = wire.take_one(Reject)
    assert reject.reason == RejectReason.PROTOCOL_ERROR
    assert header[16:20] == bytes.fromhex("00000007")
    assert command.failure is DataFailure.PROTOCOL


def test_too_much_data_for_a_burst_is_rejected() -> None:
    """Section 11.8: the data of a burst does not pass the desired length."""
    wire = logged_in({"ImmediateData": "No"})
    command = wire.command(write(1024))
    wire.connection.solicit(command, 1024)
    r2t, _ = wire.take_one(ReadyToTransfer)
    wire.send(data_out(0, 2048, r2t.target_transfer_tag), DATA[:2048])
    assert wire.take_one(Reject)[0].reason == RejectReason.PROTOCOL_ERROR
    assert command.failure is DataFailure.PROTOCOL


def test_data_after_the_last_burst_is_rejected() -> None:
    """Section 11.7: with the F bit of the command all unsolicited data has come."""
    wire = logged_in()
    command = wire.command(write(1024), DATA[:512])
    wire.send(data_out(512, 1024, RESERVED_TAG), DATA[512:1024])
    assert wire.take_one(Reject)[0].reason == RejectReason.PROTOCOL_ERROR
    assert command.failure is DataFailure.PROTOCOL


def test_data_for_no_task_is_rejected() -> None:
    """Section 7.8: Data-Out of a task that is not there."""
    wire = logged_in()
    wire.send(data_out(0, 4, 1), b"data")
    assert wire.take_one(Reject)[0].reason == RejectReason.PROTOCOL_ERROR


def test_a_data_digest_error_rejects_the_pdu_and_ends_the_task() -> None:
    """Section 7.8: Reject with reason 02h, and the task's data counts as lost."""
    wire = logged_in(DIGESTS)
    command = wire.command(write(1024))
    wire.connection.solicit(command, 1024)
    r2t, _ = wire.take_one(ReadyToTransfer)
    broken = bytearray(frame(data_out(0, 1024, r2t.target_transfer_tag), DATA[:1024], digests=True))
    broken[-1] ^= 1
    assert wire.feed(bytes(broken)) == [DataReceived(command)]
    assert wire.take_one(Reject)[0].reason == RejectReason.DATA_DIGEST_ERROR
    assert command.failure is DataFailure.DIGEST


def test_broken_immediate_data_still_makes_a_command() -> None:
    """The command is delivered, so that it can end with sense data; its data never comes."""
    wire = logged_in(DIGESTS)
    broken = bytearray(frame(write(1024), DATA[:1024], digests=True))
    broken[-1] ^= 1
    (event,) = wire.feed(bytes(broken))
    command = event.command  # type: ignore[union-attr] # the next line says which event it is
    assert command.failure is DataFailure.DIGEST
    assert wire.take_one(Reject)[0].reason == RejectReason.DATA_DIGEST_ERROR
    assert wire.connection.solicit(command, 1024)


def test_an_abandoned_write_swallows_the_data_on_its_way() -> None:
    """Section 11.5.1: data of an aborted task is thrown away, and nothing answers it."""
    wire = logged_in({"ImmediateData": "No"})
    command = wire.command(write(1024))
    wire.connection.solicit(command, 1024)
    r2t, _ = wire.take_one(ReadyToTransfer)
    wire.connection.abandon(command)
    assert wire.send(data_out(0, 1024, r2t.target_transfer_tag), DATA[:1024]) == []
    wire.connection.respond(command, Outcome())
    assert wire.take() == []
    wire.send(data_out(0, 1024, r2t.target_transfer_tag), DATA[:1024])
    assert wire.take_one(Reject)[0].reason == RejectReason.PROTOCOL_ERROR


PROTOCOL, FIELD = RejectReason.PROTOCOL_ERROR, RejectReason.INVALID_PDU_FIELD
FORBIDDEN = {
    "immediate data": ({"ImmediateData": "No"}, {}, b"data", PROTOCOL),
    "unsolicited data": ({"InitialR2T": "Yes"}, {"final": False}, b"", PROTOCOL),
    "over FirstBurstLength": ({"FirstBurstLength": "512"}, {}, bytes(516), FIELD),
    "over the expected length": ({}, {"expected_data_transfer_length": 4}, bytes(8), FIELD),
    "data with a read": ({}, {"write": False, "read": True}, b"data", PROTOCOL),
    "both directions": ({}, {"read": True}, b"", RejectReason.COMMAND_NOT_SUPPORTED),
    "the reserved tag": ({}, {"initiator_task_tag": RESERVED_TAG}, b"", FIELD),
}


@pytest.mark.parametrize(
    ("keys", "fields", "data", "reason"), FORBIDDEN.values(), ids=FORBIDDEN.keys()
)
def test_a_command_that_the_keys_forbid_is_rejected(
    keys: dict[str, str], fields: dict[str, Any], data: bytes, reason: RejectReason
) -> None:
    """Sections 11.3.1 and 13: a rejected command takes its CmdSN all the same."""
    wire = logged_in(keys)
    assert wire.send(replace(write(1024), **fields), data) == []
    assert wire.take_one(Reject)[0].reason == reason
    wire.command(write(512, cmd_sn=2))


def test_data_on_its_way_into_the_buffer_stays_there_when_more_is_wanted() -> None:
    """Section 11.7: the command may begin while half of an unsolicited Data-Out is there."""
    keys = {"InitialR2T": "No", "ImmediateData": "No", "FirstBurstLength": "16384"}
    length = 2 << 20
    wire = logged_in(keys)
    command = wire.command(write(length, final=False))
    raw = frame(data_out(0, len(DATA), RESERVED_TAG), DATA)
    assert wire.feed(raw[:1000]) == []
    assert not wire.connection.solicit(command, length)
    wire.feed(raw[1000:])
    r2t, _ = wire.take_one(ReadyToTransfer)
    assert (r2t.buffer_offset, r2t.desired_data_transfer_length) == (16384, 262144)
    assert command.data() == DATA
