"""A guest with Debian's own Linux kernel as the initiator, in QEMU, under pure software emulation.

`st`, `sg`, `ch` and `iscsi_tcp` are modules that few test machines can load, so a small machine
is booted that has them: four seconds from power-on to the first command. A test drives it by
`guest.run("mtx -f … status")`. The guest's 127.0.0.1 is the host's.
"""

import base64
import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent / "guest"

# One processor: a second one makes emulation slower. Nehalem boots fastest and has SSE4.2.
MACHINE = ["-accel", "tcg", "-machine", "q35", "-cpu", "Nehalem-v1", "-smp", "1"]
BARE = ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
KERNEL_LINE = (
    "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr no_timer_check "
    "tsc=reliable random.trust_cpu=on"
)
NETWORK = ["-netdev", "user,id=net0,ipv6=off", "-device", "virtio-net-pci,netdev=net0,romfile="]


class GuestError(Exception):
    """The guest did not boot, died, did not answer in time, or a command failed in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command in the guest printed (standard error too) and its exit status."""

    command: str
    status: int
    output: str

    @property
    def lines(self) -> list[str]:
        """The output line by line, blanks at the ends taken off."""
        return [line.strip() for line in self.output.splitlines()]


def build_image() -> Path:
    """The folder of kernel and initramfs, built at the first call and cached by its inputs."""
    built = subprocess.run([HERE / "build"], check=True, stdout=subprocess.PIPE, text=True)
    return Path(built.stdout.strip())


class Guest:
    """A running guest; a context manager that boots it and switches it off."""

    def __init__(self, disk: Path, memory_mib: int = 640) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pyvtl-guest-"))
        self.console = self.folder / "console.log"
        self._command = self._qemu(build_image(), disk, memory_mib)
        self._shell = socket.socket(socket.AF_UNIX)
        self._monitor = socket.socket(socket.AF_UNIX)
        self._pending = b""

    def _qemu(self, image: Path, disk: Path, memory_mib: int) -> list[str]:
        shell = f"socket,id=shell,path={self.folder}/shell,server=on,wait=off"
        return [
            *("qemu-system-x86_64", *MACHINE, *BARE, *NETWORK, "-m", str(memory_mib)),
            *("-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd.cpio"),
            *("-append", KERNEL_LINE, "-serial", f"file:{self.console}"),
            *("-device", "virtio-serial-pci", "-chardev", shell),
            *("-device", "virtserialport,chardev=shell,name=shell"),
            *("-qmp", f"unix:{self.folder}/monitor,server=on,wait=off"),
            *("-drive", f"file={disk},if=virtio,format=raw,readonly=on"),
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        try:
            self._meet()
        except BaseException:
            self.close()
            raise
        return self

    def _meet(self) -> None:
        connect(self._shell, self.folder / "shell")
        connect(self._monitor, self.folder / "monitor")
        self._monitor_line()
        self._ask_monitor("qmp_capabilities")
        self._shell.settimeout(180)
        if self._line() != b"ready":
            raise GuestError("the guest said something else than ready")

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut the power: nothing in the guest is worth a shutdown."""
        self._process.kill()
        self._process.wait()
        self._shell.close()
        self._monitor.close()
        shutil.rmtree(self.folder)

    def run(self, command: str, seconds: float = 60) -> Outcome:
        """Run a shell script in the guest as root; GuestError when it does not end in time."""
        print(f"guest# {command}")
        self._shell.settimeout(seconds)
        self._shell.sendall(base64.b64encode(command.encode()) + b"\n")
        status, _, text = self._line().partition(b" ")
        outcome = Outcome(command, int(status), base64.b64decode(text).decode(errors="replace"))
        print(outcome.output, end="" if outcome.status == 0 else f"(exit {outcome.status})\n")
        return outcome

    def must(self, command: str, seconds: float = 60) -> str:
        """As `run`, for what has to succeed: its output, or GuestError."""
        outcome = self.run(command, seconds)
        if outcome.status:
            raise GuestError(f"{command}: exit {outcome.status}\n{outcome.output}")
        return outcome.output

    def until(self, command: str, seconds: float = 60) -> str:
        """Repeat a command until it succeeds: for device nodes and sessions that come by events."""
        deadline = time.monotonic() + seconds
        while (outcome := self.run(command)).status:
            if time.monotonic() > deadline:
                raise GuestError(f"{command}: never succeeded\n{outcome.output}")
            time.sleep(0.5)
        return outcome.output

    @contextlib.contextmanager
    def captured(self, file: Path) -> Iterator[None]:
        """Every frame that the guest sends or receives meanwhile goes to a pcap file."""
        props = {"qom-type": "filter-dump", "id": "dump0", "netdev": "net0", "file": str(file)}
        self._ask_monitor("object-add", props)
        try:
            yield
        finally:
            self._ask_monitor("object-del", {"id": "dump0"})

    def _ask_monitor(self, command: str, arguments: dict[str, str] | None = None) -> None:
        request = {"execute": command, "arguments": arguments or {}}
        self._monitor.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, object] = {}
        while "return" not in answer:
            answer = self._monitor_line()
            if "error" in answer:
                raise GuestError(f"{command}: {answer['error']}")

    def _monitor_line(self) -> dict[str, object]:
        line = b""
        self._monitor.settimeout(60)
        while not line.endswith(b"\n"):
            line += self._monitor.recv(1)
        parsed: dict[str, object] = json.loads(line)
        return parsed

    def _line(self) -> bytes:
        while b"\n" not in self._pending:
            try:
                got = self._shell.recv(1 << 16)
            except TimeoutError as error:
                raise GuestError(f"no answer in time\n{self._end_of_console()}") from error
            if not got:
                raise GuestError(f"the guest is gone\n{self._end_of_console()}")
            self._pending += got
        line, _, self._pending = self._pending.partition(b"\n")
        return line.strip()

    def _end_of_console(self) -> str:
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-40:])


def connect(to: socket.socket, path: Path, seconds: float = 60) -> None:
    """Connect to a socket that QEMU makes when it starts."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return to.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
