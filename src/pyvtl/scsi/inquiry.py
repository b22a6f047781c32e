"""INQUIRY: standard data and vital product data (SPC-5)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pyvtl.scsi.nexus import Nexus
from pyvtl.scsi.primary import Inquiry
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.scsi.unit import LogicalUnit
from pyvtl.wire.layout import Annotated, Structure, bit, bits, octets
from pyvtl.wire.text import left_aligned

SPC_4 = 0x06
ISCSI = 0x5


class StandardInquiry(Structure, size=96):
    """SPC-5 Standard INQUIRY data; `peripheral` is qualifier and device type in one."""

    peripheral: Annotated[int, octets(0, 0)]
    removable: Annotated[bool, bit(1, 7)] = False
    version: Annotated[int, octets(2, 2)] = SPC_4
    response_data_format: Annotated[int, bits(3, 3, 0)] = 2
    additional_length: Annotated[int, octets(4, 4)] = 91
    command_queuing: Annotated[bool, bit(7, 1)] = True
    vendor: Annotated[bytes, octets(8, 15)]
    product: Annotated[bytes, octets(16, 31)]
    revision: Annotated[bytes, octets(32, 35)]
    version_descriptors: Annotated[bytes, octets(58, 73)] = bytes(16)


class VpdHeader(Structure, size=4):
    """SPC-5 Vital product data parameters: what every page starts with."""

    peripheral: Annotated[int, octets(0, 0)]
    page_code: Annotated[int, octets(1, 1)]
    page_length: Annotated[int, octets(2, 3)]


class DesignatorHeader(Structure, size=4):
    """SPC-5 Designation descriptor, without its designator."""

    protocol: Annotated[int, bits(0, 7, 4)] = 0
    code_set: Annotated[int, bits(0, 3, 0)]
    piv: Annotated[bool, bit(1, 7)] = False
    association: Annotated[int, bits(1, 5, 4)]
    designator_type: Annotated[int, bits(1, 3, 0)]
    length: Annotated[int, octets(3, 3)]


class ExtendedInquiry(Structure, size=60):
    """SPC-5 Extended INQUIRY Data VPD page, after its header; only simple tasks are claimed."""

    simple: Annotated[bool, bit(1, 0)] = True
    head_of_queue: Annotated[bool, bit(1, 1)] = True
    ordered: Annotated[bool, bit(1, 2)] = True


BINARY, ASCII, UTF_8 = 1, 2, 3
UNIT, PORT, DEVICE = 0, 1, 2
T10_VENDOR_ID, NAA, RELATIVE_PORT, SCSI_NAME = 1, 3, 4, 8


async def inquiry(unit: LogicalUnit, task: Task, cdb: Inquiry) -> None:
    """Standard data, or the VPD page asked for."""
    if cdb.cmddt:
        raise invalid_field(cdb, "cmddt")
    if cdb.evpd:
        data = vital_product_data(unit, task.nexus, cdb)
    elif cdb.page_code:
        raise invalid_field(cdb, "page_code")
    else:
        data = standard_data(unit)
    task.answer(data, cdb.allocation_length)


def standard_data(unit: LogicalUnit) -> bytes:
    """SPC-5 Standard INQUIRY data, 96 bytes long unless a product has another length."""
    identity = unit.identity
    data = StandardInquiry(
        peripheral=unit.DEVICE_TYPE,
        removable=unit.REMOVABLE,
        vendor=left_aligned(identity.vendor, 8),
        product=left_aligned(identity.product, 16),
        revision=left_aligned(identity.revision, 4),
        version_descriptors=b"".join(v.to_bytes(2, "big") for v in unit.VERSIONS).ljust(16, b"\0"),
    )
    return unit.inquiry_data(data.encode())


def vital_product_data(unit: LogicalUnit, nexus: Nexus, cdb: Inquiry) -> bytes:
    """One VPD page with its header; an unknown page code is pointed at."""
    give = unit.VPD_PAGES.get(cdb.page_code)
    if give is None:
        raise invalid_field(cdb, "page_code")
    body = give(unit, nexus)
    header = VpdHeader(peripheral=unit.DEVICE_TYPE, page_code=cdb.page_code, page_length=len(body))
    return header.encode() + body


def supported_pages(unit: LogicalUnit, nexus: Nexus) -> bytes:
    """SPC-5 Supported VPD Pages VPD page: the codes in ascending order."""
    return bytes(sorted(unit.VPD_PAGES))


def unit_serial_number(unit: LogicalUnit, nexus: Nexus) -> bytes:
    """SPC-5 Unit Serial Number VPD page."""
    return unit.identity.serial.encode("ascii")


def device_identification(unit: LogicalUnit, nexus: Nexus) -> bytes:
    """SPC-5 Device Identification VPD page.

    The logical unit by NAA and by T10 vendor ID, the target port by relative number and by
    SCSI name string, the target device by its iSCSI name.
    """
    device = nexus.target_port.partition(",")[0]
    return (
        _designator(BINARY, UNIT, NAA, unit.identity.naa)
        + _designator(ASCII, UNIT, T10_VENDOR_ID, unit.identity.t10)
        + _designator(BINARY, PORT, RELATIVE_PORT, bytes([0, 0, 0, 1]))
        + _designator(UTF_8, PORT, SCSI_NAME, _name_string(nexus.target_port))
        + _designator(UTF_8, DEVICE, SCSI_NAME, _name_string(device))
    )


def extended_inquiry(unit: LogicalUnit, nexus: Nexus) -> bytes:
    """SPC-5 Extended INQUIRY Data VPD page."""
    return ExtendedInquiry().encode()


PRIMARY_VPD_PAGES: Final[Mapping[int, Callable[[Any, Nexus], bytes]]] = {
    0x00: supported_pages,
    0x80: unit_serial_number,
    0x83: device_identification,
    0x86: extended_inquiry,
}


def _designator(code_set: int, association: int, designator_type: int, value: bytes) -> bytes:
    of_port = association != UNIT
    header = DesignatorHeader(
        protocol=ISCSI if of_port else 0,
        code_set=code_set,
        piv=of_port,
        association=association,
        designator_type=designator_type,
        length=len(value),
    )
    return header.encode() + value


def _name_string(name: str) -> bytes:
    """SPC-5 SCSI name string: UTF-8, ended by NUL, padded with NULs to a multiple of four."""
    raw = name.encode() + b"\0"
    return raw + bytes(-len(raw) % 4)
