"""What a drive is between commands: the tape in it, its mode parameters, what it has to tell."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from pyvtl.device.drive.admission import AT_ONCE, Admission
from pyvtl.device.drive.gate import Gate
from pyvtl.device.drive.mode_pages import (
    BlockDescriptor,
    DataCompression,
    DeviceSpecific,
    select_pages,
)
from pyvtl.device.drive.settings import MAXIMUM_BLOCK_LENGTH, DriveSettings
from pyvtl.device.drive.tape import Tape
from pyvtl.device.drive.transport import Transport
from pyvtl.device.memory import MemoryPool
from pyvtl.media.medium import (
    AppendOnlyError,
    Attributes,
    DamagedError,
    Medium,
    MediumError,
    UnavailableError,
)
from pyvtl.scsi.asc import Asc
from pyvtl.scsi.command import Needs
from pyvtl.scsi.identity import DeviceType, Identity, Version
from pyvtl.scsi.mode_page import ModePage, ModeParameters
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.sense import CheckCondition, Sense, SenseKey, invalid_parameter
from pyvtl.scsi.task import Status, Task, TaskAborted
from pyvtl.scsi.unit import LogicalUnit

CURRENT_DENSITY, NO_CHANGE = 0x00, 0x7F
UNBUFFERED, BUFFERED = 0, 1


def sense_for(error: Exception) -> Sense:
    """What the initiator is told of a medium or a disk that fails.

    What is out of reach for now ends in ABORTED COMMAND, which says that the same command may be
    sent again (SPC-5 Sense key); neither medium nor drive are to be taken for broken.
    """
    if isinstance(error, UnavailableError):
        return Sense(SenseKey.ABORTED_COMMAND, Asc.LOGICAL_UNIT_COMMUNICATION_TIME_OUT)
    if isinstance(error, AppendOnlyError):
        return Sense(SenseKey.DATA_PROTECT, Asc.WORM_MEDIUM_OVERWRITE_ATTEMPTED)
    asc = Asc.UNRECOVERED_READ_ERROR if isinstance(error, DamagedError) else Asc.WRITE_ERROR
    return Sense(SenseKey.MEDIUM_ERROR, asc)


class DriveState(LogicalUnit):
    """State and conditions of a sequential-access device; `TapeDrive` adds the commands."""

    DEVICE_TYPE = DeviceType.TAPE
    VERSIONS = (Version.SAM_5, Version.ISCSI, Version.SPC_4, Version.SSC_4)

    def __init__(
        self,
        identity: Identity,
        settings: DriveSettings,
        memory: MemoryPool,
        admission: Admission = AT_ONCE,
    ) -> None:
        super().__init__(identity, settings.mode_pages)
        self.settings, self.admission = settings, admission
        self.block_length = settings.block_length
        self.buffered_mode = BUFFERED
        self.bay: Callable[[], Medium] | None = None
        self.barcode: str | None = None
        self.becoming_ready = self.refuses_tape = False
        self.transport = Transport(f"drive {identity.serial}")
        self.memory = memory
        self.account = memory.open_account()
        self.gate = Gate()
        self.loads = self.write_errors = self.read_errors = 0
        self._tape: Tape | None = None
        self._background: asyncio.Task[None] | None = None
        self._earlier_written_bytes = self._earlier_read_bytes = 0
        self._deferred: dict[Nexus, Sense] = {}
        self._untold_failure: Exception | None = None

    @property
    def tape(self) -> Tape:
        """The tape under the head; commands that need it say so in the table."""
        assert self._tape is not None, "the command table checks for a medium first"
        return self._tape

    @property
    def ready(self) -> bool:
        return self._tape is not None and not self.becoming_ready

    @property
    def written_bytes(self) -> int:
        """Record bytes accepted since the start."""
        return self._earlier_written_bytes + (self._tape.written_bytes if self._tape else 0)

    @property
    def read_bytes(self) -> int:
        """Record bytes read since the start."""
        return self._earlier_read_bytes + (self._tape.read_bytes if self._tape else 0)

    # What LogicalUnit asks of a device

    async def execute(self, task: Task) -> None:
        """As every unit does; never at the same time as a load or an unload by the library.

        What is aborted while it waits for its turn does not begin: it would reserve the drive for
        a nexus that is lost, or take a unit attention that it has no response for.
        """
        if not self.gate.enter():
            await self.gate.wait()
            if task.aborted:
                self.gate.leave()
                raise TaskAborted
        try:
            if self._background is not None and not self.becoming_ready:
                await self.settle()
                if task.aborted:
                    raise TaskAborted
            await super().execute(task)
        except (MediumError, OSError) as error:
            sense = self.deferred_error_of(task) or sense_for(error)
            task.status = Status.CHECK_CONDITION
            task.sense = self.encode_sense(sense)
        finally:
            self.gate.leave()

    def check(self, needs: Needs) -> None:
        tape = self._tape
        if tape is None or self.becoming_ready or self.refuses_tape:
            self.check_ready()
        elif tape.attributes.write_protected and Needs.WRITABLE in needs:
            raise CheckCondition(Sense(SenseKey.DATA_PROTECT, Asc.WRITE_PROTECTED))

    def check_ready(self) -> None:
        """Raise 02/04/01 while a tape is being loaded, 02/3A/00 when none is under the head.

        02/04/03 when there is one that a person has to see to first (SPC-5 ASC and ASCQ).
        """
        if self.becoming_ready:
            raise CheckCondition(
                Sense(SenseKey.NOT_READY, Asc.LOGICAL_UNIT_IS_IN_PROCESS_OF_BECOMING_READY)
            )
        if self._tape is None:
            raise CheckCondition(Sense(SenseKey.NOT_READY, Asc.MEDIUM_NOT_PRESENT))
        if self.refuses_tape:
            asc = Asc.LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED
            raise CheckCondition(Sense(SenseKey.NOT_READY, asc))

    def take_deferred_error(self, nexus: Nexus) -> Sense | None:
        tape = self._tape
        if tape is not None and tape.writer is not None and tape.writer.failure is not None:
            self.note_failure(tape)
        sense = self._deferred.pop(nexus, None) if self._deferred else None
        if sense is not None:
            self._untold_failure = None
        return sense

    def deferred_error_of(self, task: Task) -> Sense | None:
        """As `take_deferred_error`; an aborted task has no response that could tell it."""
        return None if task.aborted else self.take_deferred_error(task.nexus)

    def note_failure(self, tape: Tape) -> None:
        """Keep a deferred error for every nexus whose answered data is lost (SPC-5).

        The end of its session does not clear it: who comes back is told.
        """
        failure = tape.writer_failure
        nexuses = tape.report_failure()
        if failure is not None and nexuses:
            self.write_errors += 1
            self._untold_failure = failure
            sense = Sense(SenseKey.MEDIUM_ERROR, Asc.WRITE_ERROR, deferred=True)
            self._deferred.update((nexus, sense) for nexus in nexuses)

    def _defer(self, nexus: Nexus, error: Exception) -> None:
        """A command that was answered before its end has failed.

        Data that is lost with it stays untold until `nexus` comes for its sense data.
        """
        if self._tape is not None:
            self.note_failure(self._tape)
        if nexus not in self._deferred:
            sense = error.sense if isinstance(error, CheckCondition) else sense_for(error)
            self._deferred[nexus] = replace(sense, deferred=True)

    def reset(self) -> None:
        """Modes go back to their defaults; what was answered stays, and so does the position."""
        super().reset()
        self.block_length = self.settings.block_length
        self.buffered_mode = BUFFERED
        self._switch_compression()

    def raise_untold_failure(self) -> None:
        """Raise a failure to store answered data that nobody has been told of, once."""
        if self._tape is not None:
            self.note_failure(self._tape)
        failure, self._untold_failure = self._untold_failure, None
        if failure is not None:
            raise failure

    # What handlers share

    async def run(self, task: Task, action: Callable[[], Awaitable[Any]], *, immed: bool) -> None:
        """Wait for an action, or with IMMED let it go on after the answer."""
        if immed:
            self.start(action(), task.nexus)
        else:
            await action()

    def start(self, action: Awaitable[Any], nexus: Nexus) -> None:
        """Go on with an action in the background; the next command of any nexus waits for it."""

        async def background() -> None:
            try:
                await action
            except (CheckCondition, MediumError, OSError) as error:
                self._defer(nexus, error)

        self._background = asyncio.create_task(background())

    async def settle(self) -> None:
        """Wait for what goes on in the background."""
        while self._background is not None:
            background = self._background
            await asyncio.wait((background,))
            if self._background is background:
                self._background = None

    async def thread(self, but: Nexus | None = None) -> None:
        """Bring the tape of the cartridge under the head; all nexuses are told but one."""
        open_medium = self.bay
        assert open_medium is not None, "a cartridge is in the drive"
        self.becoming_ready = True
        try:
            self._tape = await self.transport.call(
                lambda: Tape(
                    open_medium(),
                    self.transport,
                    self.account,
                    self.settings.early_warning_bytes,
                    self.admission,
                )
            )
            self._switch_compression()
        finally:
            self.becoming_ready = False
        self.loads += 1
        self.attentions.post_all(Asc.NOT_READY_TO_READY_CHANGE_MEDIUM_MAY_HAVE_CHANGED, but=but)

    async def unthread(self) -> None:
        """Make all durable and let go of the tape; the cartridge stays in the drive.

        Raises MediumError: once also for lost data of a nexus that may never come to be told.
        """
        self.raise_untold_failure()
        tape = self.tape
        await tape.close()
        self._earlier_written_bytes += tape.written_bytes
        self._earlier_read_bytes += tape.read_bytes
        self._tape, self.refuses_tape = None, False

    # Mode parameters

    def mode_parameters(self) -> ModeParameters:
        attributes = self._tape.attributes if self._tape is not None else Attributes()
        specific = DeviceSpecific(
            write_protected=attributes.write_protected, buffered_mode=self.buffered_mode
        )
        descriptor = BlockDescriptor(block_length=self.block_length)
        return ModeParameters(
            medium_type=self.settings.worm_medium_type if attributes.worm else 0,
            device_specific=specific.encode()[0],
            block_descriptor=descriptor.encode(),
        )

    def select_mode(self, parameters: ModeParameters, pages: Sequence[ModePage]) -> None:
        """Take block length and buffered mode; density 00h, the only one, or 7Fh, no change."""
        specific = DeviceSpecific.decode(bytes([parameters.device_specific]))
        if specific.buffered_mode not in (UNBUFFERED, BUFFERED):
            raise invalid_parameter(specific, "buffered_mode", offset=2)
        if parameters.block_descriptor:
            descriptor = BlockDescriptor.decode(parameters.block_descriptor)
            self._check_descriptor(descriptor)
            self.block_length = descriptor.block_length
        self.buffered_mode = specific.buffered_mode
        select_pages(self.mode_pages, pages)
        self._switch_compression()

    def _switch_compression(self) -> None:
        if self._tape is not None:
            self._tape.compress(self.mode_pages.current(DataCompression).dce)

    def _check_descriptor(self, descriptor: BlockDescriptor) -> None:
        known = {CURRENT_DENSITY, NO_CHANGE, *(d.code for d in self.settings.densities)}
        if descriptor.density_code not in known:
            raise invalid_parameter(descriptor, "density_code", offset=4)
        if descriptor.block_length > MAXIMUM_BLOCK_LENGTH:
            raise invalid_parameter(descriptor, "block_length", offset=4)
