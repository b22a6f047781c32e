"""Logical units: one command at a time, with the conditions that come before it (SAM-5, SPC-5)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.attention import UnitAttentions
from pyvtl.scsi.command import Command, CommandTable, Needs
from pyvtl.scsi.identity import DeviceType, Identity, Version
from pyvtl.scsi.log_page import LogPages
from pyvtl.scsi.mode_page import Control, ModePage, ModePages, ModeParameters
from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.sense import CheckCondition, FieldPointer, Sense, SenseKey
from pyvtl.scsi.task import Status, Task

NACA = 0x04


class LogicalUnit:
    """What the transport may ask of a device; the drive and the changer derive from it.

    The transport runs one task at a time (`execute`) and in the order in which they came.
    `execute` never raises but TaskAborted and cancellation: every end of a command is in the
    task's status and sense.  All other methods return at once.
    """

    COMMANDS: ClassVar[CommandTable]
    DEVICE_TYPE: ClassVar[DeviceType]
    REMOVABLE: ClassVar[bool] = True
    VERSIONS: ClassVar[Sequence[Version]] = (Version.SAM_5, Version.ISCSI, Version.SPC_4)
    VPD_PAGES: Mapping[int, Callable[[Any, Nexus], bytes]]

    def __init__(self, identity: Identity, mode_pages: Sequence[ModePage] = (Control(),)) -> None:
        """`mode_pages` are the pages with their default values, Control among them."""
        self.identity = identity
        self.mode_pages = ModePages(*mode_pages)
        self.luns: Sequence[int] = (0,)
        self.attentions = UnitAttentions()
        self.reserved_by: Nexus | None = None
        self.removal_prevented_by: set[Nexus] = set()

    # What a device adds

    def check(self, needs: Needs) -> None:
        """Raise CheckCondition unless all of `needs` holds."""

    def take_deferred_error(self, nexus: Nexus) -> Sense | None:
        """A failure of an earlier command that `nexus` has yet to be told of, once."""
        return None

    def inquiry_data(self, standard: bytes) -> bytes:
        """Standard INQUIRY data as this product has it, from that which all units have."""
        return standard

    def mode_parameters(self) -> ModeParameters:
        """Header and block descriptor of MODE SENSE as they are now."""
        return ModeParameters()

    def select_mode(self, parameters: ModeParameters, pages: Sequence[ModePage]) -> None:
        """Put checked mode pages in force; a device refuses values by CheckCondition, or adds.

        Nothing may be changed before all is accepted.  `parameters` are as the initiator sent
        them: a device without settings there passes over them, as it does here.
        """
        self.mode_pages.select(pages)

    def log_pages(self) -> LogPages:
        """Log parameters by page code and subpage; page 00h is made from the keys."""
        return {}

    def reset_log_parameters(self, page_code: int, subpage: int) -> None:
        """LOG SELECT with PCR: set to zero what may be; page 00h stands for all pages."""

    # What the transport calls

    async def execute(self, task: Task) -> None:
        """Run one command; its end is in `task.status`, `task.sense` and `task.data_in`."""
        try:
            row, cdb = self.COMMANDS.decode(task.cdb)
            if self._admits(task, row):
                await row.handler(self, task, cdb)
        except CheckCondition as condition:
            task.status = Status.CHECK_CONDITION
            task.sense = self.encode_sense(condition.sense)

    def establish(self, nexus: Nexus) -> None:
        """A session began.  A nexus not seen since the start is told of the power on: 29/00."""
        if nexus not in self.attentions:
            self.attentions.post(nexus, Asc.POWER_ON_RESET_OR_BUS_DEVICE_RESET_OCCURRED)
        self.attentions.begin_session(nexus)

    def lose(self, nexus: Nexus) -> None:
        """A session ended: what it reserved or prevented is so no longer (SAM-5 I_T nexus loss)."""
        self.attentions.end_session(nexus)
        self.removal_prevented_by.discard(nexus)
        if self.reserved_by == nexus:
            self.reserved_by = None

    def reset(self) -> None:
        """LOGICAL UNIT RESET, or a reset of the target (SAM-5 Logical unit reset)."""
        self.reserved_by = None
        self.removal_prevented_by.clear()
        self.mode_pages.reset()
        self.attentions.replace_all(Asc.BUS_DEVICE_RESET_FUNCTION_OCCURRED)

    # Shared by handlers

    def encode_sense(self, sense: Sense) -> bytes:
        """In the format that D_SENSE of the Control mode page chose."""
        descriptor = self.mode_pages.current(Control).descriptor_sense
        return sense.encode_descriptor() if descriptor else sense.encode_fixed()

    def reserved_for_another(self, nexus: Nexus) -> bool:
        """Whether a reservation of another nexus stands (SPC-2 Reservations)."""
        return self.reserved_by not in (None, nexus)

    def _admits(self, task: Task, row: Command) -> bool:
        """Whether no reservation stands in the way; other obstacles raise CheckCondition."""
        if row.heeds_reservations and self.reserved_for_another(task.nexus):
            task.status = Status.RESERVATION_CONFLICT
            return False
        if row.heeds_unit_attentions:
            attention = self.attentions.take(task.nexus)
            if attention is not None:
                raise CheckCondition(Sense(SenseKey.UNIT_ATTENTION, attention))
        if row.heeds_deferred_errors:
            deferred = self.take_deferred_error(task.nexus)
            if deferred is not None:
                raise CheckCondition(deferred)
        control = row.cdb.SIZE - 1
        if task.cdb[control] & NACA:
            pointer = FieldPointer(byte=control, bit=2, in_cdb=True)
            raise CheckCondition(
                Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB, field=pointer)
            )
        if row.needs is not Needs.NOTHING:
            self.check(row.needs)
        return True
