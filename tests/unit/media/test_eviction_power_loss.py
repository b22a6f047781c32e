"""The power goes away at every change of the disk while a tape goes to the store and leaves here.

What the store was given it has; the disk loses what was not synced, and the catalog, which is a
database of its own, keeps what it had committed.
"""

from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.vault import Vault
from pyvtl.store.pack_cache import CacheLimits
from pyvtl.store.stored import StoredPack
from tests.disks import PowerLostError, RamDisk
from tests.pack_sources import MemorySource
from tests.tapes import BEGINNING, Objects, append, as_medium, contents

TAPE = "DEMO01L5"
SEGMENT = 300_000
LIMIT = 200_000
"""Of the cache: less than what is written twice."""
STEP = 3
"""Every third change, from one to the next by the seed: all of them in three runs."""


class Session:
    """What becomes of a tape; `answered` is what an initiator was told to be safe."""

    def __init__(self, disk: RamDisk, path: Path, source: MemorySource) -> None:
        path.mkdir(exist_ok=True)
        self.disk, self.path, self.source = disk, path, source
        self.rows: dict[bytes, StoredPack] = {}
        self.answered: Objects = []
        self.begun: Objects = []
        self.made = False

    def run(self) -> None:
        """Write, seal, upload, evict, read through; then once more; then overwrite all of it."""
        with self.opened() as vault:
            vault.create(TAPE, 1 << 30)
            self.made = True
            tape = vault.open(TAPE)
            for number in range(2):
                more = [Random(number).randbytes(150_000), bytes([number]) * 10_240, None]
                self.write(tape, [*self.answered, *more], len(self.answered))
                tape.seal()
                self.upload(vault)
                assert contents(tape) == self.answered
            self.write(tape, [Random(9).randbytes(350_000), None], 0)
            tape.close()
            self.upload(vault)
            with closing(vault.open(TAPE)) as again:
                assert contents(again) == self.answered

    def opened(self) -> closing[Vault]:
        limits = CacheLimits(LIMIT)
        files, source = self.disk, self.source
        vault = Vault(self.path, files, segment_bytes=SEGMENT, source=source, cache=limits)
        return closing(vault)

    def write(self, tape: Cartridge, objects: Objects, kept: int) -> None:
        """Have the tape hold these objects, of which so many are there already."""
        self.begun = objects
        tape.start_writing(tape.end_of_data(0) if kept else BEGINNING)
        tape.append(as_medium(objects[kept:]))
        tape.sync()
        self.answered = objects

    def upload(self, vault: Vault) -> None:
        """Let the store have all that is closed, and tell the vault so."""
        snapshot = vault.snapshot(TAPE)
        for pack, path in snapshot.packs if snapshot is not None else ():
            if pack.pack_id not in self.rows:
                self.rows[pack.pack_id] = self.source.put(self.disk, path)
        vault.put_stored(TAPE, list(self.rows.values()))

    def possible(self) -> list[Objects]:
        """What may be found: what was answered, or any row of whole objects that was begun."""
        begun = [self.begun[:count] for count in range(len(self.begun) + 1)]
        kept = len(self.answered) if self.begun[:1] == self.answered[:1] else 0
        return [self.answered, *(objects for objects in begun if len(objects) >= kept)]


def changes(path: Path) -> int:
    disk = RamDisk()
    Session(disk, path, MemorySource()).run()
    return len(disk.calls)


def interrupted(after: int, path: Path) -> Session:
    """A session that ends after so many changes of the disk."""
    session = Session(RamDisk(), path, MemorySource())
    session.disk.power_after = after
    with suppress(PowerLostError):
        session.run()
    return session


def found_by(vault: Vault, session: Session) -> Objects:
    """What is on the tape; it must be sound, and there if it was promised."""
    if TAPE not in vault.barcodes():
        assert not session.made
        return []
    with closing(vault.open(TAPE)) as tape:
        assert tape.damage is None
        return contents(tape)


@pytest.mark.slow
def test_what_was_answered_is_there_after_a_power_loss(tmp_path: Path, crash_seed: int) -> None:
    for after in range(crash_seed % STEP, changes(tmp_path / "whole"), STEP):
        session = interrupted(after, tmp_path / str(after))
        session.disk = session.disk.after_power_loss(Random(f"{after} {crash_seed}"))
        with session.opened() as vault:
            found = found_by(vault, session)
            assert found in session.possible(), after
            if session.made:
                goes_on(vault, session, found)


def goes_on(vault: Vault, session: Session, found: Objects) -> None:
    """The tape is written, uploaded, evicted and read as if nothing had been."""
    with closing(vault.open(TAPE)) as tape:
        append(tape, b"goes on", None)
    session.upload(vault)
    vault.cache.evict()
    assert [name for name in session.disk.names if name.suffix == ".segment"] == []
    assert found_by(vault, session) == [*found, b"goes on", None]


@pytest.mark.slow
def test_what_was_answered_is_there_after_a_kill(tmp_path: Path, crash_seed: int) -> None:
    """What a killed process wrote is in the page cache; the catalog is kept."""
    for after in range(crash_seed % STEP, changes(tmp_path / "whole"), STEP):
        session = interrupted(after, tmp_path / str(after))
        session.disk.kill()
        with session.opened() as vault:
            found = found_by(vault, session)
            assert found in session.possible(), after
            if session.made:
                goes_on(vault, session, found)
