"""What it costs to read and make the bytes of the protocols."""

from typing import Any

import pytest

from benchmarks.parts import BLOCK, BLOCK_SIZE
from pyvtl.device.drive.write import Write6
from pyvtl.iscsi.framing import Framer
from pyvtl.iscsi.pdu import DataIn, DataOut, ReadyToTransfer, ScsiCommand, ScsiResponse
from pyvtl.wire.checksum import crc32c
from pyvtl.wire.layout import Structure

CDB = Write6(fixed=True, transfer_length=16)
PDUS = (
    ScsiCommand(
        final=True,
        write=True,
        attribute=1,
        data_length=BLOCK_SIZE,
        expected_data_transfer_length=BLOCK_SIZE,
        cdb=CDB.encode().ljust(16, b"\0"),
    ),
    DataOut(final=True, data_length=BLOCK_SIZE, buffer_offset=BLOCK_SIZE),
    ScsiResponse(stat_sn=1, exp_cmd_sn=2, max_cmd_sn=33),
    DataIn(final=True, status_present=True, data_length=BLOCK_SIZE),
    ReadyToTransfer(desired_data_transfer_length=BLOCK_SIZE),
)


def _named(structure: Structure) -> str:
    return type(structure).__name__


@pytest.mark.parametrize("pdu", PDUS, ids=_named)
def test_encode(benchmark: Any, pdu: Structure) -> None:
    """A PDU's header, made."""
    benchmark(pdu.encode)


@pytest.mark.parametrize("pdu", PDUS, ids=_named)
def test_decode(benchmark: Any, pdu: Structure) -> None:
    """A PDU's header, read."""
    assert benchmark(type(pdu).decode, pdu.encode()) == pdu


def test_cdb(benchmark: Any) -> None:
    """A CDB, read."""
    assert benchmark(Write6.decode, CDB.encode()) == CDB


@pytest.mark.parametrize("digests", [False, True], ids=["plain", "digests"])
def test_framing(benchmark: Any, digests: bool) -> None:
    """A WRITE with 64 KiB of data out of the stream of bytes, both digests checked or not."""
    header, data = PDUS[0].encode(), bytes(BLOCK)
    pieces = [header, _crc(header), data, _crc(data)] if digests else [header, data]
    stream = memoryview(b"".join(pieces))
    framer = Framer(BLOCK_SIZE)
    framer.header_digest = framer.data_digest = digests

    def one() -> int:
        rest = stream
        while (frame := framer.next()) is None:
            room = framer.get_buffer()
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            framer.received(count)
            rest = rest[count:]
        return len(frame.data)

    assert benchmark(one) == BLOCK_SIZE


def _crc(data: bytes) -> bytes:
    return crc32c(data).to_bytes(4, "little")
