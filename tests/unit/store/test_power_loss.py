"""The power goes away, or the process is killed, at every single change of the disk."""

from contextlib import suppress
from random import Random

import pytest

from pyvtl.store.contents import TapeContents
from pyvtl.store.loading import TapeFolder
from pyvtl.store.loading import load_tape as load_segments
from tests.disks import PowerLostError, RamDisk
from tests.tapes import BEGINNING, FOLDER, KEY, Objects, append, as_medium, contents, load_tape

ROUNDS_PER_CHANGE = 16
"""Every change of the disk gets one in so many of the rounds that `--crash-rounds` asks for."""


class Session:
    """What an initiator does with a tape; `answered` is what it was told to be safe."""

    def __init__(self, disk: RamDisk) -> None:
        self.disk = disk
        self.answered: Objects = []
        self.begun: Objects = []

    def run(self) -> None:
        cartridge = load_tape(self.disk)
        for number in range(3):
            self.begun = [*self.answered, bytes([number]) * 10_240, b"x" * 150_000, None]
            append(cartridge, *self.begun[len(self.answered) :])
            cartridge.sync()
            self.answered = self.begun
        cartridge.close()
        cartridge = load_tape(self.disk)
        self.begun = [b"new" * 20_000, None]
        cartridge.start_writing(BEGINNING)
        cartridge.append(as_medium(self.begun))
        cartridge.sync()
        self.answered = self.begun
        cartridge.close()


def changes() -> int:
    disk = RamDisk()
    Session(disk).run()
    return len(disk.calls)


def possible(session: Session) -> list[Objects]:
    """What the tape may hold: what was answered, and any row of whole objects that was begun."""
    begun = [session.begun[:count] for count in range(len(session.begun) + 1)]
    overwritten = session.begun[:1] != session.answered[:1]
    kept = 0 if overwritten else len(session.answered)
    return [session.answered, *(objects for objects in begun if len(objects) >= kept)]


def interrupted(after: int) -> Session:
    """A session that ends after so many changes of the disk."""
    disk = RamDisk()
    disk.power_after = after
    session = Session(disk)
    with suppress(PowerLostError):
        session.run()
    return session


@pytest.fixture
def seeds(crash_rounds: int, crash_seed: int) -> range:
    return range(crash_seed, crash_seed + max(1, crash_rounds // ROUNDS_PER_CHANGE))


@pytest.mark.parametrize("after", range(changes()))
def test_what_was_answered_is_there_after_a_power_loss(after: int, seeds: range) -> None:
    session = interrupted(after)
    for seed in seeds:
        left = session.disk.after_power_loss(Random(f"{after} {seed}"))
        cartridge = load_tape(left)
        found = contents(cartridge)
        assert cartridge.damage is None
        assert found in possible(session)
        append(cartridge, b"goes on")
        cartridge.close()
        assert contents(load_tape(left)) == [*found, b"goes on"]


@pytest.mark.parametrize("after", range(changes()))
def test_what_a_crash_left_reads_the_same_before_it_is_mended(after: int, seeds: range) -> None:
    """Without a single change of the disk."""
    session = interrupted(after)
    for seed in seeds:
        left = session.disk.after_power_loss(Random(f"{after} {seed}"))
        folder = TapeFolder(left, FOLDER, KEY, bytes(16), FOLDER.name)
        tape = TapeContents(folder)
        found = [list(tape.files()), [b"".join(tape.read(file)) for file in tape.files()]]
        before, packs = [list(tape.gaps()), tape.damage, left.calls], tape.loaded.packs
        tape.close()
        assert before == [[], [], []]
        assert load_segments(folder).packs == packs
        assert load_segments(folder).leftovers == {}
        mended = TapeContents(folder)
        files = list(mended.files())
        assert found == [files, [b"".join(mended.read(file)) for file in files]]
        mended.close()


@pytest.mark.parametrize("after", range(changes()))
def test_a_power_loss_after_a_kill_takes_nothing_that_was_answered(
    after: int, seeds: range
) -> None:
    """What a killed process wrote is in the page cache: found at the next load, not yet safe."""
    for seed in seeds:
        session = interrupted(after)
        disk = session.disk
        disk.kill()
        cartridge = load_tape(disk)
        found = contents(cartridge)
        assert found in possible(session)
        loaded = load_tape(disk.after_power_loss(Random(f"{after} {seed}")))
        assert loaded.damage is None
        assert contents(loaded) in possible(session)
        append(cartridge, b"goes on")
        cartridge.sync()
        again = load_tape(disk.after_power_loss(Random(f"{after} {seed}")))
        assert again.damage is None
        assert contents(again) == [*found, b"goes on"]
