"""An initiator for tests: sends a CDB to a logical unit, and says what came back."""

from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.primary import TestUnitReady
from pyvtl.scsi.target import Target
from pyvtl.scsi.task import Given, Status, Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Buffer

ALICE = Nexus("iqn.2026-01.example:alice,i,0x00023d000001", "iqn.2026-01.example:vtl,t,0x0001")
BOB = Nexus("iqn.2026-01.example:bob,i,0x00023d000001", "iqn.2026-01.example:vtl,t,0x0001")

READY = TestUnitReady()
"""The command, under a name that pytest does not take for a class of tests."""


async def send(
    unit: LogicalUnit | Target,
    cdb: Cdb | Buffer,
    data_out: Buffer = b"",
    nexus: Nexus = ALICE,
    lun: int | None = 0,
) -> Task:
    """Run one command to its end, whatever that is."""
    raw = cdb.encode() if isinstance(cdb, Cdb) else cdb
    task = Task(nexus, bytes(raw).ljust(16, b"\0"), lun, data_out=Given(data_out))
    await unit.execute(task)
    return task


async def run(
    unit: LogicalUnit | Target,
    cdb: Cdb | Buffer,
    data_out: Buffer = b"",
    nexus: Nexus = ALICE,
    lun: int | None = 0,
) -> bytes:
    """The data-in of a command that must end with GOOD."""
    task = await send(unit, cdb, data_out, nexus, lun)
    assert (task.status, task.sense.hex()) == (Status.GOOD, "")
    return b"".join(bytes(buffer) for buffer in task.data_in)


async def sense_of(
    unit: LogicalUnit | Target,
    cdb: Cdb | Buffer,
    data_out: Buffer = b"",
    nexus: Nexus = ALICE,
    lun: int | None = 0,
) -> str:
    """Key, ASC and ASCQ as `05/24/00`, of a command that must end with CHECK CONDITION.

    A field pointer follows after a space: `05/24/00 cdb[1].3` or `05/26/00 data[4]`.
    """
    task = await send(unit, cdb, data_out, nexus, lun)
    assert task.status == Status.CHECK_CONDITION, task.status
    return describe(task.sense)


def describe(sense: bytes) -> str:
    """Fixed format sense data as `sense_of` writes it."""
    text = f"{sense[2] & 0xF:02x}/{sense[12]:02x}/{sense[13]:02x}"
    if sense[15] & 0x80:
        where = "cdb" if sense[15] & 0x40 else "data"
        bit = f".{sense[15] & 7}" if sense[15] & 0x08 else ""
        text += f" {where}[{int.from_bytes(sense[16:18], 'big')}]{bit}"
    return text


def introduce(unit: LogicalUnit, *nexuses: Nexus) -> None:
    """Begin a session for each nexus and take the power-on unit attention away."""
    for nexus in nexuses:
        unit.establish(nexus)
        while unit.attentions.take(nexus):
            pass
