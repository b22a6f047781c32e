"""Mode pages of sequential-access devices, their header byte and block descriptor (SSC-5)."""

from collections.abc import Sequence
from dataclasses import replace

from pyvtl.scsi.mode_page import ModePage, ModePages
from pyvtl.wire.layout import Annotated, Structure, bit, bits, octets


class DeviceSpecific(Structure, size=1):
    """The device-specific parameter of the mode parameter header (SSC-5 Mode parameters)."""

    write_protected: Annotated[bool, bit(0, 7)] = False
    buffered_mode: Annotated[int, bits(0, 6, 4)] = 1
    speed: Annotated[int, bits(0, 3, 0)] = 0


class BlockDescriptor(Structure, size=8):
    """General mode parameter block descriptor (SSC-5 Mode parameters)."""

    density_code: Annotated[int, octets(0, 0)] = 0
    number_of_blocks: Annotated[int, octets(1, 3)] = 0
    block_length: Annotated[int, octets(5, 7)] = 0


class ReadWriteErrorRecovery(ModePage, code=0x01, size=12):
    """SSC-5 Read-Write Error Recovery mode page; nothing is retried, so all is zero."""


class DataCompression(ModePage, code=0x0F, size=16, changeable="dce"):
    """SSC-5 Data Compression mode page: DCE switches it, DCC says that there is any.

    DDE stays one: what is stored compressed is always given back decompressed.
    """

    dce: Annotated[bool, bit(2, 7)] = True
    dcc: Annotated[bool, bit(2, 6)] = True
    dde: Annotated[bool, bit(3, 7)] = True
    red: Annotated[int, bits(3, 6, 5)] = 0
    compression_algorithm: Annotated[int, octets(4, 7)] = 1
    decompression_algorithm: Annotated[int, octets(8, 11)] = 1


class DeviceConfiguration(ModePage, code=0x10, size=16, changeable="select_data_compression"):
    """SSC-5 Device Configuration mode page; LOIS says that LOCATE and READ POSITION work.

    SELECT DATA COMPRESSION ALGORITHM is a byte: 0 is none, 1 the default, and more is refused.
    """

    active_partition: Annotated[int, octets(3, 3)] = 0
    write_delay_time: Annotated[int, octets(6, 7)] = 0
    object_buffer_recovery: Annotated[bool, bit(8, 7)] = False
    logical_object_identifiers: Annotated[bool, bit(8, 6)] = True
    automatic_velocity_control: Annotated[bool, bit(8, 4)] = False
    report_early_warning: Annotated[bool, bit(8, 0)] = False
    enable_eod_generation: Annotated[bool, bit(10, 4)] = True
    synchronize_at_early_warning: Annotated[bool, bit(10, 3)] = False
    foreign_compression: Annotated[int, bits(14, 7, 1)] = 0
    select_data_compression: Annotated[bool, bit(14, 0)] = True


def select_pages(modes: ModePages, selected: Sequence[ModePage]) -> None:
    """Put pages in force.  Two of them show the same switch: the one that changes it decides."""
    before = modes.current(DataCompression).dce
    modes.select(selected)
    dce = modes.current(DataCompression).dce
    algorithm = modes.current(DeviceConfiguration).select_data_compression
    changed = dce != before or algorithm != before
    after = before != changed
    modes.select(
        [
            replace(modes.current(DataCompression), dce=after),
            replace(modes.current(DeviceConfiguration), select_data_compression=after),
        ]
    )
