"""What the other examples share: a host with a changer and a drive, used by mtx, mt and tar.

Commands run here, or with `--on "ssh root@HOST"` on the host that is logged in to the library.
"""

import argparse
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

FULL = re.compile(
    r"(?P<kind>Data Transfer|Storage) Element (?P<number>\d+)(?P<door> IMPORT/EXPORT)?"
    r":Full.*VolumeTag ?= ?(?P<barcode>\S+)"
)
FREE = re.compile(r"Storage Element (?P<number>\d+)(?P<door> IMPORT/EXPORT)?:Empty")
RECORD = "--record-size=65536"


class JobError(Exception):
    """The job cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Host:
    """The device nodes; `number` is the drive's as mtx counts them, `drive` does not rewind."""

    changer: str
    drive: str
    number: int
    on: list[str]

    def run(self, *command: str) -> str:
        """What a command prints; JobError with what it complained of, if it fails."""
        line = [*self.on, shlex.join(command)] if self.on else list(command)
        done = subprocess.run(line, capture_output=True, text=True, check=False)  # noqa: S603 - its user's words
        if done.returncode:
            raise JobError(f"{shlex.join(command)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def mtx(self, *arguments: object) -> str:
        return self.run("mtx", "-f", self.changer, *map(str, arguments))

    def slot_of(self, barcode: str) -> tuple[int, bool]:
        """The slot of a tape, and whether it is an import/export slot."""
        for found in FULL.finditer(self.mtx("status")):
            if found["barcode"] == barcode:
                if found["kind"] != "Storage":
                    raise JobError(f"{barcode} is in drive {found['number']}: unload it first")
                return int(found["number"]), bool(found["door"])
        raise JobError(f"{barcode} is not in the library")

    def free_slot(self, *, door: bool) -> int:
        """The first empty slot, or import/export slot."""
        for found in FREE.finditer(self.mtx("status")):
            if bool(found["door"]) == door:
                return int(found["number"])
        raise JobError(f"all {'import/export ' if door else ''}slots are full")

    def put_away(self, barcode: str) -> int:
        """Move a tape from its import/export slot to a storage slot, unless it is in one."""
        slot, door = self.slot_of(barcode)
        if not door:
            return slot
        home = self.free_slot(door=False)
        self.mtx("transfer", slot, home)
        return home

    def load(self, barcode: str) -> int:
        """Put a tape into the drive, at its beginning; the slot that it came from."""
        slot, _ = self.slot_of(barcode)
        self.mtx("load", slot, self.number)
        self.run("mt", "-f", self.drive, "rewind")
        return slot

    def unload(self, slot: int) -> None:
        self.mtx("unload", slot, self.number)

    def eject(self) -> None:
        """Unload into an import/export slot: the tape goes to the archive."""
        self.unload(self.free_slot(door=True))

    def save(self, folder: str) -> None:
        """Write a folder from where the tape stands; what stood there and behind it is gone."""
        self.run("tar", "-cf", self.drive, RECORD, "-C", folder, ".")

    def restore(self, folder: str) -> None:
        """Read what `save` wrote into a folder, which is made if need be."""
        self.run("mkdir", "-p", folder)
        self.run("tar", "-xf", self.drive, RECORD, "-C", folder)


def options(description: str | None) -> argparse.ArgumentParser:
    """The options of all examples: the gateway and the devices."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--endpoint", required=True, help="the gateway's API, http://HOST:3261")
    parser.add_argument("--region", default="us-east-1", help="the gateway's; %(default)s")
    parser.add_argument("--changer", required=True, help="the changer's device, /dev/sg2")
    parser.add_argument("--drive", required=True, help="a drive's device, /dev/nst0")
    parser.add_argument("--number", type=int, default=0, help="the drive's number in mtx status")
    parser.add_argument("--on", default="", help='where mtx and tar run: "ssh root@HOST"; here')
    return parser


def host_of(given: argparse.Namespace) -> Host:
    return Host(given.changer, given.drive, given.number, shlex.split(given.on))


def client_of(given: argparse.Namespace) -> Any:
    """boto3's client; its keys are found as always (AWS_SHARED_CREDENTIALS_FILE and so on)."""
    return boto3.client("storagegateway", endpoint_url=given.endpoint, region_name=given.region)


def gateway_arn(client: Any) -> str:
    """The ARN of the gateway that answers."""
    gateways = client.list_gateways()["Gateways"]
    if not gateways:
        raise JobError("the gateway is deleted: activate it first")
    return str(gateways[0]["GatewayARN"])


def barcode_of(arn: str) -> str:
    return arn.rpartition("/")[2]


def wait_until(what: str, done: Callable[[], bool], seconds: float) -> None:
    """Ask once a second; JobError when the time is over."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise JobError(f"{what}: not within {seconds:.0f} s; it goes on without this script")
        time.sleep(1)


def run_job(job: Callable[[], None]) -> None:
    """Run it; what goes wrong is told in a line, with exit status 1."""
    try:
        job()
    except (JobError, ClientError, BotoCoreError, OSError) as error:
        sys.exit(f"error: {error}")
