"""Log pages of a drive: what it has counted since it was started (SSC-5, SPC-5)."""

from collections.abc import Sequence
from typing import Final

from pyvtl.device.drive.state import DriveState
from pyvtl.scsi.log_page import TAPE_ALERT, LogPages, LogParameter, tape_alert

MEGABYTE: Final = 10**6
MEBIBYTE: Final = 1 << 20


def log_pages(drive: DriveState) -> LogPages:
    """Error counters, the device's statistics, TapeAlert and capacity, by page and subpage."""
    return {
        (0x02, 0): lambda: _error_counters(drive.written_bytes, drive.write_errors),
        (0x03, 0): lambda: _error_counters(drive.read_bytes, drive.read_errors),
        (0x0C, 0): lambda: _sequential_access(drive),
        (0x17, 0): lambda: _volume_statistics(drive),
        (TAPE_ALERT, 0): tape_alert,
        (0x31, 0): lambda: _tape_capacity(drive),
    }


def _parameter(code: int, value: int, size: int) -> LogParameter:
    return LogParameter(code, min(value, (1 << 8 * size) - 1).to_bytes(size, "big"))


def _error_counters(processed_bytes: int, errors: int) -> Sequence[LogParameter]:
    """SPC-5 Write Error Counters and Read Error Counters: none corrected, some perhaps not."""
    corrected = [_parameter(code, 0, 4) for code in range(5)]
    return [*corrected, _parameter(0x05, processed_bytes, 8), _parameter(0x06, errors, 4)]


def _sequential_access(drive: DriveState) -> Sequence[LogParameter]:
    """SSC-5 Sequential-Access Device log page: bytes to and from the host, and on the tape."""
    written, read = drive.written_bytes, drive.read_bytes
    values = [_parameter(code, n, 8) for code, n in enumerate((written, written, read, read))]
    return [*values, _parameter(0x0100, 0, 4)]


def _volume_statistics(drive: DriveState) -> Sequence[LogParameter]:
    """SSC-5 Volume Statistics log page, of the tape that is loaded; without one not valid."""
    if not drive.ready:
        return [_parameter(0x0000, 0, 1)]
    tape = drive.tape
    capacity = tape.capacity_bytes // MEGABYTE
    used = [end.byte // MEGABYTE for end in tape.data_ends]
    left = tape.capacity_bytes - sum(end.byte for end in tape.data_ends)
    return [
        _parameter(0x0000, 1, 1),
        _parameter(0x0001, drive.loads, 4),
        _parameter(0x0010, tape.written_bytes // MEGABYTE, 4),
        _parameter(0x0011, tape.read_bytes // MEGABYTE, 4),
        _parameter(0x0016, capacity, 4),
        LogParameter(0x0202, _by_partition([capacity] + [0] * (tape.partitions - 1))),
        LogParameter(0x0203, _by_partition(used)),
        LogParameter(0x0204, _by_partition([left // MEGABYTE] + [0] * (tape.partitions - 1))),
    ]


def _by_partition(values: Sequence[int]) -> bytes:
    """SSC-5 Partition record: length, reserved, partition number (2), value (4); 10^6 bytes."""
    return b"".join(
        bytes([7, 0]) + number.to_bytes(2, "big") + min(value, 0xFFFF_FFFE).to_bytes(4, "big")
        for number, value in enumerate(values)
    )


def _tape_capacity(drive: DriveState) -> Sequence[LogParameter]:
    """Tape Capacity log page of LTO drives: remaining and maximum, two partitions, in MiB."""
    if not drive.ready:
        return [_parameter(code, 0, 4) for code in range(1, 5)]
    tape = drive.tape
    left = tape.capacity_bytes - sum(end.byte for end in tape.data_ends)
    values = (left // MEBIBYTE, 0, tape.capacity_bytes // MEBIBYTE, 0)
    return [_parameter(code, value, 4) for code, value in enumerate(values, start=1)]
