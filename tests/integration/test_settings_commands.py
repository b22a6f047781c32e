"""`pyvtl gateway`, `chap`, `bandwidth` and `library changer` against a real server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.initiator import Tape
from tests.initiator.chap import Chap
from tests.initiator.session import LoginError
from tests.serving import ENVIRONMENT, PYVTL, Server, serving

HOST = "iqn.2026-01.example:initiator"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("settings") / "data") as server:
        yield server


def shown(server: Server, *command: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(server.run(*command, "--json"))


def refused(server: Server, *command: str) -> tuple[int, str]:
    """Exit status and reason."""
    arguments = [*PYVTL, *command, "--data-dir", str(server.folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    return done.returncode, done.stderr


def test_the_gateway_has_a_name_and_a_time_zone(server: Server) -> None:
    server.run("gateway", "rename", "Basement")
    (gateway,) = shown(server, "gateway", "time-zone", "GMT-4:00")
    assert (gateway["name"], gateway["time_zone"]) == ("Basement", "GMT-4:00")
    (again,) = shown(server, "gateway", "show")
    assert {name: again[name] for name in ("name", "time_zone", "activation_key")} == {
        "name": "Basement",
        "time_zone": "GMT-4:00",
        "activation_key": gateway["activation_key"],
    }
    status, reason = refused(server, "gateway", "time-zone", "Mars")
    assert (status, reason[:24]) == (1, "pyvtl: 'Mars' is no time")


def test_people_are_told_of_the_gateway_in_words(server: Server) -> None:
    lines = dict(line.split(maxsplit=1) for line in server.run("gateway", "show").splitlines())
    assert (lines["log_group"], lines["portals"]) == ("-", f"127.0.0.1:{server.port}")
    assert lines["maintenance"] == "hour=3, minute=0, day_of_week=0, policy=ALL_VERSIONS"


def test_the_gateway_stops_and_starts(server: Server) -> None:
    (gateway,) = shown(server, "gateway", "stop")
    assert gateway["state"] == "SHUTDOWN"
    with pytest.raises(ConnectionError):
        Tape("127.0.0.1", server.port, "any")
    (gateway,) = shown(server, "gateway", "start")
    assert gateway["state"] == "RUNNING"


def test_credentials_are_set_listed_and_deleted(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct-horse-1\n")
    (status,) = shown(server, "library", "status")
    target = status["devices"][1]["target"]
    secret = ("--secret-file", str(tmp_path / "secret"))
    row = {"target": target, "initiator": HOST, "mutual": False}
    assert shown(server, "chap", "set", target, HOST, *secret) == [row]
    assert shown(server, "chap", "list") == [row]
    Tape("127.0.0.1", server.port, target, chap=Chap(HOST, "correct-horse-1")).close()
    with pytest.raises(LoginError):
        Tape("127.0.0.1", server.port, target)
    server.run("chap", "delete", target, HOST)
    assert shown(server, "chap", "list") == []
    assert refused(server, "chap", "delete", target, HOST)[0] == 1


def test_a_secret_that_cannot_be_is_not_repeated(server: Server, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("opensesame")
    command = ("chap", "set", "nowhere", HOST, "--secret-file", str(tmp_path / "secret"))
    status, reason = refused(server, *command)
    assert (status, "opensesame" in reason) == (1, False)
    missing = (*command[:-1], str(tmp_path / "missing"))
    assert refused(server, *missing)[0] == 2


def test_bandwidth_is_shown_as_it_was_set(server: Server) -> None:
    server.run("bandwidth", "set", "--upload", "10Mbit", "--download", "1.5G")
    server.run("bandwidth", "schedule", "mon-fri 08:00-17:59 upload=2Mbit", "sat+sun 00:00-23:59")
    assert server.run("bandwidth", "show").splitlines() == [
        "WHEN                                UPLOAD     DOWNLOAD",
        "always                           10 Mbit/s  1500 Mbit/s",
        "mon+tue+wed+thu+fri 08:00-17:59   2 Mbit/s            -",
        "sun+sat 00:00-23:59                      -            -",
    ]
    (limits,) = shown(server, "bandwidth", "clear", "--download")
    assert limits["usual"] == {"upload": 10_000_000, "download": None}
    (limits,) = shown(server, "bandwidth", "schedule")
    assert limits["intervals"] == []


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("set", "--upload", "1000"), 1),
        (("set", "--upload", "fast"), 2),
        (("set",), 1),
        (("schedule", "someday 08:00-09:00"), 2),
        (("schedule", "mon 09:00-08:00"), 1),
        (("schedule", "mon 08:00-09:00 sideways=1"), 2),
    ],
)
def test_limits_that_cannot_be(server: Server, command: tuple[str, ...], status: int) -> None:
    assert refused(server, "bandwidth", *command)[0] == status


def test_the_changer_becomes_another_product(server: Server) -> None:
    (gateway,) = shown(server, "library", "changer", "STK-L700")
    assert gateway["changer_type"] == "STK-L700"
    (status,) = shown(server, "library", "status")
    assert (status["devices"][0]["product"], status["devices"][1]["element_address"]) == (
        "STK L700",
        500,
    )
    assert refused(server, "library", "changer", "STK-L701")[0] == 1
    server.run("library", "changer", "AWS-Gateway-VTL")


def test_a_gateway_goes_once_its_tapes_are_gone(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        server.run("tape", "create", "--barcode", "LAST0001", "--size", "1GiB")
        assert refused(server, "gateway", "delete")[0] == 2
        status, reason = refused(server, "gateway", "delete", "--yes")
        assert (status, reason[:23]) == (1, "pyvtl: 1 tapes are left")
        server.run("tape", "delete", "LAST0001")
        server.run("gateway", "delete", "--yes")
        (gateway,) = shown(server, "gateway", "show")
        assert gateway["state"] == "DELETED"
        (gateway,) = shown(server, "gateway", "activate", gateway["activation_key"], "Attic")
        assert (gateway["state"], gateway["name"]) == ("RUNNING", "Attic")
