"""A server killed in the middle of every operation on a tape: one place, and the right one."""

import json
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.initiator import Changer, Tape
from tests.initiator.devices import discover
from tests.initiator.session import GOOD
from tests.serving import ENVIRONMENT, PYVTL, Server, serving
from tests.waiting import seen

NOWHERE = "nowhere"
RESTING = {"AVAILABLE", "RETRIEVED", "ARCHIVED"}
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Operation:
    """Commands on a tape, given one after another, and where they aim it."""

    commands: tuple[tuple[str, ...], ...]
    aim: str


ARCHIVE = Operation((("archive",),), "ARCHIVED")
DELETE = Operation((("delete",),), NOWHERE)
OPERATIONS = {
    NOWHERE: (Operation((("create", "--size", "64MiB", "--barcode"),), "AVAILABLE"),),
    "AVAILABLE": (
        ARCHIVE,
        Operation((("archive",), ("cancel-archival",)), "ARCHIVED"),
        DELETE,
    ),
    "RETRIEVED": (ARCHIVE,),
    "ARCHIVED": (
        Operation((("retrieve",),), "RETRIEVED"),
        Operation((("retrieve",), ("cancel-retrieval",)), "RETRIEVED"),
        Operation((("delete", "--archived"),), NOWHERE),
    ),
}
"""By where the tape is.  What is cancelled ends where it began, or was quicker."""
DRIVE, SLOT, DOOR = 10000, 20000, 30000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "data", "--store", f"dir:{tmp_path / 'store'}") as server:
        yield server


def statuses(server: Server, *options: str) -> dict[str, str]:
    tapes = json.loads(server.run("tape", "list", "--json", *options))
    return {tape["barcode"]: tape["status"] for tape in tapes}


def where(server: Server, barcode: str) -> str:
    """The one place that the tape rests in, once it does."""
    here, archived = seen(
        lambda: (statuses(server), statuses(server, "--archived")),
        lambda found: {*found[0].values(), *found[1].values()} <= RESTING,
        SECONDS,
    )
    places = [here[barcode]] if barcode in here else []
    places += ["ARCHIVED"] if archived.get(barcode) == "ARCHIVED" else []
    assert len(places) < 2, places
    return places[0] if places else NOWHERE


def written(server: Server, barcode: str) -> bytes:
    """A host writes a file to a new tape and leaves it in an import/export slot, at rest."""
    data = random.Random(barcode).randbytes(300_000)
    names = discover("127.0.0.1", server.port)
    (changer_name,) = (name for name in names if name.endswith("mediachanger"))
    (drive_name,) = (name for name in names if name.endswith("tapedrive-01"))
    with Changer("127.0.0.1", server.port, changer_name) as changer:
        home = changer.find(barcode).address
        changer.must_move(home, DRIVE)
        with Tape("127.0.0.1", server.port, drive_name) as tape:
            tape.ready()
            assert tape.write(data, block=None).status == GOOD
            assert tape.write_filemarks().status == GOOD
        changer.must_move(DRIVE, SLOT)
    return data


def kept(server: Server, barcode: str) -> bytes:
    """The file that is on a tape of the library."""
    arguments = [*PYVTL, "tape", "cat", barcode, "--data-dir", str(server.folder)]
    return subprocess.run(arguments, capture_output=True, check=True, env=ENVIRONMENT).stdout


def start_and_kill(server: Server, operation: Operation, barcode: str, seconds: float) -> None:
    """Give the commands, and kill the server so long after the first."""
    end = time.monotonic() + seconds
    for command in operation.commands:
        arguments = [*PYVTL, "tape", *command, barcode, "--data-dir", str(server.folder)]
        with subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        ) as running:
            with suppress(subprocess.TimeoutExpired):
                running.wait(max(end - time.monotonic(), 0))
                continue
            server.kill()
            return
    server.kill()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_tape_ends_where_it_was_or_where_it_was_to_go(
    server: Server, crash_rounds: int, crash_seed: int
) -> None:
    """Creating, archiving, retrieving, cancelling, deleting; what is on it is whole wherever it is.

    No barcode is used a second time.
    """
    draw = random.Random(crash_seed)
    barcode, place, data = "KILL0000", NOWHERE, b""
    given = Counter[str]()
    for number in range(crash_rounds):
        if place == NOWHERE:
            barcode = f"KILL{number:04}"
        operation = draw.choice(OPERATIONS[place])
        given[operation.commands[-1][0]] += 1
        start_and_kill(server, operation, barcode, draw.uniform(0.3, 1.5))
        server.start()
        found = where(server, barcode)
        told = f"round {number} of seed {crash_seed}: {place}, {operation}"
        assert found in (place, operation.aim), told
        if place == NOWHERE and found == "AVAILABLE":
            data = written(server, barcode)
        elif found in ("AVAILABLE", "RETRIEVED"):
            assert kept(server, barcode) == data, told
        place = found
    print(f"killed while it was to {dict(given)}")
