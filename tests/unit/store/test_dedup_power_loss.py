"""The power goes away at every change of the disk while tapes refer to each other's packs."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from pyvtl.store.format import BLOCK_SIZE
from pyvtl.store.references import pack_id_of
from tests.disks import PowerLostError, RamDisk
from tests.library_of_tapes import Tapes
from tests.tapes import BEGINNING, Objects, append, as_medium, contents

FIRST, SECOND = "FIRST0L5", "SECONDL5"
DATA: Objects = [Random(n).randbytes(BLOCK_SIZE) for n in range(20)]
SEGMENT = 1_200_000


class Session:
    """The second tape refers to the first, which is deleted; then the second is overwritten.

    `answered` is what the second tape was told to be safe, `begun` what it was given.
    """

    def __init__(self, tapes: Tapes) -> None:
        self.tapes = tapes
        self.answered: Objects = []
        self.begun: Objects = []

    def run(self) -> None:
        first = self.tapes.load(FIRST, SEGMENT)
        append(first, *DATA, None)
        first.close()
        second = self.tapes.load(SECOND, SEGMENT)
        for _ in range(2):
            self.begun = [*self.answered, *DATA, None]
            append(second, *DATA, None)
            second.sync()
            self.answered = self.begun
        self.delete_first()
        second.close()
        second = self.tapes.load(SECOND, SEGMENT)
        second.start_writing(BEGINNING)
        self.begun = [b"new", *DATA, None]
        second.append(as_medium(self.begun))
        second.sync()
        self.answered = self.begun
        second.close()

    def delete_first(self) -> None:
        for name in reversed(self.tapes.segments(FIRST)):
            self.tapes.packs.of(FIRST).remove(int(name[:8]), pack_id_of(name))

    def possible(self) -> Sequence[Objects]:
        """What may be found: what was answered, or any row of whole objects that was begun."""
        begun = [self.begun[:count] for count in range(len(self.begun) + 1)]
        overwritten = self.begun[:1] != self.answered[:1]
        kept = 0 if overwritten else len(self.answered)
        return [self.answered, *(objects for objects in begun if len(objects) >= kept)]


def changes(catalog: Path) -> int:
    disk = RamDisk()
    tapes = Tapes(disk, catalog)
    Session(tapes).run()
    tapes.catalog.close()
    return len(disk.calls)


def test_what_is_referred_to_is_there_after_a_power_loss(tmp_path: Path, crash_seed: int) -> None:
    for after in range(changes(tmp_path / "whole")):
        disk = RamDisk()
        disk.power_after = after
        tapes = Tapes(disk, tmp_path / str(after))
        session = Session(tapes)
        with suppress(PowerLostError):
            session.run()
        tapes.catalog.close()
        left = Tapes(disk.after_power_loss(Random(f"{after} {crash_seed}")), tmp_path / str(after))
        for _ in range(2):
            second = left.load(SECOND, SEGMENT)
            assert second.damage is None
            assert contents(second) in session.possible(), after
            second.close()
            Session(left).delete_first()
        left.catalog.close()


@pytest.mark.parametrize("kept", [False, True])
def test_a_kill_leaves_what_is_referred_to(tmp_path: Path, *, kept: bool) -> None:
    """As above, but what the process wrote is in the page cache, and the catalog may be lost."""
    for after in range(0, changes(tmp_path / "whole"), 3):
        disk = RamDisk()
        disk.power_after = after
        tapes = Tapes(disk, tmp_path / f"{after}")
        session = Session(tapes)
        with suppress(PowerLostError):
            session.run()
        tapes.catalog.close()
        disk.kill()
        left = Tapes(disk, tmp_path / (f"{after}" if kept else f"new {after}"))
        left.load(SECOND, SEGMENT).close()
        left.load(FIRST, SEGMENT).close()
        second = left.load(SECOND, SEGMENT)
        assert contents(second) in session.possible(), after
        second.close()
        left.catalog.close()
