"""The scripts of examples/ that use tapes, on a real kernel, with boto3, mtx and tar."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gateways import Served, gateway_on, make_bucket
from tests.e2e.guest_shell import shell_of
from tests.e2e.host import Host, attached, listing
from tests.e2e.machine import Guest
from tests.seaweed import Seaweed

ROOT = Path(__file__).parents[2]
FOLDERS = 2
SETS = ("AA", "BB", "CC", "DD")
SMALL = {"PYVTL_LIBRARY__SLOTS": "50", "PYVTL_LIBRARY__IMPORT_EXPORT_SLOTS": "50"}
"""`mtx status` tells of all slots, and takes its time for 3,200 in an emulated machine."""


@pytest.fixture(scope="module")
def gateways(
    s3_server: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, Served]]:
    folder = tmp_path_factory.mktemp("examples")
    bucket = make_bucket(s3_server, "examples")
    with (
        gateway_on(bucket, s3_server.url, folder / "one" / "data", **SMALL) as one,
        gateway_on(bucket, s3_server.url, folder / "two" / "data", **SMALL) as two,
    ):
        yield one, two


def run_example(
    host: Host, gateway: Served, shell: str, name: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """A script on this machine, whose mtx and tar run in the guest."""
    devices = ("--changer", host.changer, "--drive", host.nst(0))
    command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), "--endpoint"]
    command += [gateway.endpoint, *devices, "--on", shell, *arguments]
    environment = {**gateway.environment, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def done(process: subprocess.CompletedProcess[str]) -> list[str]:
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


def write_folders(guest: Guest, week: int) -> list[str]:
    """Folders with a file that no other week has."""
    folders = [f"/tmp/source/{number}" for number in range(FOLDERS)]
    for folder in folders:
        guest.must(f"mkdir -p {folder}; echo week {week} of {folder} >{folder}/file")
    return folders


def test_21_weekly_rotation(guest: Guest, gateways: tuple[Served, Served], tmp_path: Path) -> None:
    """Four sets of ten tapes; each restores what was last written to it, set 1 that of week 5."""
    gateway, _ = gateways
    written: dict[str, str] = {}
    with attached(guest, gateway.server) as host:
        for week in range(1, 6):
            folders = write_folders(guest, week)
            with shell_of(guest, tmp_path / "shell") as shell:
                arguments = ("--week", str(week), *folders)
                lines = done(run_example(host, gateway, shell, "weekly_rotation", *arguments))
            for line, folder in zip(lines, folders, strict=True):
                assert line.startswith(f"{folder} is on ")
                written[line.rpartition(" ")[2]] = f"week {week} of {folder}\n"
        places = host.places()
        restored = {code: restore(host, places[code]) for code in written}
    assert restored == written
    assert [code[:2] for code in sorted(written)] == [s for s in SETS for _ in range(FOLDERS)]
    assert [code[:2] for code in sorted(places)] == [s for s in SETS for _ in range(10)]
    assert {int(place.rpartition(" ")[2]) for place in places.values()} == {*range(1, 41)}


def restore(host: Host, place: str) -> str:
    """The file on the tape in a slot."""
    slot = place.rpartition(" ")[2]
    host.mtx(f"load {slot} 0")
    text = host.guest.must(f"tar -xOf {host.tape(0)} --record-size=65536 ./file")
    host.mtx(f"unload {slot} 0")
    return text


def test_22_weekly_export_and_restoring_on_another_gateway(
    guest: Guest, gateways: tuple[Served, Served], tmp_path: Path
) -> None:
    """A new set each week is in the archive at its end; the other gateway restores all of it."""
    one, two = gateways
    written: dict[str, str] = {}
    with attached(guest, one.server) as host, shell_of(guest, tmp_path / "shell") as shell:
        before = host.places()
        for week in (1, 2):
            folders = write_folders(guest, week)
            lines = done(
                run_example(host, one, shell, "weekly_export", "--week", f"W{week}", *folders)
            )
            texts = (f"week {week} of {folder}\n" for folder in folders)
            written.update(zip(lines, texts, strict=True))
        assert host.places() == before
    with attached(guest, two.server) as host, shell_of(guest, tmp_path / "shell") as shell:
        restored: dict[str, str] = {}
        for arn in written:
            done(run_example(host, two, shell, "restore_elsewhere", arn, "/tmp/elsewhere"))
            restored[arn] = guest.must("cat /tmp/elsewhere/file")
        missing = run_example(host, two, shell, "restore_elsewhere", f"{arn[:-6]}FFFFFF", "/tmp/x")
        assert host.places() == {}
    assert len(written) == 2 * FOLDERS
    assert restored == written
    assert (missing.returncode, missing.stderr.splitlines()[0][:7]) == (1, "error: ")
    assert listing(two.server, "tape", "list") == []
