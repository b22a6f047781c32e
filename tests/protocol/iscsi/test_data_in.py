"""Data-In, status and residuals (RFC 7143 sections 11.4 and 11.7)."""

from collections.abc import Sequence

import pytest

from pyvtl.iscsi.command import Outcome
from pyvtl.iscsi.pdu import DataIn, Pdu, ScsiCommand, ScsiResponse
from pyvtl.wire.layout import Buffer
from tests.iscsi_wire import DIGESTS, Wire, logged_in

DATA = bytes(range(256)) * 8  # 2 KiB


def answer(wire: Wire, expected: int, outcome: Outcome) -> list[tuple[Pdu, bytes]]:
    """What comes back for a read that expects so many bytes."""
    command = wire.command(
        ScsiCommand(
            final=True,
            read=True,
            initiator_task_tag=9,
            expected_data_transfer_length=expected,
            cmd_sn=1,
        )
    )
    wire.connection.respond(command, outcome)
    return wire.take()


def test_good_status_comes_with_the_data() -> None:
    """Section 11.7.3: S bit and status in the last Data-In, and no response."""
    ((pdu, data),) = answer(logged_in(), 2048, Outcome(data_in=(DATA,)))
    assert data == DATA
    assert pdu == DataIn(
        final=True,
        status_present=True,
        data_length=2048,
        initiator_task_tag=9,
        stat_sn=1,
        exp_cmd_sn=2,
        max_cmd_sn=33,
    )


def test_a_phase_collapsed_read_is_these_bytes() -> None:
    """Section 11.7, the table of Data-In, with an underflow of eight bytes."""
    wire = logged_in()
    wire.command(
        ScsiCommand(
            final=True,
            read=True,
            initiator_task_tag=9,
            expected_data_transfer_length=12,
            cmd_sn=1,
        )
    )
    command = wire.connection._session().commands[9]
    wire.connection.respond(command, Outcome(data_in=(b"abcd",)))
    assert b"".join(wire.connection.take_outgoing()).hex() == (
        "25830000 00000004 00000000 00000000 00000009 ffffffff 00000001 00000002"
        "00000021 00000000 00000000 00000008 61626364"
    ).replace(" ", "")


@pytest.mark.parametrize(
    "row", [(DATA,), (DATA[:1], b"", DATA[1:1000], DATA[1000:])], ids=["one", "several"]
)
def test_data_is_cut_by_segment_and_burst(row: Sequence[Buffer]) -> None:
    """Sections 13.12 and 13.13: F ends each burst, DataSN counts PDUs, offsets go on."""
    wire = logged_in({"MaxRecvDataSegmentLength": "512", "MaxBurstLength": "768"})
    received = answer(wire, 2000, Outcome(data_in=row))
    facts = [
        (pdu.data_sn, pdu.buffer_offset, len(data), pdu.final, pdu.status_present)
        for pdu, data in received
        if isinstance(pdu, DataIn)
    ]
    assert facts == [
        (0, 0, 512, False, False),
        (1, 512, 256, True, False),
        (2, 768, 512, False, False),
        (3, 1280, 256, True, False),
        (4, 1536, 464, True, True),
    ]
    assert b"".join(data for _, data in received) == DATA[:2000]


def test_sense_goes_in_a_response_after_the_data() -> None:
    """Section 11.4: status other than GOOD is never collapsed; ExpDataSN counts the Data-Ins."""
    received = answer(logged_in(), 4096, Outcome(status=2, sense=b"\x70" * 18, data_in=(DATA,)))
    (data_in, data), (response, sense) = received
    assert isinstance(data_in, DataIn)
    assert (data_in.final, data_in.status_present, data) == (True, False, DATA)
    assert isinstance(response, ScsiResponse)
    assert (response.status, response.exp_data_sn, sense) == (2, 1, b"\0\x12" + b"\x70" * 18)
    assert (response.residual_underflow, response.residual_count) == (True, 2048)


@pytest.mark.parametrize(
    ("expected", "offered", "flags"),
    [
        (2048, 2048, (False, False, 0)),
        (2048, 100, (False, True, 1948)),
        (100, 2048, (True, False, 1948)),
    ],
)
def test_residual_of_a_read(expected: int, offered: int, flags: tuple[bool, bool, int]) -> None:
    """Section 11.4.5.1: bytes that were expected and not sent, or the other way round."""
    ((pdu, data),) = answer(logged_in(), expected, Outcome(data_in=(DATA[:offered],)))
    assert isinstance(pdu, DataIn)
    assert (pdu.residual_overflow, pdu.residual_underflow, pdu.residual_count) == flags
    assert data == DATA[: min(expected, offered)]


@pytest.mark.parametrize(
    ("expected", "data_in", "flags"),
    [(0, DATA, (True, False, 2048)), (512, b"", (False, True, 512)), (0, b"", (False, False, 0))],
)
def test_residual_without_data(
    expected: int, data_in: bytes, flags: tuple[bool, bool, int]
) -> None:
    """A read that moves nothing ends with a response, not with an empty Data-In."""
    row = (data_in,) if data_in else ()
    ((pdu, _),) = answer(logged_in(), expected, Outcome(data_in=row))
    assert isinstance(pdu, ScsiResponse)
    assert (pdu.residual_overflow, pdu.residual_underflow, pdu.residual_count) == flags


def test_digests_cover_header_and_padded_data() -> None:
    """Section 11.2.3; `take` compares every digest that it finds."""
    wire = logged_in(DIGESTS)
    ((_, data),) = answer(wire, 2047, Outcome(data_in=(DATA[:1], DATA[1:2047])))
    assert data == DATA[:2047]
