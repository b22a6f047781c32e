"""`pyvtl tape cat` and `extract` on a data folder that no server serves."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.vault import Vault
from pyvtl.store.keys import Secret
from tests.serving import ENVIRONMENT, PYVTL
from tests.tapes import append

TAPE = "DEMO01L5"
RECORD = Random(7).randbytes(10240)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a tape of two files: three records and one."""
    folder = tmp_path / "data"
    vault = Vault(folder)
    vault.create(TAPE, 1 << 30)
    append(vault.open(TAPE), RECORD, RECORD, b"end", None, b"second", None)
    vault.close()
    return folder


def pyvtl(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [*PYVTL, *arguments, "--data-dir", str(folder)]
    return subprocess.run(command, capture_output=True, check=False, env=ENVIRONMENT)


def damage(folder: Path) -> None:
    """Change a byte of the second record."""
    (segment,) = folder.glob("tapes/*/*.segment")
    stored = bytearray(segment.read_bytes())
    stored[stored.index(RECORD) + len(RECORD) + 1] ^= 1
    segment.write_bytes(stored)


@pytest.mark.parametrize(("number", "found"), [("0", RECORD + RECORD + b"end"), ("1", b"second")])
def test_cat_writes_the_record_bytes_of_a_file(folder: Path, number: str, found: bytes) -> None:
    done = pyvtl(folder, "tape", "cat", TAPE, "--file", number)
    assert (done.returncode, done.stdout, done.stderr) == (0, found, b"")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((TAPE, "--file", "2"), f"tape {TAPE} has no file 2: it has 2"),
        (("NONE01L5",), "there is no tape NONE01L5 in {folder}"),
    ],
)
def test_what_is_not_there_is_told(folder: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = pyvtl(folder, "tape", "cat", *arguments)
    told = f"pyvtl: {reason.format(folder=folder)}\n".encode()
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", told)


def test_a_tape_is_read_with_nothing_left_but_its_segments(folder: Path) -> None:
    for lost in ("repository.json", "catalog.sqlite3", f"tapes/{TAPE}/tape.json"):
        (folder / lost).unlink()
    done = pyvtl(folder, "tape", "cat", TAPE)
    assert (done.returncode, done.stdout) == (0, RECORD + RECORD + b"end")


def test_extract_writes_every_file_and_lists_them(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = pyvtl(folder, "tape", "extract", TAPE, "--output", str(output))
    assert (done.returncode, done.stderr) == (0, b"")
    assert {path.name: path.read_bytes() for path in output.iterdir()} == {
        "file-0000.bin": RECORD + RECORD + b"end",
        "file-0001.bin": b"second",
    }
    assert done.stdout.decode().splitlines() == [
        "FILE      SIZE  RECORDS  RECORD SIZES      PATH",
        f"   0  20.0 KiB        3  2 x 10240, 1 x 3  {output / 'file-0000.bin'}",
        f"   1       6 B        1  1 x 6             {output / 'file-0001.bin'}",
    ]


def test_extract_tells_programs_in_json(folder: Path, tmp_path: Path) -> None:
    done = pyvtl(folder, "tape", "extract", TAPE, "--output", str(tmp_path / "out"), "--json")
    assert json.loads(done.stdout)[1] == {
        "file": 1,
        "bytes": 6,
        "records": 1,
        "record_sizes": [{"bytes": 6, "records": 1}],
        "path": str(tmp_path / "out" / "file-0001.bin"),
        "damage": None,
    }


def test_an_encrypted_tape_is_read_with_the_key_of_the_settings(tmp_path: Path) -> None:
    folder, key = tmp_path / "data", tmp_path / "key"
    key.write_text("0f" * 32)
    vault = Vault(folder, secret=Secret(key=b"\x0f" * 32), encrypt=True)
    vault.create(TAPE, 1 << 30)
    append(vault.open(TAPE), RECORD)
    vault.close()
    settings = tmp_path / "pyvtl.toml"
    settings.write_text(f'[store]\nencryption_key_file = "{key}"\n')
    done = pyvtl(folder, "tape", "cat", TAPE, "--config", str(settings))
    assert (done.returncode, done.stdout, done.stderr) == (0, RECORD, b"")
    done = pyvtl(folder, "tape", "cat", TAPE)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"is encrypted, and no key is given: store.encryption_key_file" in done.stderr


def test_extract_replaces_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file-0001.bin").write_text("mine")
    done = pyvtl(folder, "tape", "extract", TAPE, "--output", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"pyvtl: cannot write to {tmp_path}: ".encode())
    assert (tmp_path / "file-0001.bin").read_text() == "mine"


def test_damage_ends_with_1_after_all_that_can_be_read(folder: Path, tmp_path: Path) -> None:
    damage(folder)
    done = pyvtl(folder, "tape", "cat", TAPE)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"pyvtl: file 0 at byte 0: pack ")
    done = pyvtl(folder, "tape", "extract", TAPE, "--output", str(tmp_path / "out"), "--json")
    damaged, whole = json.loads(done.stdout)
    assert (done.returncode, damaged["bytes"], whole["damage"]) == (1, 0, None)
    assert (tmp_path / "out" / "file-0001.bin").read_bytes() == b"second"
