"""SPC-5 REPORT SUPPORTED OPERATION CODES."""

import pytest

from pyvtl.scsi.primary import ReportSupportedOperationCodes as Rsoc
from tests.protocol.spc.plain_unit import PlainUnit
from tests.scsi_client import run, sense_of


async def test_one_command_on_the_wire(unit: PlainUnit) -> None:
    """INQUIRY (12h): supported as the standard says, six bytes, usage data."""
    data = await run(unit, bytes.fromhex("a30c0112 0000 00000100 0000"))
    assert data == bytes.fromhex("00030006 1203ffffff00")


async def test_a_command_that_is_not_there(unit: PlainUnit) -> None:
    cdb = Rsoc(reporting_options=1, requested_operation_code=0xFF, allocation_length=64)
    assert await run(unit, cdb) == bytes.fromhex("00010000")


async def test_every_command_of_the_table(unit: PlainUnit) -> None:
    data = await run(unit, Rsoc(allocation_length=0xFFFF))
    rows = [data[i : i + 8].hex() for i in range(4, len(data), 8)]
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    assert len(rows) == len(list(unit.COMMANDS))
    assert rows[0] == "0000000000000006"
    assert rows[-1] == "a300000c0001000c"


async def test_with_timeouts_descriptors(unit: PlainUnit) -> None:
    """RCTD: CTDP is set, and twelve bytes follow that name no timeout."""
    timeouts = "000a" + "00" * 10
    every = await run(unit, Rsoc(rctd=True, allocation_length=24))
    assert every[4:].hex() == "0000000000020006" + timeouts
    cdb = Rsoc(rctd=True, reporting_options=1, requested_operation_code=0x00, allocation_length=64)
    assert (await run(unit, cdb)).hex() == "00830006" + "000000000000" + timeouts


@pytest.mark.parametrize("options", [2, 3])
async def test_by_service_action(unit: PlainUnit, options: int) -> None:
    cdb = Rsoc(
        reporting_options=options,
        requested_operation_code=0xA3,
        requested_service_action=0x0C,
        allocation_length=64,
    )
    assert (await run(unit, cdb)).hex() == "0003000c" + "a30c87ff" + "ff" * 6 + "0000"


async def test_an_unknown_service_action(unit: PlainUnit) -> None:
    cdb = Rsoc(
        reporting_options=2,
        requested_operation_code=0xA3,
        requested_service_action=0x0D,
        allocation_length=64,
    )
    assert (await run(unit, cdb)).hex() == "00010000"


async def test_whichever_applies(unit: PlainUnit) -> None:
    cdb = Rsoc(reporting_options=3, requested_operation_code=0x00, allocation_length=64)
    assert (await run(unit, cdb)).hex() == "00030006" + "00" * 6


@pytest.mark.parametrize(("options", "opcode"), [(1, 0xA3), (2, 0x00), (4, 0x00)])
async def test_the_wrong_way_of_asking(unit: PlainUnit, options: int, opcode: int) -> None:
    cdb = Rsoc(reporting_options=options, requested_operation_code=opcode, allocation_length=64)
    assert await sense_of(unit, cdb) == "05/24/00 cdb[2].2"


async def test_an_unknown_service_action_is_pointed_at(unit: PlainUnit) -> None:
    """SPC-5: INVALID FIELD IN CDB, not an invalid operation code."""
    assert await sense_of(unit, bytes.fromhex("a31f")) == "05/24/00 cdb[1].4"


async def test_an_unknown_operation_code(unit: PlainUnit) -> None:
    assert await sense_of(unit, b"\xff") == "05/20/00"
