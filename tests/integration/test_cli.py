"""The command line against a real server, each command a process of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.initiator import Tape, load_tapes
from tests.serving import ENVIRONMENT, PYVTL, Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cli") / "data") as server:
        yield server


def pyvtl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command, with no settings but these."""
    return subprocess.run(
        [*PYVTL, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT | {"COLUMNS": "200"} | environment,
    )


def created(server: Server, *options: str) -> list[dict[str, object]]:
    """Tapes just made, as JSON tells of them."""
    output = server.run("tape", "create", "--size", "1GiB", "--json", *options)
    tapes: list[dict[str, object]] = json.loads(output)
    return tapes


def test_tapes_appear_in_import_export_slots_numbered_as_mtx_does(server: Server) -> None:
    tapes = created(server, "--prefix", "DEMO", "--count", "2")
    assert len(tapes) == 2
    for tape in tapes:
        barcode, slot = str(tape.pop("barcode")), tape.pop("slot")
        assert (len(barcode), barcode[:4]) == (10, "DEMO")
        assert isinstance(slot, int)
        assert tape.pop("element_address") == 30000 + slot - 1601
        assert isinstance(tape.pop("created_at"), str)
        assert isinstance(tape.pop("pool_entered_at"), str)
        assert tape == {
            "status": "AVAILABLE",
            "size_bytes": 1 << 30,
            "used_bytes": 0,
            "write_protected": False,
            "drive": None,
            "home_slot": None,
            "pool": "GLACIER",
            "worm": False,
            "retention_started_at": None,
            "progress": None,
            "problem": None,
        }


def test_a_table_is_plain_when_piped(server: Server) -> None:
    (tape,) = created(server, "--barcode", "PLAIN001")
    lines = server.run("tape", "list").splitlines()
    assert lines[0].split() == ["BARCODE", "STATUS", "WHERE", "SIZE", "USED", "PROTECTED"]
    (line,) = (line for line in lines if "PLAIN001" in line)
    place = ["slot", str(tape["slot"])]
    assert line.split() == ["PLAIN001", "AVAILABLE", *place, "1.00", "GiB", "0", "B", "no"]


def test_a_tape_can_be_protected_shown_and_deleted(server: Server) -> None:
    created(server, "--barcode", "CYCLE001")
    server.run("tape", "protect", "CYCLE001")
    (shown,) = json.loads(server.run("tape", "show", "CYCLE001", "--json"))
    assert shown["write_protected"] is True
    server.run("tape", "unprotect", "CYCLE001")
    (shown,) = json.loads(server.run("tape", "show", "CYCLE001", "--json"))
    assert shown["write_protected"] is False
    server.run("tape", "delete", "CYCLE001")
    gone = pyvtl("tape", "show", "CYCLE001", "--data-dir", str(server.folder))
    assert (gone.returncode, gone.stderr) == (1, "pyvtl: there is no tape CYCLE001\n")


def test_the_barcode_of_a_deleted_tape_is_refused(server: Server) -> None:
    created(server, "--barcode", "ONCE0001")
    server.run("tape", "delete", "ONCE0001")
    folder = str(server.folder)
    again = ("tape", "create", "--barcode", "ONCE0001", "--size", "1GiB", "--data-dir", folder)
    done = pyvtl(*again)
    assert done.returncode == 1
    assert done.stderr.startswith("pyvtl: the barcode ONCE0001 is taken: ")


def test_a_tape_in_a_drive_is_not_deleted(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        (tape,) = created(server, "--barcode", "INDRIVE1")
        load_tapes("127.0.0.1", server.port, 1)
        done = pyvtl("tape", "delete", "INDRIVE1", "--data-dir", str(server.folder))
        assert (done.returncode, done.stderr) == (
            1,
            "pyvtl: tape INDRIVE1 is in drive 0: unload it first\n",
        )
        (status,) = json.loads(server.run("library", "status", "--json"))
        drive = status["devices"][1]
        assert (drive["device"], drive["barcode"]) == ("drive 0", tape["barcode"])
        server.stop()


def test_a_tape_is_read_while_a_server_writes_it(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        created(server, "--barcode", "INUSE001")
        (drive,) = load_tapes("127.0.0.1", server.port, 1)
        with Tape("127.0.0.1", server.port, drive) as tape:
            tape.ready()
            tape.block_length(0)
            tape.write(b"committed", block=None)
            tape.write_filemarks()
            tape.write(b"not yet", block=None)
            done = pyvtl("tape", "cat", "INUSE001", "--data-dir", str(server.folder))
            told = f"pyvtl: a server runs on {server.folder}: what it has not yet committed"
            assert (done.returncode, done.stdout) == (0, "committed")
            assert done.stderr == f"{told} is not read\n"
            tape.write_filemarks()
        server.stop()
        assert server.run("tape", "cat", "INUSE001", "--file", "1") == "not yet"


@pytest.mark.parametrize("name", ["gateway.json", "repository.json", "catalog.sqlite3", "format"])
def test_a_file_that_cannot_be_read_stops_the_start_with_a_reason(
    tmp_path: Path, name: str
) -> None:
    with serving(tmp_path / "data") as server:
        created(server, "--barcode", "KEPT0001")
        server.stop()
    (server.folder / name).write_bytes(b"\xff no such thing" * 500)
    done = pyvtl("serve", "--data-dir", str(server.folder), "--portal", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("pyvtl: "))
    assert str(server.folder) in line
    assert "Traceback" not in done.stderr


def test_a_killed_server_leaves_a_store_with_nothing_wrong(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        created(server, "--barcode", "KILLED01")
        (drive,) = load_tapes("127.0.0.1", server.port, 1)
        with Tape("127.0.0.1", server.port, drive) as tape:
            tape.ready()
            tape.block_length(0)
            tape.write(b"committed", block=None)
            tape.write_filemarks()
            tape.write(b"never committed", block=None)
            server.kill()
        (found,) = json.loads(server.run("store", "check", "--read-data", "--json"))
        assert (found.pop("tape"), len(found.pop("pack"))) == ("KILLED01", 32)
        assert found == {
            "what": "a crash: it was left open",
            "repair": "load the tape, which closes or removes what a crash left",
            "harmless": True,
        }
        assert server.run("tape", "cat", "KILLED01") == "committed"
        server.run("store", "check", "--repair")
        assert server.run("store", "check").startswith("nothing is wrong (tapes: 1, segments: 1")


def test_library_status_names_devices_and_counts_slots(server: Server) -> None:
    (status,) = json.loads(server.run("library", "status", "--json"))
    assert status["portals"] == [f"127.0.0.1:{server.port}"]
    assert status["slots"] == {"full": 0, "total": 1600}
    assert [device["device"] for device in status["devices"]] == [
        "changer",
        *(f"drive {number}" for number in range(10)),
    ]
    target = status["devices"][10]["target"]
    assert target == f"iqn.1997-05.com.amazon:sgw-{status['gateway_id']}-tapedrive-10"
    assert server.run("library", "status").startswith(f"Gateway {status['gateway_id']} serves on ")


def test_a_second_server_on_the_same_folder_is_refused(server: Server) -> None:
    done = pyvtl("serve", "--data-dir", str(server.folder), "--portal", "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr == (
        f"pyvtl: the data folder {server.folder} is used by process {server.pid}:"
        " stop that server first, or name another folder\n"
    )


def test_a_port_that_is_taken_is_named(server: Server, tmp_path: Path) -> None:
    done = pyvtl("serve", "--data-dir", str(tmp_path), "--portal", f"127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert f"pyvtl: cannot listen on 127.0.0.1:{server.port}: " in done.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--prefix", "demo"), "'demo' is no prefix: 1 to 10 of the characters A-Z and 0-9"),
        (("--barcode", "X"), "'X' is no barcode: 5 to 16 of the characters A-Z and 0-9"),
        (
            ("--prefix", "MANY", "--count", "1601"),
            "no free import/export slot is left for tape MANY",
        ),
    ],
)
def test_what_the_library_refuses_ends_with_1_and_a_reason(
    server: Server, options: tuple[str, ...], reason: str
) -> None:
    folder = ("--data-dir", str(server.folder))
    done = pyvtl("tape", "create", "--size", "1GiB", *options, *folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"pyvtl: {reason}")


def test_the_control_socket_is_for_its_owner_only(server: Server) -> None:
    assert (server.folder / "control.sock").stat().st_mode & 0o777 == 0o600


def test_a_stopped_server_is_told_from_one_that_runs(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        server.run("tape", "list")
        server.stop()
    done = pyvtl("tape", "list", "--data-dir", str(server.folder))
    assert (done.returncode, done.stderr[:20]) == (1, "pyvtl: no server run")


def test_serve_tells_how_to_attach_and_makes_tapes_for_a_first_run(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--tapes", "3", "--size", "1GiB") as server:
        lists = (json.loads(server.run("tape", "list", "--json")) for _ in range(100))
        assert any(len(tapes) == 3 for tapes in lists)  # The portal answers before they are made.
        server.stop()
        told = (tmp_path / "serve.log").read_text()
    portal = f"127.0.0.1:{server.port}"
    assert f"iscsiadm --mode discovery --type sendtargets --portal {portal}" in told
    assert f"pyvtl library status --data-dir {server.folder}" in told


def test_a_catalog_is_made_anew_while_no_server_runs(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        before = created(server, "--prefix", "KEPT", "--count", "3")
        folder = str(server.folder)
        refused = pyvtl("store", "rebuild-catalog", "--data-dir", folder)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "stop that server first" in refused.stderr
        server.stop()
        (server.folder / "catalog.sqlite3").unlink()
        told = server.run("store", "rebuild-catalog")
        assert told == f"the catalog of {folder} was made anew from 3 tapes\n"
        server.start()
        after = json.loads(server.run("tape", "list", "--json"))
        assert {tape["barcode"] for tape in after} == {tape["barcode"] for tape in before}
        assert all(tape["slot"] for tape in after)
        server.stop()


def test_the_dedup_index_is_made_anew(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        server.run("tape", "create", "--barcode", "DEMO01L5", "--size", "1GiB")
    command = [*PYVTL, "store", "rebuild-index", "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == f"the dedup index of {tmp_path / 'data'} knows 0 packs\n"
