"""A guest that has logged in to a library: its device nodes, and `mtx` on its changer."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e.machine import Guest
from tests.serving import Server


@dataclass(frozen=True, slots=True)
class Host:
    """The guest, the library, and what the guest calls its devices."""

    guest: Guest
    service: Server
    targets: tuple[str, ...]
    changer: str

    def mtx(self, arguments: str) -> str:
        """What `mtx` on the changer prints."""
        return self.guest.must(f"mtx -f {self.changer} {arguments}")

    def tape(self, drive: int) -> str:
        """The device node of a drive, the first is 0, that rewinds when it is closed."""
        return self._node(drive, "lun-0")

    def nst(self, drive: int) -> str:
        """The device node of a drive that stays where it is."""
        return self._node(drive, "lun-0-nst")

    def sg(self, drive: int) -> str:
        """The generic device node of a drive."""
        name = self.tape(drive).removeprefix("/dev/")
        return (
            "/dev/" + self.guest.must(f"ls /sys/class/scsi_tape/{name}/device/scsi_generic").strip()
        )

    def _node(self, drive: int, suffix: str) -> str:
        target = self.targets[1 + drive]
        link = f"/dev/tape/by-path/ip-{portal(self.service)}-iscsi-{target}-{suffix}"
        return self.guest.must(f"readlink -e {link}").strip()

    def places(self) -> dict[str, str]:
        """Where `mtx status` sees each tape: barcode to element, as mtx names it."""
        full = re.compile(r"(?m)^\s*(.*? Element \d+).*:Full.*VolumeTag ?= ?(\S+)")
        return {barcode: place for place, barcode in full.findall(self.mtx("status"))}


def portal(service: Server) -> str:
    """Where a server listens, as iscsiadm takes it."""
    return f"127.0.0.1:{service.port}"


def listing(service: Server, *command: str) -> list[dict[str, Any]]:
    """The objects that a `pyvtl` command lists with --json."""
    listed: list[dict[str, Any]] = json.loads(service.run(*command, "--json"))
    return listed


def create_tapes(service: Server, prefix: str, count: int, size: str = "100GiB") -> list[str]:
    """Barcodes of new tapes."""
    wanted = ["--prefix", prefix, "--count", str(count), "--size", size]
    return [tape["barcode"] for tape in listing(service, "tape", "create", *wanted)]


def discover(guest: Guest, service: Server) -> list[str]:
    """The lines of a SendTargets discovery."""
    command = f"iscsiadm --mode discovery --type sendtargets --portal {portal(service)}"
    return guest.must(command).splitlines()


@contextmanager
def attached(guest: Guest, service: Server) -> Iterator[Host]:
    """Log in to every target, and out of all at the end."""
    targets = tuple(line.split()[1] for line in discover(guest, service))
    guest.must("iscsiadm --mode node --login", 120)
    try:
        guest.until(f"[ $(ls -d /dev/nst*[0-9] | wc -l) = {len(targets) - 1} ]")
        guest.must("udevadm settle")
        changer = guest.until("ls /sys/class/scsi_changer/*/device/scsi_generic").strip()
        yield Host(guest, service, targets, f"/dev/{changer}")
    finally:
        detach(guest)


def detach(guest: Guest) -> None:
    """Log out of everything and forget it."""
    guest.run("iscsiadm --mode node --logout; iscsiadm --mode node -o delete", 120)
