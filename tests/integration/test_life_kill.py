"""A server killed in the middle of every operation on a tape: one place, and the right one."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serving import ENVIRONMENT, PYVTL, Server, serving

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
    "AVAILABLE": (ARCHIVE, ARCHIVE, DELETE),
    "RETRIEVED": (ARCHIVE,),
    "ARCHIVED": (
        Operation((("retrieve",),), "RETRIEVED"),
        Operation((("retrieve",), ("cancel-retrieval",)), "RETRIEVED"),
        Operation((("delete", "--archived"),), NOWHERE),
    ),
}
"""By where the tape is. A retrieval that is cancelled ends where it began, or was quicker."""


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
    deadline = time.monotonic() + SECONDS
    while True:
        here, archived = statuses(server), statuses(server, "--archived")
        if {*here.values(), *archived.values()} <= RESTING:
            break
        assert time.monotonic() < deadline, (here, archived)
    places = [here[barcode]] if barcode in here else []
    places += ["ARCHIVED"] if archived.get(barcode) == "ARCHIVED" else []
    assert len(places) < 2, places
    return places[0] if places else NOWHERE


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
    """Creating, archiving, retrieving, cancelling, deleting; no barcode is used a second time."""
    draw = random.Random(crash_seed)
    barcode, place = "KILL0000", NOWHERE
    for number in range(crash_rounds):
        if place == NOWHERE:
            barcode = f"KILL{number:04}"
        operation = draw.choice(OPERATIONS[place])
        start_and_kill(server, operation, barcode, draw.uniform(0.3, 1.5))
        server.start()
        found = where(server, barcode)
        told = f"round {number} of seed {crash_seed}: {place}, {operation}"
        assert found in (place, operation.aim), told
        place = found
