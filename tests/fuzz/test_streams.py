"""Streams of PDUs as no initiator sends them: each ends in an answer or a closed connection."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.iscsi.codes import RESERVED_TAG
from pyvtl.iscsi.framing import Framer
from pyvtl.iscsi.node import Node, TargetName
from pyvtl.iscsi.pdu import (
    PDUS,
    InitiatorPdu,
    LoginRequest,
    NopOut,
    Pdu,
    ScsiCommand,
    ScsiResponse,
)
from pyvtl.iscsi.session import Limits
from pyvtl.scsi.target import Target
from pyvtl.server.carrier import Carrier, Service
from tests.fuzz.budget import share
from tests.iscsi_wire import ISID, TARGET, frame, frames_of, text
from tests.ramdisk import Fail, Hold, RamDisk, Read10, Write10

pytestmark = pytest.mark.timeout(600)

KEYS = {
    "InitiatorName": "iqn.2026-01.example:fuzz",
    "TargetName": TARGET,
    "InitialR2T": "No",
    "FirstBurstLength": "2048",
    "MaxBurstLength": "2048",
    "MaxRecvDataSegmentLength": "512",
}
REQUEST = LoginRequest(transit=True, current_stage=1, next_stage=3, isid=ISID, cmd_sn=1)
LOGIN = frame(REQUEST, text(KEYS))
NEIGHBOUR = [
    frame(REQUEST, text(KEYS | {"InitiatorName": "iqn.2026-01.example:neighbour"})),
    *(frame(ScsiCommand(final=True, initiator_task_tag=n, cmd_sn=n)) for n in (1, 2)),
]
"""A login and two TEST UNIT READYs, of which the first takes the unit attention."""
CDBS = [
    cdb.encode().ljust(16, b"\0")
    for cdb in (Write10(blocks=4), Read10(blocks=4), Write10(blocks=9999), Hold())
] + [bytes(16), b"\xff" * 16]


def numbers(mask: int) -> st.SearchStrategy[int]:
    """Small numbers above all, so that tags and sequence numbers meet."""
    small = st.integers(0, min(mask, 8))
    return st.one_of(small, small, st.just(min(mask, RESERVED_TAG)), st.integers(0, mask))


def values(kind: type, mask: int) -> st.SearchStrategy[Any]:
    if kind is bytes:
        size = mask.bit_length() // 8
        plain = st.sampled_from([bytes(size), bytes([0, 1]) + bytes(size - 2)])
        return (
            st.sampled_from(CDBS)
            if size == 16
            else st.one_of(plain, plain, st.binary(min_size=size, max_size=size))
        )
    return st.booleans() if kind is bool else numbers(mask)


def pdus_of(kind: type[Pdu]) -> st.SearchStrategy[Pdu]:
    fields = {slot.name: values(slot.kind, slot.mask) for slot in kind.SLOTS}
    for fixed in ("data_length", "ahs_words"):
        fields.pop(fixed, None)
    return st.builds(kind, **fields)


INITIATOR_PDUS = [kind for kind in PDUS.values() if issubclass(kind, InitiatorPdu)]
data = st.sampled_from([0, 0, 1, 4, 512, 1024, 2048]).map(bytes) | st.binary(max_size=64)
well_formed = st.builds(frame, st.one_of([pdus_of(kind) for kind in INITIATOR_PDUS]), data)
lying = well_formed.flatmap(lambda raw: st.integers(0, len(raw)).map(lambda cut: raw[:cut]))
pieces = st.one_of(well_formed, well_formed, well_formed, lying, st.binary(max_size=100))
streams = st.lists(pieces, max_size=12)


class Socket:
    """Stands for a transport, to see what is written and whether it was closed."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 3260)

    def writelines(self, buffers: Sequence[Any]) -> None:
        self.written += b"".join(bytes(buffer) for buffer in buffers)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def feed(carrier: Carrier, raw: bytes, step: int) -> None:
    rest = memoryview(raw)
    while rest and not carrier._transport.closed:  # type: ignore[attr-defined] # Socket, above
        buffer = carrier.get_buffer(-1)
        count = min(len(buffer), len(rest), step)
        buffer[:count] = rest[:count]
        carrier.buffer_updated(count)
        rest = rest[count:]


async def carry(stream: Sequence[bytes], step: int) -> tuple[bytes, bool]:
    """Send a stream to a server with a RAM disk; what comes back, and whether it closed."""
    disk, socket = RamDisk(64), Socket()
    service = Service(Node.of(TargetName(TARGET)), {TARGET: Target({0: disk})}, Limits(), 2)
    with structlog.testing.capture_logs() as logs:
        carrier = await send(service, socket, stream, step)
        written, closed = socket.written, socket.closed
        disk.gate.set()
        carrier.connection_lost(None)
        settled = asyncio.Event()
        service.execution.task_set(disk).when_settled(settled.set)
        await settled.wait()
        await serve_a_neighbour(service)
        await service.execution.close()
    assert [e for e in logs if e["event"] in ("connection.failed", "task.failed")] == []
    assert (len(service.carriers), len(service.sessions)) == (0, 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return written, closed


async def send(service: Service, socket: "Socket", stream: Sequence[bytes], step: int) -> Carrier:
    """Send a stream over a connection of its own."""
    carrier = Carrier(service)
    carrier.connection_made(socket)
    for raw in stream:
        feed(carrier, raw, step)
        await asyncio.sleep(0)
    return carrier


async def serve_a_neighbour(service: Service) -> None:
    """Whatever happened to one initiator, the next one finds the unit ready."""
    socket = Socket()
    carrier = await send(service, socket, NEIGHBOUR, 1 << 20)
    last = decoded(socket.written)[-1]
    assert isinstance(last, ScsiResponse)
    assert (last.initiator_task_tag, last.status) == (2, 0)
    carrier.connection_lost(None)


def decoded(raw: bytes) -> list[Pdu]:
    """Every PDU of a stream; anything else is an error of ours."""
    return [PDUS[one.opcode].decode(one.bhs) for one in frames_of(Framer(1 << 24), raw)]


@share(0.25)
@given(streams)
def test_whatever_comes_before_a_login_is_survived(stream: list[bytes]) -> None:
    """A login failure or a closed connection, and nothing that breaks."""
    written, _ = asyncio.run(carry(stream, 1 << 20))
    decoded(written)


@share(0.75)
@given(streams)
def test_whatever_comes_after_a_login_is_survived(stream: list[bytes]) -> None:
    """Reject, CHECK CONDITION, an answer or a closed connection, and nothing that breaks."""
    written, _ = asyncio.run(carry([LOGIN, *stream], 1 << 20))
    decoded(written)


@share(0.1)
@given(streams, st.integers(1, 100))
def test_cutting_the_stream_changes_nothing(stream: list[bytes], step: int) -> None:
    """TCP has no borders: the answers are the same however the bytes come."""
    whole = asyncio.run(carry([LOGIN, *stream], 1 << 20))
    assert asyncio.run(carry([LOGIN, *stream], step)) == whole


@share(0.6)
@given(st.binary(max_size=400))
def test_a_login_text_of_any_bytes_is_survived(raw: bytes) -> None:
    """Text that is no text fails the login."""
    written, _ = asyncio.run(carry([frame(REQUEST, raw)], 1 << 20))
    decoded(written)


def meant_to_work(cdb: bytes) -> bool:
    """One vendor specific command of the RAM disk is there to break."""
    return cdb[0] != Fail.OPCODE


@share(0.6)
@given(st.binary(min_size=16, max_size=16).filter(meant_to_work), st.integers(0, 4096))
def test_any_cdb_ends(cdb: bytes, expected: int) -> None:
    """Random CDBs through the whole transport; a ping behind them is answered."""
    command = ScsiCommand(
        final=True,
        read=True,
        initiator_task_tag=1,
        cmd_sn=1,
        expected_data_transfer_length=expected,
        cdb=cdb,
    )
    ping = NopOut(immediate=True, initiator_task_tag=2, cmd_sn=2)
    written, closed = asyncio.run(carry([LOGIN, frame(command), frame(ping)], 1 << 20))
    tags = [pdu.initiator_task_tag for pdu in decoded(written)]
    assert 2 in tags
    assert not closed
