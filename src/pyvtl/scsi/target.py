"""Target devices: logical units by LUN (SAM-5 SCSI target device)."""

from collections.abc import Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.command import ALWAYS, Command, CommandTable, command
from pyvtl.scsi.identity import DeviceType
from pyvtl.scsi.inquiry import inquiry
from pyvtl.scsi.lun import report_luns
from pyvtl.scsi.primary import Inquiry, ReportLuns, RequestSense
from pyvtl.scsi.sense import Sense, SenseKey, illegal_request
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Buffer


class Target:
    """What stands behind one target port: logical units by number, LUN 0 always among them."""

    def __init__(self, units: Mapping[int, LogicalUnit]) -> None:
        self.units = dict(units)
        self._absent = AbsentUnit(self.units[0].identity)
        for unit in (*self.units.values(), self._absent):
            unit.luns = sorted(self.units)

    def unit_of(self, lun: int | None) -> LogicalUnit | None:
        """The unit whose task set a task for `lun` belongs to; None if there is no such unit."""
        return None if lun is None else self.units.get(lun)

    def execute(self, task: Task) -> Coroutine[Any, Any, None]:
        """Run one command in the unit that it names; a unit that is not there answers too."""
        return (self.unit_of(task.lun) or self._no_unit()).execute(task)

    def _no_unit(self) -> "AbsentUnit":
        """It looks like its neighbour, whose identity may have changed."""
        self._absent.identity = self.units[0].identity
        return self._absent


async def _request_sense(unit: LogicalUnit, task: Task, cdb: RequestSense) -> None:
    sense = Sense(SenseKey.ILLEGAL_REQUEST, Asc.LOGICAL_UNIT_NOT_SUPPORTED)
    data = sense.encode_descriptor() if cdb.desc else sense.encode_fixed()
    task.answer(data, cdb.allocation_length)


class _AbsentTable(CommandTable):
    """Three commands are answered; every other ends in 05/25/00."""

    def find(self, cdb: Buffer) -> Command:
        if cdb[0] not in (row.cdb.OPCODE for row in self):
            raise illegal_request(Asc.LOGICAL_UNIT_NOT_SUPPORTED)
        return super().find(cdb)


class AbsentUnit(LogicalUnit):
    """What answers for a LUN that is not there (SPC-5 Incorrect logical unit selection)."""

    DEVICE_TYPE = DeviceType.ABSENT
    VPD_PAGES = MappingProxyType({})
    COMMANDS = _AbsentTable(
        command(Inquiry, inquiry, ignores=ALWAYS),
        command(RequestSense, _request_sense, ignores=ALWAYS),
        command(ReportLuns, report_luns, ignores=ALWAYS),
    )
