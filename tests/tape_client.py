"""What tests of the drive are built from: cartridges, drives, and conditions as values."""

import asyncio
import threading

from pyvtl.device.drive.drive import TapeDrive
from pyvtl.device.memory import MemoryPool
from pyvtl.device.profile import ult3580_td5
from pyvtl.media.medium import Filemark, Position, Record
from pyvtl.media.memory import MemoryMedium
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.sense import Asc, FixedSense, Sense, SenseKey
from pyvtl.scsi.task import Status, Task
from pyvtl.wire.layout import Buffer
from tests.scsi_client import ALICE, introduce, send

LARGE = 1 << 40


def tape(*objects: bytes | Filemark, capacity_bytes: int = LARGE) -> MemoryMedium:
    """A cartridge with these logical objects: bytes for a record, Filemark() for a mark."""
    medium = MemoryMedium(capacity_bytes=capacity_bytes)
    medium.start_writing(Position())
    medium.append([Record((o,), len(o)) if isinstance(o, bytes) else o for o in objects])
    medium.sync()
    return medium


def empty_drive(
    *nexuses: Nexus, memory: MemoryPool | None = None, early_warning_bytes: int = 1 << 26
) -> TapeDrive:
    """A drive with nothing in it; ALICE, or each nexus given, has a session."""
    drive = TapeDrive(
        ult3580_td5.identity("AB12CD34EF", bytes.fromhex("3001122334455667")),
        ult3580_td5.settings(early_warning_bytes=early_warning_bytes),
        memory or MemoryPool(),
    )
    introduce(drive, *(nexuses or (ALICE,)))
    return drive


def keep_busy(drive: TapeDrive) -> threading.Event:
    """Let the drive's thread do nothing else until the event is set."""
    go = threading.Event()
    drive.transport.post(go.wait, lambda _result, _error: None)
    return go


async def abort_while_it_runs(drive: TapeDrive, task: Task) -> None:
    """Task management marks a task that waits for the drive's thread."""
    go = keep_busy(drive)
    running = asyncio.create_task(drive.execute(task))
    await asyncio.sleep(0)
    task.aborted = True
    go.set()
    await running


async def end_of(
    drive: TapeDrive, cdb: Cdb | Buffer, data_out: Buffer = b"", nexus: Nexus = ALICE
) -> tuple[bytes, Sense | None]:
    """Data-in of a command, and its sense data as a value: None when it ended with GOOD."""
    task = await send(drive, cdb, data_out, nexus)
    data = b"".join(bytes(buffer) for buffer in task.data_in)
    if task.status == Status.GOOD:
        return data, None
    assert task.status == Status.CHECK_CONDITION, task.status
    return data, decoded(task.sense)


async def condition_of(
    drive: TapeDrive, cdb: Cdb | Buffer, data_out: Buffer = b"", nexus: Nexus = ALICE
) -> Sense:
    """The sense data of a command that must end with CHECK CONDITION."""
    _, sense = await end_of(drive, cdb, data_out, nexus)
    assert sense is not None, "the command ended with GOOD"
    return sense


def decoded(raw: bytes) -> Sense:
    """Fixed format sense data as a value, without field pointer; INFORMATION is signed."""
    sense = FixedSense.decode(raw)
    information = sense.information - (sense.information >> 31 << 32)
    return Sense(
        SenseKey(sense.sense_key),
        Asc(sense.asc),
        information=information if sense.valid else None,
        filemark=sense.filemark,
        end_of_medium=sense.end_of_medium,
        incorrect_length=sense.incorrect_length,
        deferred=sense.response_code == 0x71,
    )
