"""`pyvtl store check`: what it prints, and how it ends."""

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pyvtl.media.vault import Vault
from tests.serving import ENVIRONMENT, PYVTL, serving
from tests.tapes import append

TAPE = "DEMO01L5"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with one tape in one segment."""
    folder = tmp_path / "data"
    with closing(Vault(folder)) as vault:
        vault.create(TAPE, 1 << 30)
        append(vault.open(TAPE), b"record", None)
    (folder / "format").write_text("1\n")
    return folder


def check(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*PYVTL, "store", "check", *options, "--data-dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)


def flip(folder: Path, what: bytes) -> str:
    """Change a bit of the segment where `what` stands; gives the pack id."""
    (segment,) = folder.glob("tapes/*/*.segment")
    stored = bytearray(segment.read_bytes())
    stored[stored.rindex(what)] ^= 1
    segment.write_bytes(stored)
    return segment.stem.partition("-")[2]


@pytest.mark.parametrize("options", [(), ("--read-data",), ("--repair",)])
def test_a_whole_folder_ends_with_0(folder: Path, options: tuple[str, ...]) -> None:
    done = check(folder, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("nothing is wrong (tapes: 1, segments: 1, size: ")


def test_damage_is_told_by_tape_and_pack_and_ends_with_1(folder: Path) -> None:
    pack = flip(folder, b"record")
    done = check(folder, "--read-data", "--json")
    assert (done.returncode, done.stderr) == (1, "pyvtl: one thing is wrong\n")
    assert json.loads(done.stdout) == [
        {
            "tape": TAPE,
            "what": "frame 1 at byte 4200: its CRC does not fit",
            "pack": pack,
            "repair": None,
            "harmless": False,
        }
    ]


def test_a_dry_run_says_what_a_repair_would_do_and_does_nothing(folder: Path) -> None:
    label = folder / "tapes" / TAPE / "tape.json"
    label.unlink()
    pack = flip(folder, b"pyvtlend")
    done = check(folder, "--repair", "--dry-run")
    assert done.stderr == (
        f"pyvtl: tape {TAPE}: make the label anew\n"
        f"pyvtl: tape {TAPE}: pack {pack}: write its footer again\n"
        "pyvtl: 2 things are wrong\n"
    )
    assert (done.returncode, label.exists(), check(folder).returncode) == (1, False, 1)
    assert check(folder, "--repair").returncode == 0
    assert (label.exists(), check(folder).returncode) == (True, 0)


def test_a_folder_that_a_server_uses_is_refused(folder: Path) -> None:
    with serving(folder) as server:
        done = check(folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "stop that server first" in done.stderr
        server.stop()


def test_what_is_no_data_folder_is_refused(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        f"pyvtl: {tmp_path} is no data folder: name one with --data-dir\n",
    )
