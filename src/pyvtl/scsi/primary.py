"""CDBs of the commands that all devices take (SPC-5; RESERVE and RELEASE are SPC-2)."""

from pyvtl.scsi.cdb import Annotated, Cdb, bit, bits, octets


class TestUnitReady(Cdb, opcode=0x00, size=6):
    """SPC-5 TEST UNIT READY."""


class RequestSense(Cdb, opcode=0x03, size=6):
    """SPC-5 REQUEST SENSE."""

    desc: Annotated[bool, bit(1, 0)] = False
    allocation_length: Annotated[int, octets(4, 4)] = 0


class Inquiry(Cdb, opcode=0x12, size=6):
    """SPC-5 INQUIRY; CMDDT is obsolete and refused."""

    cmddt: Annotated[bool, bit(1, 1)] = False
    evpd: Annotated[bool, bit(1, 0)] = False
    page_code: Annotated[int, octets(2, 2)] = 0
    allocation_length: Annotated[int, octets(3, 4)] = 0


class ModeSelect6(Cdb, opcode=0x15, size=6):
    """SPC-5 MODE SELECT(6)."""

    pf: Annotated[bool, bit(1, 4)] = False
    sp: Annotated[bool, bit(1, 0)] = False
    parameter_list_length: Annotated[int, octets(4, 4)] = 0


class ModeSelect10(Cdb, opcode=0x55, size=10):
    """SPC-5 MODE SELECT(10)."""

    pf: Annotated[bool, bit(1, 4)] = False
    sp: Annotated[bool, bit(1, 0)] = False
    parameter_list_length: Annotated[int, octets(7, 8)] = 0


class ModeSense6(Cdb, opcode=0x1A, size=6):
    """SPC-5 MODE SENSE(6)."""

    dbd: Annotated[bool, bit(1, 3)] = False
    page_control: Annotated[int, bits(2, 7, 6)] = 0
    page_code: Annotated[int, bits(2, 5, 0)] = 0
    subpage_code: Annotated[int, octets(3, 3)] = 0
    allocation_length: Annotated[int, octets(4, 4)] = 0


class ModeSense10(Cdb, opcode=0x5A, size=10):
    """SPC-5 MODE SENSE(10); LLBAA is accepted, and block descriptors are short all the same."""

    llbaa: Annotated[bool, bit(1, 4)] = False
    dbd: Annotated[bool, bit(1, 3)] = False
    page_control: Annotated[int, bits(2, 7, 6)] = 0
    page_code: Annotated[int, bits(2, 5, 0)] = 0
    subpage_code: Annotated[int, octets(3, 3)] = 0
    allocation_length: Annotated[int, octets(7, 8)] = 0


class Reserve6(Cdb, opcode=0x16, size=6):
    """SPC-2 RESERVE(6)."""

    third_party: Annotated[bool, bit(1, 4)] = False
    extent: Annotated[bool, bit(1, 0)] = False


class Release6(Cdb, opcode=0x17, size=6):
    """SPC-2 RELEASE(6)."""

    third_party: Annotated[bool, bit(1, 4)] = False
    extent: Annotated[bool, bit(1, 0)] = False


class Reserve10(Cdb, opcode=0x56, size=10):
    """SPC-2 RESERVE(10)."""

    third_party: Annotated[bool, bit(1, 4)] = False
    long_id: Annotated[bool, bit(1, 1)] = False
    extent: Annotated[bool, bit(1, 0)] = False


class Release10(Cdb, opcode=0x57, size=10):
    """SPC-2 RELEASE(10)."""

    third_party: Annotated[bool, bit(1, 4)] = False
    long_id: Annotated[bool, bit(1, 1)] = False
    extent: Annotated[bool, bit(1, 0)] = False


class SendDiagnostic(Cdb, opcode=0x1D, size=6):
    """SPC-5 SEND DIAGNOSTIC."""

    self_test_code: Annotated[int, bits(1, 7, 5)] = 0
    pf: Annotated[bool, bit(1, 4)] = False
    self_test: Annotated[bool, bit(1, 2)] = False
    device_offline: Annotated[bool, bit(1, 1)] = False
    unit_offline: Annotated[bool, bit(1, 0)] = False
    parameter_list_length: Annotated[int, octets(3, 4)] = 0


class PreventAllowMediumRemoval(Cdb, opcode=0x1E, size=6):
    """SPC-4 PREVENT ALLOW MEDIUM REMOVAL."""

    prevent: Annotated[int, bits(4, 1, 0)] = 0


class LogSelect(Cdb, opcode=0x4C, size=10):
    """SPC-5 LOG SELECT."""

    pcr: Annotated[bool, bit(1, 1)] = False
    sp: Annotated[bool, bit(1, 0)] = False
    page_control: Annotated[int, bits(2, 7, 6)] = 0
    page_code: Annotated[int, bits(2, 5, 0)] = 0
    subpage_code: Annotated[int, octets(3, 3)] = 0
    parameter_list_length: Annotated[int, octets(7, 8)] = 0


class LogSense(Cdb, opcode=0x4D, size=10):
    """SPC-5 LOG SENSE."""

    sp: Annotated[bool, bit(1, 0)] = False
    page_control: Annotated[int, bits(2, 7, 6)] = 0
    page_code: Annotated[int, bits(2, 5, 0)] = 0
    subpage_code: Annotated[int, octets(3, 3)] = 0
    parameter_pointer: Annotated[int, octets(5, 6)] = 0
    allocation_length: Annotated[int, octets(7, 8)] = 0


class ReportLuns(Cdb, opcode=0xA0, size=12):
    """SPC-5 REPORT LUNS."""

    select_report: Annotated[int, octets(2, 2)] = 0
    allocation_length: Annotated[int, octets(6, 9)] = 0


class ReportSupportedOperationCodes(Cdb, opcode=0xA3, service_action=0x0C, size=12):
    """SPC-5 REPORT SUPPORTED OPERATION CODES."""

    rctd: Annotated[bool, bit(2, 7)] = False
    reporting_options: Annotated[int, bits(2, 2, 0)] = 0
    requested_operation_code: Annotated[int, octets(3, 3)] = 0
    requested_service_action: Annotated[int, octets(4, 5)] = 0
    allocation_length: Annotated[int, octets(6, 9)] = 0
