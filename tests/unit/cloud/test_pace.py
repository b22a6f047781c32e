"""When a tape is brought into the store: a table, and no clock."""

import pytest

from pyvtl.cloud.pace import Pace, Watch, is_due
from pyvtl.media.snapshot import Backlog

PACE = Pace(idle=30, recovery_point=60)
WRITTEN = Backlog("TAPE0001", 1, closed=3, open_packs=1, appends=7, in_use=True)
UNLOADED = Backlog("TAPE0001", 1, closed=3, open_packs=0)
FAST = Backlog("TAPE0001", 1, closed=64, open_packs=1, appends=7, in_use=True)
NEW = Backlog("TAPE0001", 0, closed=0, open_packs=0, known=False)
DELETED = Backlog("TAPE0001", 0, closed=0, open_packs=0, deleted=True)


@pytest.mark.parametrize(
    ("tape", "since", "quiet_since", "now", "due"),
    [
        (WRITTEN, 100, 129, 130, False),
        (WRITTEN, 100, 100, 130, True),
        (WRITTEN, 100, 159, 159.9, False),
        (WRITTEN, 100, 159, 160, True),
        (FAST, 100, 100, 100, True),
        (UNLOADED, 100, 100, 100, True),
        (NEW, 100, 100, 100, True),
        (DELETED, 100, 100, 100, True),
    ],
)
def test_a_tape_is_due(
    tape: Backlog, since: float, quiet_since: float, now: float, due: bool
) -> None:
    assert is_due(tape, Watch(since, quiet_since, tape.appends), PACE, now) is due


def test_a_tape_that_was_put_off_waits() -> None:
    watch = Watch(100, 100, 0, not_before=200)
    assert not is_due(UNLOADED, watch, PACE, 199)
    assert is_due(UNLOADED, watch, PACE, 200)


def test_a_tape_is_quiet_since_its_last_write() -> None:
    watch = Watch(100, 100, 7)
    watch.see(WRITTEN, 110)
    assert watch.quiet_since == 100
    watch.see(FAST, 120)
    assert watch.quiet_since == 100
    watch.see(UNLOADED, 130)
    assert watch.quiet_since == 130


@pytest.mark.parametrize(("idle", "look"), [(30, 1.0), (2, 0.5), (0.001, 0.01)])
def test_one_looks_often_enough_for_the_times_that_are_set(idle: float, look: float) -> None:
    assert Pace(idle=idle).look == look
