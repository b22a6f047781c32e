"""SPC-5 INQUIRY."""

import pytest

from pyvtl.scsi.primary import Inquiry
from pyvtl.scsi.unit import LogicalUnit
from tests.scsi_client import run, send, sense_of


async def vpd(unit: LogicalUnit, page_code: int) -> bytes:
    return await run(unit, Inquiry(evpd=True, page_code=page_code, allocation_length=0xFFFF))


async def test_standard_data_on_the_wire(unit: LogicalUnit) -> None:
    """Disk, SPC-4, response data format 2, CMDQUE, names, SAM-5, iSCSI and SPC-4."""
    assert await run(unit, bytes.fromhex("120000006000")) == (
        bytes.fromhex("000006025b000002")
        + b"ACME    Plain           0001"
        + bytes(22)
        + bytes.fromhex("00a009600460")
        + bytes(32)
    )


async def test_data_is_cut_to_the_allocation_length(unit: LogicalUnit) -> None:
    assert len(await run(unit, Inquiry(allocation_length=36))) == 36
    assert await run(unit, Inquiry(allocation_length=0)) == b""


async def test_supported_pages_ascend(unit: LogicalUnit) -> None:
    assert await vpd(unit, 0x00) == bytes.fromhex("00000004") + bytes([0x00, 0x80, 0x83, 0x86])


async def test_unit_serial_number(unit: LogicalUnit) -> None:
    assert await vpd(unit, 0x80) == bytes.fromhex("0080000a") + b"SN00000001"


async def test_device_identification(unit: LogicalUnit) -> None:
    """NAA and T10 of the unit, relative number and name of the port, name of the device."""
    port = b"iqn.2026-01.example:vtl,t,0x0001\0\0\0\0"
    device = b"iqn.2026-01.example:vtl\0"
    body = (
        bytes.fromhex("01030008 3123456789abcdef")
        + bytes.fromhex("02010022")
        + b"ACME    Plain           SN00000001"
        + bytes.fromhex("51940004 00000001")
        + bytes.fromhex("53980024")
        + port
        + bytes.fromhex("53a80018")
        + device
    )
    assert await vpd(unit, 0x83) == bytes.fromhex("0083") + len(body).to_bytes(2, "big") + body


async def test_extended_inquiry_claims_the_task_attributes_it_takes(unit: LogicalUnit) -> None:
    """SPC-5 Extended INQUIRY Data: 64 bytes with SIMPSUP, ORDSUP and HEADSUP in byte 5."""
    assert await vpd(unit, 0x86) == bytes.fromhex("0086003c0007") + bytes(58)


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (Inquiry(cmddt=True), "cdb[1].1"),
        (Inquiry(page_code=0x80), "cdb[2].7"),
        (Inquiry(evpd=True, page_code=0x81), "cdb[2].7"),
    ],
)
async def test_what_is_refused_is_pointed_at(unit: LogicalUnit, cdb: Inquiry, pointer: str) -> None:
    assert await sense_of(unit, cdb) == f"05/24/00 {pointer}"


async def test_naca_is_refused(unit: LogicalUnit) -> None:
    """SPC-5: NORMACA is zero, so a CONTROL byte with NACA ends in INVALID FIELD IN CDB."""
    assert await sense_of(unit, bytes.fromhex("120000002404")) == "05/24/00 cdb[5].2"


async def test_needs_no_data_out(unit: LogicalUnit) -> None:
    assert (await send(unit, Inquiry(allocation_length=5))).data_out_length == 0
