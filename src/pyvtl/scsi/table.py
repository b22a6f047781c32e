"""The rows that every device's command table starts from (SPC-5, SPC-2 for reservations)."""

from typing import Final

from pyvtl.scsi.command import ALWAYS, Command, Ignores, Needs, command
from pyvtl.scsi.inquiry import inquiry
from pyvtl.scsi.log import log_select, log_sense
from pyvtl.scsi.lun import report_luns
from pyvtl.scsi.mode import mode_select_6, mode_select_10, mode_sense_6, mode_sense_10
from pyvtl.scsi.opcodes import report_supported_operation_codes
from pyvtl.scsi.primary import (
    Inquiry,
    LogSelect,
    LogSense,
    ModeSelect6,
    ModeSelect10,
    ModeSense6,
    ModeSense10,
    PreventAllowMediumRemoval,
    Release6,
    Release10,
    ReportLuns,
    ReportSupportedOperationCodes,
    RequestSense,
    Reserve6,
    Reserve10,
    SendDiagnostic,
    TestUnitReady,
)
from pyvtl.scsi.readiness import (
    prevent_allow_medium_removal,
    request_sense,
    send_diagnostic,
    test_unit_ready,
)
from pyvtl.scsi.reservation import release, reserve

PRIMARY_COMMANDS: Final[tuple[Command, ...]] = (
    command(TestUnitReady, test_unit_ready, Needs.MEDIUM),
    command(RequestSense, request_sense, ignores=ALWAYS),
    command(Inquiry, inquiry, ignores=ALWAYS),
    command(ModeSelect6, mode_select_6),
    command(ModeSelect10, mode_select_10),
    command(ModeSense6, mode_sense_6),
    command(ModeSense10, mode_sense_10),
    command(Reserve6, reserve),
    command(Reserve10, reserve),
    command(Release6, release, ignores=Ignores.RESERVATION),
    command(Release10, release, ignores=Ignores.RESERVATION),
    command(SendDiagnostic, send_diagnostic),
    command(PreventAllowMediumRemoval, prevent_allow_medium_removal, ignores=Ignores.RESERVATION),
    command(LogSelect, log_select),
    command(LogSense, log_sense, ignores=Ignores.RESERVATION),
    command(ReportLuns, report_luns, ignores=ALWAYS),
    command(
        ReportSupportedOperationCodes,
        report_supported_operation_codes,
        ignores=Ignores.RESERVATION,
    ),
)
