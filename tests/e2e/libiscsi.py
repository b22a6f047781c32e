"""Debian's `iscsi-test-cu`, suite by suite: which ones apply to what, and what they must say."""

import asyncio
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "iscsi-test-cu"
SECONDS = 180
"""Time for one suite: those about resets sleep three seconds in each of several tests."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite of the program on one of our devices: how many of its tests pass.

    The others say that they skip, and `skips` says why that is right.
    """

    device: str
    name: str
    passed: int
    skipped: int = 0
    skips: str = ""

    def __str__(self) -> str:
        return f"{self.device}-{self.name}"


_VPD_OF_DISKS = "BlockLimits and MandatoryVPDSBC ask for VPD pages of disks"
_DISK_MODES = "Control-SWP is about disks, and Control-D_SENSE sends READ(16)"

SUITES = (
    Suite("drive", "SCSI.Inquiry", 5, 2, _VPD_OF_DISKS),
    Suite("drive", "SCSI.ModeSense6", 3, 2, _DISK_MODES),
    Suite("drive", "SCSI.ReportSupportedOpcodes", 4),
    Suite("drive", "SCSI.Reserve6", 7),
    Suite("drive", "SCSI.TestUnitReady", 1),
    Suite("drive", "iSCSI.iSCSIcmdsn", 2),
    Suite("changer", "SCSI.Inquiry", 5, 2, _VPD_OF_DISKS),
    Suite("changer", "SCSI.ModeSense6", 3, 2, _DISK_MODES),
    Suite("changer", "SCSI.ReportSupportedOpcodes", 4),
    Suite("changer", "SCSI.Reserve6", 7),
    Suite("changer", "SCSI.TestUnitReady", 1),
    Suite("changer", "iSCSI.iSCSIcmdsn", 2),
    Suite("disk", "SCSI.Mandatory", 1),
    Suite("disk", "SCSI.ModeSense6", 5),
    Suite("disk", "SCSI.PreventAllow", 8),
    Suite("disk", "SCSI.Read6", 2),
    Suite("disk", "SCSI.Read10", 6),
    Suite("disk", "SCSI.Read12", 5),
    Suite("disk", "SCSI.Read16", 5),
    Suite("disk", "SCSI.ReadCapacity10", 1),
    Suite("disk", "SCSI.ReadCapacity16", 4),
    Suite("disk", "SCSI.StartStopUnit", 3),
    Suite("disk", "SCSI.Write10", 6),
    Suite("disk", "SCSI.Write12", 5),
    Suite("disk", "SCSI.Write16", 5),
    Suite("disk", "SCSI.WriteVerify10", 6),
    Suite("disk", "SCSI.WriteVerify12", 6),
    Suite("disk", "SCSI.WriteVerify16", 6),
    Suite("disk", "iSCSI.iSCSIResiduals", 10),
    Suite("disk", "iSCSI.iSCSITMF", 2),
    Suite("disk", "iSCSI.iSCSIcmdsn", 2),
    Suite("disk", "iSCSI.iSCSIdatasn", 1),
)
"""What is run.  The disk is in memory, on the layers that carry drive and changer."""

_NO_RESERVATION = "neither drive nor changer has persistent reservations"
_DISK_COMMAND = "a command of disks that not even the disk of the tests has"

LEFT_OUT = {
    "SCSI.CompareAndWrite": _DISK_COMMAND,
    "SCSI.ExtendedCopy": _DISK_COMMAND,
    "SCSI.GetLBAStatus": _DISK_COMMAND,
    "SCSI.MultipathIO": "needs one unit behind two portals of its choice",
    "SCSI.NoMedia": "sends many commands that the disk of the tests lacks",
    "SCSI.OrWrite": _DISK_COMMAND,
    "SCSI.Prefetch10": "34h is READ POSITION on a drive",
    "SCSI.Prefetch16": _DISK_COMMAND,
    "SCSI.PrinReadKeys": _NO_RESERVATION,
    "SCSI.PrinReportCapabilities": _NO_RESERVATION,
    "SCSI.PrinServiceactionRange": _NO_RESERVATION,
    "SCSI.ProutClear": _NO_RESERVATION,
    "SCSI.ProutPreempt": _NO_RESERVATION,
    "SCSI.ProutRegister": _NO_RESERVATION,
    "SCSI.ProutReserve": _NO_RESERVATION,
    "SCSI.ReadDefectData10": "37h is another command on a changer, and a drive has none",
    "SCSI.ReadDefectData12": _DISK_COMMAND,
    "SCSI.ReadOnly": "needs a write-protected disk",
    "SCSI.ReceiveCopyResults": _DISK_COMMAND,
    "SCSI.Sanitize": _DISK_COMMAND,
    "SCSI.Unmap": _DISK_COMMAND,
    "SCSI.Verify10": _DISK_COMMAND,
    "SCSI.Verify12": _DISK_COMMAND,
    "SCSI.Verify16": _DISK_COMMAND,
    "SCSI.WriteAtomic16": _DISK_COMMAND,
    "SCSI.WriteSame10": _DISK_COMMAND,
    "SCSI.WriteSame16": _DISK_COMMAND,
}
"""What is run on nothing, and why."""

LEFT_OUT_HERE = {
    ("drive", "SCSI.Read6"): "08h takes a count on a drive, not an address",
    ("drive", "SCSI.StartStopUnit"): "1Bh is LOAD UNLOAD: the bits of START and LOEJ differ",
    ("drive", "iSCSI.iSCSIResiduals"): "reads blocks by address",
    ("changer", "SCSI.StartStopUnit"): "a changer has no such command",
    ("changer", "iSCSI.iSCSIResiduals"): "reads blocks by address",
    ("disk", "SCSI.Inquiry"): "the disk of the tests has no VPD page B0h",
}
"""What is run on one device and not on another, and why."""


def build_shim(folder: Path) -> Path:
    """Compile what makes the program start on a unit that is no disk."""
    shim = folder / "disk_shim.so"
    source = Path(__file__).with_name("disk_shim.c")
    subprocess.run(
        ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", shim, source, "-ldl"], check=True
    )
    return shim


def all_suites() -> set[str]:
    """The suites that the installed program has, as FAMILY.Suite."""
    listing = subprocess.run([PROGRAM, "-l"], capture_output=True, text=True, check=True).stdout
    return {name for name in listing.split() if re.fullmatch(r"i?SCSI\.\w+", name)}


async def run(suite: str, url: str, shim: Path | None) -> tuple[Counter[str], str]:
    """How many tests passed, failed and skipped, and all that the program wrote."""
    environment = dict(os.environ) | ({"LD_PRELOAD": str(shim)} if shim else {})
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "-d", "-v", "-t", suite, url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
    text = output.decode(errors="replace")
    return Counter(_verdicts(text)), text


def _verdicts(output: str) -> Iterable[str]:
    for test in re.split(r"^\s*Test: ", output, flags=re.MULTILINE)[1:]:
        end = re.search(r"passed|FAILED(?!\])", test)
        if end is None:
            yield "unfinished"
        elif end.group() == "FAILED":
            yield "failed"
        else:
            yield "skipped" if "[SKIPPED]" in test[: end.end()] else "passed"
