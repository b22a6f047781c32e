"""kill -9 in mid-write: what an answered filemark closed is whole, again and again."""

import random
import threading
from pathlib import Path

import pytest

from tests.killing import Object, connect, whole_tape, write_until_killed
from tests.serving import serving


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_answered_filemarks_survive_kill_9(
    tmp_path: Path, crash_rounds: int, crash_seed: int
) -> None:
    draw = random.Random(crash_seed)
    with serving(tmp_path / "data") as server:
        (drive,) = server.loaded(1, "1GiB")
        known: list[Object] = []
        for number in range(crash_rounds):
            tape = connect(server, drive)
            killer = threading.Timer(draw.uniform(0.02, 0.4), server.kill)
            killer.start()
            attempt = write_until_killed(tape, draw, known)
            killer.join()
            tape.close()
            server.start()
            with connect(server, drive) as reader:
                known = whole_tape(reader)
            assert attempt.explains(known), f"round {number} of seed {crash_seed}"
