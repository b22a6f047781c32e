"""The servers that are compared: pyvtl, tgt tuned for tape, and a sink that only acknowledges.

Each is a context manager that gives a `Peer`, whose `blank` puts blank tapes into the drives.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from benchmarks.programs import Programs
from benchmarks.scenarios import SERVER_CPU
from tests.initiator import Changer
from tests.initiator.devices import discover
from tests.ports import free_port, wait_for_port
from tests.serving import Server, serving

HOST: Final = "127.0.0.1"
DRIVE_ELEMENT: Final = 4

TGT_NAME: Final = "iqn.2026-01.example:tape"
TGT_KEYS: Final = {
    "HeaderDigest": "CRC32C,None",
    "DataDigest": "CRC32C,None",
    "MaxRecvDataSegmentLength": "262144",
    "MaxXmitDataSegmentLength": "262144",
    "FirstBurstLength": "262144",
    "MaxBurstLength": "1048576",
    "InitialR2T": "No",
}
"""As a careful administrator would tune it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a server is started for."""

    parent: Path
    """A folder on the file system that is measured."""
    programs: Programs
    drives: int
    tapes: int
    """How often `blank` will be asked for tapes of all drives, at most."""
    tape_bytes: int
    environment: Mapping[str, str] = field(default_factory=dict)


class Peer(Protocol):
    """A running server."""

    @property
    def name(self) -> str:
        """As tables have it."""
        ...

    @property
    def pid(self) -> int:
        """Of the process whose processor time and memory count."""
        ...

    @property
    def keeps_data(self) -> bool:
        """Whether it gives back what was written; else it gives zeros."""
        ...

    @property
    def dedups(self) -> bool:
        """Whether writing the same again is another thing than writing."""
        ...

    def blank(self) -> Sequence[str]:
        """Put a blank tape into each drive; iSCSI URLs of the drives."""
        ...


@contextmanager
def on_cpu(cpu: int | None) -> Iterator[None]:
    """Processes that are started meanwhile run on that processor only; None: on any."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if cpu is None else {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder on the file system that is measured, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process whose output goes to a file; killed at the end, as tgtd ignores SIGTERM."""
    with log.open("wb") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


@dataclass(slots=True)
class Pyvtl:
    """`pyvtl serve`, with the tapes that were not used yet in `unused`."""

    server: Server
    drives: int
    unused: list[str] = field(default_factory=list)
    name: str = "pyvtl"
    keeps_data: bool = True
    dedups: bool = True

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.server.pid

    def blank(self) -> Sequence[str]:
        """Move the tapes in the drives back, which closes them, and others there."""
        return self.load([self.unused.pop() for _ in range(self.drives)])

    def load(self, barcodes: Sequence[str]) -> Sequence[str]:
        """Have these tapes in the first drives."""
        names = sorted(discover(HOST, self.server.port))
        (changer_name,) = (name for name in names if name.endswith("mediachanger"))
        with Changer(HOST, self.server.port, changer_name) as changer:
            elements = changer.elements()
            drives = [element for element in elements if element.type == DRIVE_ELEMENT]
            at = {element.barcode: element.address for element in elements if element.full}
            for drive, barcode in zip(drives, barcodes, strict=False):
                if drive.barcode == barcode:
                    continue
                if drive.full and drive.source is not None:
                    changer.must_move(drive.address, drive.source)
                changer.must_move(at[barcode], drive.address)
        drive_names = [name for name in names if "tapedrive" in name]
        place = f"iscsi://{HOST}:{self.server.port}"
        return [f"{place}/{name}/0" for name in drive_names[: len(barcodes)]]


@contextmanager
def pyvtl(setting: Setting) -> Iterator[Pyvtl]:
    """`pyvtl serve` with its usual settings."""
    with scratch(setting.parent) as folder, pyvtl_on(setting, folder / "data") as peer:
        count = setting.drives * setting.tapes
        size = f"{(setting.tape_bytes >> 20) + 1}MiB"
        create = ["tape", "create", "--prefix", "BENCH", "--count", str(count), "--size", size]
        peer.server.run(*create)
        tapes = json.loads(peer.server.run("tape", "list", "--json"))
        peer.unused = [tape["barcode"] for tape in tapes]
        yield peer


@contextmanager
def pyvtl_on(setting: Setting, data_dir: Path) -> Iterator[Pyvtl]:
    """`pyvtl serve` on a data folder."""
    with ExitStack() as stack:
        with on_cpu(SERVER_CPU):
            server = stack.enter_context(serving(data_dir, environment=setting.environment))
        yield Pyvtl(server, setting.drives)


@dataclass(slots=True)
class Tgt:
    """A running tgtd; every tape is a target of its own, on a file of its own."""

    pid: int
    port: int
    admin: tuple[str, ...]
    folder: Path
    setting: Setting
    made: int = 0
    name: str = "tgt"
    keeps_data: bool = True
    dedups: bool = False

    def blank(self) -> Sequence[str]:
        """Make targets with new tapes; those before stay as they are."""
        return [self._new() for _ in range(self.setting.drives)]

    def _new(self) -> str:
        self.made += 1
        name, file = f"{TGT_NAME}{self.made}", self.folder / f"tape{self.made}"
        size, target = str(self.setting.tape_bytes >> 20), ("--mode", "target")
        tid = ("--tid", str(self.made))
        image = ["tgtimg", "--op", "new", "--device-type", "tape", "--barcode", f"T{self.made:07}"]
        _run(*image, "--size", size, "--type", "data", "--thin-provisioning", "--file", str(file))
        self._admin("new", *target, *tid, "-T", name)
        unit = ("--mode", "logicalunit", *tid, "--lun", "1", "--device-type", "tape")
        self._admin("new", *unit, "-b", str(file))
        for key, value in TGT_KEYS.items():
            self._admin("update", *target, *tid, "-n", key, "-v", value)
        self._admin("bind", *target, *tid, "-I", "ALL")
        return f"iscsi://{HOST}:{self.port}/{name}/1"

    def _admin(self, operation: str, *arguments: str) -> None:
        _run(*self.admin, "--op", operation, *arguments)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def tgt(setting: Setting) -> Iterator[Tgt]:
    """Debian's tgtd, tuned as an administrator would."""
    port = free_port()
    control = ("-C", str(port % 32_000))  # a signed 16-bit number
    command = ["tgtd", "-f", *control, "--iscsi", f"portal={HOST}:{port}"]
    with ExitStack() as stack:
        folder = stack.enter_context(scratch(setting.parent))
        with on_cpu(SERVER_CPU):
            running = stack.enter_context(process(command, folder / "tgtd.log"))
        wait_for_port(port)
        admin = ("tgtadm", *control, "--lld", "iscsi")
        yield Tgt(running.pid, port, admin, folder, setting)


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink: every connection is a blank tape."""

    pid: int
    port: int
    drives: int
    name: str = "sink"
    keeps_data: bool = False
    dedups: bool = False

    def blank(self) -> Sequence[str]:
        """Any name will do."""
        return [f"iscsi://{HOST}:{self.port}/{TGT_NAME}/0"] * self.drives


@contextmanager
def sink(setting: Setting) -> Iterator[Sink]:
    """The target that only acknowledges."""
    port = free_port()
    command = [str(setting.programs.sink), str(port)]
    with ExitStack() as stack:
        folder = stack.enter_context(scratch(setting.parent))
        with on_cpu(SERVER_CPU):
            running = stack.enter_context(process(command, folder / "sink.log"))
        wait_for_port(port)
        yield Sink(running.pid, port, setting.drives)


Start = Callable[[Setting], AbstractContextManager[Peer]]
SERVERS: Final[dict[str, Start]] = {"pyvtl": pyvtl, "tgt": tgt, "sink": sink}


def settle(seconds: float = 0.2) -> None:
    """Flush what earlier runs left to be written, so that no run pays for another."""
    os.sync()
    time.sleep(seconds)
