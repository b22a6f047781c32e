"""REPORT DENSITY SUPPORT (SSC-5): which recording formats the drive, or its tape, takes."""

from dataclasses import replace
from typing import Final

from pyvtl.device.drive.settings import Density
from pyvtl.device.drive.state import DriveState
from pyvtl.scsi.cdb import Annotated, Cdb, bit, octets
from pyvtl.scsi.sense import invalid_field
from pyvtl.scsi.task import Task
from pyvtl.wire.layout import Structure
from pyvtl.wire.text import left_aligned

MEGABYTE: Final = 10**6


class ReportDensitySupport(Cdb, opcode=0x44, size=10):
    """SSC-5 REPORT DENSITY SUPPORT."""

    medium_type: Annotated[bool, bit(1, 1)] = False
    media: Annotated[bool, bit(1, 0)] = False
    allocation_length: Annotated[int, octets(7, 8)] = 0


class DensityHeader(Structure, size=4):
    """REPORT DENSITY SUPPORT header; the length does not count itself."""

    available_length: Annotated[int, octets(0, 1)]


class DensityDescriptor(Structure, size=52):
    """Density support data block descriptor (SSC-5 REPORT DENSITY SUPPORT)."""

    primary_density_code: Annotated[int, octets(0, 0)]
    secondary_density_code: Annotated[int, octets(1, 1)]
    writable: Annotated[bool, bit(2, 7)] = True
    duplicate: Annotated[bool, bit(2, 6)] = False
    default: Annotated[bool, bit(2, 5)] = True
    bits_per_mm: Annotated[int, octets(5, 7)]
    media_width: Annotated[int, octets(8, 9)]
    tracks: Annotated[int, octets(10, 11)]
    capacity: Annotated[int, octets(12, 15)]
    organization: Annotated[bytes, octets(16, 23)]
    name: Annotated[bytes, octets(24, 31)]
    description: Annotated[bytes, octets(32, 51)]


async def report_density_support(drive: DriveState, task: Task, cdb: ReportDensitySupport) -> None:
    """With MEDIA, of the tape that is loaded, with its own capacity."""
    if cdb.medium_type:
        raise invalid_field(cdb, "medium_type")
    densities = drive.settings.densities
    if cdb.media:
        drive.check_ready()
        capacity = drive.tape.capacity_bytes // MEGABYTE
        densities = (replace(densities[0], capacity=capacity),)
    body = b"".join(_describe(density).encode() for density in densities)
    header = DensityHeader(available_length=len(body) + 2)
    task.answer(header.encode() + body, cdb.allocation_length)


def _describe(density: Density) -> DensityDescriptor:
    return DensityDescriptor(
        primary_density_code=density.code,
        secondary_density_code=density.code,
        bits_per_mm=density.bits_per_mm,
        media_width=density.media_width,
        tracks=density.tracks,
        capacity=density.capacity,
        organization=left_aligned(density.organization, 8),
        name=left_aligned(density.name, 8),
        description=left_aligned(density.description, 20),
    )
