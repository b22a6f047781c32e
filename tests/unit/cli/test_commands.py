"""The command line as far as it needs no server: usage, settings, help."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pyvtl.cli.main import main


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Pyvtl:
    """Runs commands in this process, with no settings in the environment but those given."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **environment: str) -> Done:
        with self.monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["pyvtl", *arguments])
            patch.setattr("os.environ", {"COLUMNS": "200", "HOME": "/home/tester"} | environment)
            with pytest.raises(SystemExit) as ended:
                main()
        printed = self.capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return Done(status, printed.out, printed.err)


@pytest.fixture
def pyvtl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pyvtl:
    return Pyvtl(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("tape", "create", "--size", "1GiB"), "give --prefix for made-up barcodes, or --barcode"),
        (
            ("tape", "create", "--size", "1GiB", "--barcode", "TWICE001", "--count", "2"),
            "--barcode names one tape; use --prefix with --count",
        ),
        (("tape", "create", "--size", "much", "--prefix", "DEMO"), "'much' is no size"),
        (("serve", "--portal", "0.0.0.0:3260"), "is open to other machines"),
        (("serve", "--portal", "nowhere:port"), "write HOST:PORT"),
        (("serve", "--size", "much"), "'much' is no size"),
        (("tape", "eject"), "No such command 'eject'"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_reason(
    pyvtl: Pyvtl, arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    done = pyvtl(*arguments, PYVTL_GATEWAY__DATA_DIR=str(tmp_path))
    assert done.status == 2
    assert reason in " ".join(done.stderr.replace("│", " ").split())


def test_without_a_server_commands_say_so_and_end_with_1(pyvtl: Pyvtl, tmp_path: Path) -> None:
    done = pyvtl("tape", "list", PYVTL_GATEWAY__DATA_DIR=str(tmp_path))
    assert done.status == 1
    assert done.stderr == (
        f"pyvtl: no server runs on {tmp_path}: start one with"
        f" `pyvtl serve --data-dir {tmp_path}`, or name its folder with --data-dir\n"
    )


def test_config_show_tells_what_is_in_force_and_from_where(pyvtl: Pyvtl, tmp_path: Path) -> None:
    file = tmp_path / "pyvtl.toml"
    file.write_text('[drive]\nearly_warning = "1GiB"\n[chap]\nuser = "host1"\n')
    environment = {"PYVTL_CONFIG": str(file), "PYVTL_CHAP__SECRET": "correct-horse-1"}
    done = pyvtl("config", "show", "--json", **environment)
    shown = {setting["name"]: setting for setting in json.loads(done.stdout)}
    assert shown["drive.early_warning"] == {
        "name": "drive.early_warning",
        "value": 1 << 30,
        "unit": "bytes",
        "origin": f"file {file}",
        "description": "distance of early warning from the end of the tape",
    }
    assert shown["chap.secret"]["origin"] == "environment PYVTL_CHAP__SECRET"
    plain = pyvtl("config", "show", **environment)
    assert "correct-horse" not in done.stdout + plain.stdout
    (line,) = (line for line in plain.stdout.splitlines() if "early_warning" in line)
    assert line.split() == ["drive.early_warning", "1GiB", "file", str(file)]


def test_wrong_settings_are_all_told_and_end_with_2(pyvtl: Pyvtl, tmp_path: Path) -> None:
    file = tmp_path / "pyvtl.toml"
    file.write_text("[library]\ndrives = 0\nslosts = 1\n")
    done = pyvtl("serve", "--config", str(file))
    assert done.status == 2
    assert done.stderr == (
        "pyvtl: the settings cannot be used:\n"
        f"  library.drives (file {file}): Input should be greater than or equal to 1\n"
        f"  library.slosts (file {file}): no such setting; did you mean slots?\n"
    )


def test_version(pyvtl: Pyvtl) -> None:
    done = pyvtl("--version")
    assert (done.status, done.stdout) == (0, "pyvtl 0.1.0\n")


@pytest.mark.parametrize("group", ["", "tape", "library", "store", "config", "serve"])
def test_help_is_there_for_every_group(pyvtl: Pyvtl, group: str) -> None:
    done = pyvtl(*group.split(), "--help")
    assert done.status == 0
    assert "Usage:" in done.stdout


def test_repairs_need_a_data_folder(pyvtl: Pyvtl, tmp_path: Path) -> None:
    done = pyvtl("store", "rebuild-catalog", "--data-dir", str(tmp_path))
    reason = f"pyvtl: {tmp_path} is no data folder: name one with --data-dir\n"
    assert (done.status, done.stderr) == (1, reason)
    assert list(tmp_path.iterdir()) == []
