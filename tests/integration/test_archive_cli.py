"""The archive by command: tapes go there and come back, and whoever kills the server loses none."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.initiator import Changer
from tests.serving import ENVIRONMENT, PYVTL, Server, serving
from tests.waiting import seen

TAPE = "DEMO0001"
SLOT, DOOR = 20000, 30000
OPERATIONS = ("archive", "retrieve")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "data", "--store", f"dir:{tmp_path / 'store'}") as server:
        yield server


def tapes(server: Server, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(server.run("tape", "list", "--json", *options))
    return found


def statuses(server: Server, *options: str) -> dict[str, str]:
    return {str(tape["barcode"]): str(tape["status"]) for tape in tapes(server, *options)}


def make(server: Server, barcode: str = TAPE) -> None:
    server.run("tape", "create", "--barcode", barcode, "--size", "64MiB")


def test_a_tape_goes_to_the_archive_and_comes_back_by_command(server: Server) -> None:
    make(server)
    server.run("tape", "archive", "--wait", TAPE)
    assert (statuses(server), statuses(server, "--archived")) == ({}, {TAPE: "ARCHIVED"})
    (shown,) = json.loads(server.run("tape", "show", "--archived", TAPE, "--json"))
    assert (shown["status"], shown["pool"]) == ("ARCHIVED", "GLACIER")
    (told,) = json.loads(server.run("tape", "retrieve", "--wait", TAPE, "--json"))
    assert (told["barcode"], told["status"]) == (TAPE, "RETRIEVED")
    (tape,) = tapes(server)
    assert (tape["status"], tape["write_protected"], tape["slot"]) == ("RETRIEVED", True, 1601)
    events = server.run("events", "--json").splitlines()
    changes = [json.loads(event)["newStatus"] for event in events]
    assert changes == [
        "AVAILABLE",
        "IN TRANSIT TO VTS",
        "ARCHIVING",
        "ARCHIVED",
        "RETRIEVING",
        "RETRIEVED",
    ]


def test_what_is_refused_is_told_with_what_to_do(server: Server) -> None:
    make(server)
    for command, reason in (
        (("tape", "retrieve", TAPE), "is AVAILABLE here"),
        (("tape", "cancel-archival", TAPE), "only while it is IN TRANSIT TO VTS"),
        (("tape", "delete", "--archived", TAPE), "there is no tape DEMO0001 in the archive"),
        (("pool", "assign", "pool-0", TAPE), "there is no pool pool-0"),
        (("policy", "delete"), "no automatic tape creation is set up"),
    ):
        done = subprocess.run(
            [*PYVTL, *command, "--data-dir", str(server.folder)],
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert reason in done.stderr


def test_pools_and_policies_by_command(server: Server) -> None:
    command = ("pool", "create", "kept", "--class", "DEEP_ARCHIVE", "--lock", "GOVERNANCE")
    (pool,) = json.loads(server.run(*command, "--days", "10", "--json"))
    make(server)
    server.run("pool", "assign", str(pool["id"]), TAPE)
    (tape,) = tapes(server)
    assert tape["pool"] == pool["id"]
    told = server.run("policy", "set", f"AUTO:2:1MiB:{pool['id']}:worm")
    assert told.splitlines()[1].split() == ["AUTO", "2", "1.00", "MiB", pool["id"], "yes"]
    server.run("policy", "delete")
    assert json.loads(server.run("policy", "show", "--json")) == []


def where(server: Server) -> list[str]:
    """Every place that has the tape: library, on its way, archive."""
    here = statuses(server)
    places = [here[TAPE]] if TAPE in here else []
    archived = statuses(server, "--archived").get(TAPE)
    return places + ([archived] if archived == "ARCHIVED" else [])


def settle(server: Server) -> None:
    """Wait until the tape is in a state that it stays in."""
    for _ in range(100):
        if not set(statuses(server).values()) - {"AVAILABLE", "RETRIEVED"}:
            return
    raise AssertionError(f"the tape stays {statuses(server)}")


def test_a_host_exports_a_tape_through_the_import_export_slot(server: Server) -> None:
    make(server)
    name = json.loads(server.run("library", "status", "--json"))[0]["devices"][0]["target"]
    with Changer("127.0.0.1", server.port, name) as changer:
        changer.must_move(DOOR, SLOT)
        changer.must_move(SLOT, DOOR + 7)
        assert not [element for element in changer.elements() if element.full]
    settle(server)
    assert statuses(server, "--archived") == {TAPE: "ARCHIVED"}


def test_the_tapes_of_a_lost_gateway_come_to_another_one_by_command(
    server: Server, tmp_path: Path
) -> None:
    make(server)
    until_uploaded(server)
    (gateway,) = json.loads(server.run("gateway", "show", "--json"))
    lost = gateway["id"]
    server.kill()
    store = tmp_path / "store"
    with serving(tmp_path / "other", "--store", f"dir:{store}") as other:
        command = (*PYVTL, "gateway", "disable", lost, "--yes", "--data-dir", str(other.folder))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        assert (done.returncode, f"gateway {lost} was connected " in done.stderr) == (1, True)
        seen_long_ago(store / "gateways" / f"{lost}.json")
        other.run("gateway", "disable", lost, "--yes")
        (point,) = json.loads(other.run("gateway", "recovery-points", lost, "--json"))
        assert (point["barcode"], point["gateway"]) == (TAPE, lost)
        other.run("tape", "retrieve-recovery-point", "--wait", TAPE)
        assert statuses(other) == {TAPE: "RECOVERED"}


def until_uploaded(server: Server) -> None:
    """The store has a recovery point of the tape."""
    seen(
        lambda: json.loads(server.run("tape", "show", TAPE, "--json")),
        lambda tapes: tapes[0]["recovery_point_at"] is not None,
    )


def seen_long_ago(document: Path) -> None:
    """Have a gateway be one that nobody heard of for long."""
    told = json.loads(document.read_text())
    document.write_text(json.dumps(told | {"seen_at": 0}))
