"""PDU classes against the tables of RFC 7143 section 11."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.iscsi.codes import LoginStatus, Opcode, RejectReason
from pyvtl.iscsi.pdu import (
    PDUS,
    AsynchronousMessage,
    DataIn,
    DataOut,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    LogoutResponse,
    NopIn,
    NopOut,
    Pdu,
    ReadyToTransfer,
    Reject,
    ScsiCommand,
    ScsiResponse,
    SnackRequest,
    TaskManagementRequest,
    TaskManagementResponse,
    TextRequest,
    TextResponse,
)

# One PDU of each class, and its 48 bytes in rows of four as the RFC draws them.
EXAMPLES = [
    (
        NopOut(immediate=True, initiator_task_tag=0x11, cmd_sn=7, exp_stat_sn=9, data_length=4),
        (
            "40800000 00000004 00000000 00000000 00000011 ffffffff 00000007 00000009"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        ScsiCommand(
            final=True,
            write=True,
            attribute=1,
            lun=bytes.fromhex("0001000000000000"),
            data_length=0x10000,
            initiator_task_tag=0x1234,
            expected_data_transfer_length=0x10000,
            cmd_sn=5,
            exp_stat_sn=6,
            cdb=bytes.fromhex("0a01 0000 0100 0000 0000 0000 0000 0000"),
        ),
        (
            "01a10000 00010000 00010000 00000000 00001234 00010000 00000005 00000006"
            "0a010000 01000000 00000000 00000000"
        ),
    ),
    (
        TaskManagementRequest(
            immediate=True, function=1, referenced_task_tag=0x1234, cmd_sn=5, ref_cmd_sn=4
        ),
        (
            "42810000 00000000 00000000 00000000 00000000 00001234 00000005 00000000"
            "00000004 00000000 00000000 00000000"
        ),
    ),
    (
        LoginRequest(
            transit=True,
            current_stage=1,
            next_stage=3,
            isid=bytes.fromhex("00023d000001"),
            cid=1,
            cmd_sn=1,
            data_length=3,
        ),
        (
            "43870000 00000003 00023d00 00010000 00000000 00010000 00000001 00000000"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        TextRequest(final=True, initiator_task_tag=2, cmd_sn=3, exp_stat_sn=4, data_length=16),
        (
            "04800000 00000010 00000000 00000000 00000002 ffffffff 00000003 00000004"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        DataOut(
            final=True,
            initiator_task_tag=0x1234,
            target_transfer_tag=8,
            data_sn=2,
            buffer_offset=0x8000,
            data_length=0x2000,
        ),
        (
            "05800000 00002000 00000000 00000000 00001234 00000008 00000000 00000000"
            "00000000 00000002 00008000 00000000"
        ),
    ),
    (
        LogoutRequest(reason=1, cid=1, cmd_sn=9, exp_stat_sn=10),
        (
            "06810000 00000000 00000000 00000000 00000000 00010000 00000009 0000000a"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        SnackRequest(kind=1, initiator_task_tag=5, beg_run=6, run_length=7),
        (
            "10810000 00000000 00000000 00000000 00000005 ffffffff 00000000 00000000"
            "00000000 00000000 00000006 00000007"
        ),
    ),
    (
        NopIn(initiator_task_tag=0x11, stat_sn=9, exp_cmd_sn=7, max_cmd_sn=70),
        (
            "20800000 00000000 00000000 00000000 00000011 ffffffff 00000009 00000007"
            "00000046 00000000 00000000 00000000"
        ),
    ),
    (
        ScsiResponse(
            status=2, residual_underflow=True, residual_count=256, data_length=20, stat_sn=3
        ),
        (
            "21820002 00000014 00000000 00000000 00000000 00000000 00000003 00000000"
            "00000000 00000000 00000000 00000100"
        ),
    ),
    (
        TaskManagementResponse(response=1, initiator_task_tag=4, stat_sn=3),
        (
            "22800100 00000000 00000000 00000000 00000004 00000000 00000003 00000000"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        LoginResponse(
            transit=True,
            current_stage=1,
            next_stage=3,
            tsih=2,
            status=LoginStatus.AUTHENTICATION_FAILURE,
        ),
        (
            "23870000 00000000 00000000 00000002 00000000 00000000 00000000 00000000"
            "00000000 02010000 00000000 00000000"
        ),
    ),
    (
        TextResponse(continues=True, initiator_task_tag=2, target_transfer_tag=1),
        (
            "24400000 00000000 00000000 00000000 00000002 00000001 00000000 00000000"
            "00000000 00000000 00000000 00000000"
        ),
    ),
    (
        DataIn(
            final=True,
            status_present=True,
            residual_underflow=True,
            residual_count=8,
            initiator_task_tag=3,
            stat_sn=1,
            data_sn=1,
            buffer_offset=0x2000,
            data_length=0x1000,
        ),
        (
            "25830000 00001000 00000000 00000000 00000003 ffffffff 00000001 00000000"
            "00000000 00000001 00002000 00000008"
        ),
    ),
    (
        LogoutResponse(response=0, stat_sn=10, time2wait=2, time2retain=20),
        (
            "26800000 00000000 00000000 00000000 00000000 00000000 0000000a 00000000"
            "00000000 00000000 00020014 00000000"
        ),
    ),
    (
        ReadyToTransfer(
            target_transfer_tag=8, r2t_sn=1, buffer_offset=0x8000, desired_data_transfer_length=64
        ),
        (
            "31800000 00000000 00000000 00000000 00000000 00000008 00000000 00000000"
            "00000000 00000001 00008000 00000040"
        ),
    ),
    (
        AsynchronousMessage(event=1, parameter_3=5),
        (
            "32800000 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000"
            "00000000 01000000 00000005 00000000"
        ),
    ),
    (
        Reject(reason=RejectReason.DATA_DIGEST_ERROR, data_length=48, stat_sn=2),
        (
            "3f800200 00000030 00000000 00000000 ffffffff 00000000 00000002 00000000"
            "00000000 00000000 00000000 00000000"
        ),
    ),
]


@pytest.mark.parametrize(("pdu", "wire"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_pdu_is_the_bytes_that_the_rfc_draws(pdu: Pdu, wire: str) -> None:
    """RFC 7143 section 11, one table for each operation code."""
    assert pdu.encode().hex() == bytes.fromhex(wire).hex()
    assert type(pdu).decode(bytes.fromhex(wire)) == pdu


def test_every_operation_code_has_a_class_and_an_example() -> None:
    """RFC 7143 section 11.2.1.2."""
    assert set(PDUS) == set(Opcode) == {type(pdu).OPCODE for pdu, _ in EXAMPLES}


@given(st.sampled_from(list(PDUS.values())), st.binary(min_size=48, max_size=48))
def test_any_header_round_trips_in_what_its_class_knows(pdu: type[Pdu], raw: bytes) -> None:
    """Whatever stands in reserved bits, the fields mean the same after encoding."""
    decoded = pdu.decode(raw)
    assert pdu.decode(decoded.encode()) == decoded
