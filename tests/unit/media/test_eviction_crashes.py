"""Whatever a crash interrupts between the store, the rows and the segments: the tape is whole."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pyvtl.media.medium import Position
from pyvtl.media.vault import Vault
from pyvtl.store.files import LocalFiles
from pyvtl.store.pack_cache import CacheLimits
from tests.disks import PowerLostError
from tests.pack_sources import MemorySource, flip_a_bit, push, segments
from tests.pushing import noise
from tests.tapes import append, as_medium, contents

TAPE = "DEMO01L5"
MIB = 1 << 20
ITEMS = [noise(1_000_000, 1), None, noise(1_000_000, 2), None, noise(500_000, 3)]

CHANGES = ("rename", "unlink", "pwritev", "fdatasync", "sync_folder")


class MortalDisk(LocalFiles):
    """A real disk on which the process ends at one of the calls that change something.

    What the folder held at that moment is copied to `grave`.
    """

    def __init__(self, path: Path, grave: Path) -> None:
        self._path, self._grave = path, grave
        self.calls_left: int | None = None
        for name in CHANGES:
            setattr(self, name, self._mortal(getattr(self, name)))

    def _mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(*arguments: Any) -> Any:
            if self.calls_left is not None:
                self.calls_left -= 1
                if self.calls_left == -1:
                    shutil.copytree(self._path, self._grave)
                if self.calls_left < 0:
                    raise PowerLostError
            return call(*arguments)

        return mortal


def evict(vault: Vault, path: Path, source: MemorySource) -> None:
    push(vault, path, source, TAPE)


def overwrite(vault: Vault, path: Path, source: MemorySource) -> None:
    push(vault, path, source, TAPE)
    with closing(vault.open(TAPE)) as tape:
        tape.start_writing(Position())
        tape.append(as_medium([b"new"]))


def mend(vault: Vault, path: Path, source: MemorySource) -> None:
    push(vault, path, source, TAPE)
    for segment in segments(path, TAPE):
        segment.write_bytes(flip_a_bit(segment.read_bytes()))
    with closing(vault.open(TAPE)) as tape:
        contents(tape)


def delete(vault: Vault, path: Path, source: MemorySource) -> None:
    push(vault, path, source, TAPE)
    vault.delete(TAPE)


Act = Callable[[Vault, Path, MemorySource], None]


def opened(path: Path, source: MemorySource, limit: int, disk: LocalFiles | None = None) -> Vault:
    limits = CacheLimits(limit)
    return Vault(path, disk, segment_bytes=MIB, source=source, cache=limits)


@pytest.mark.parametrize("act", [evict, overwrite, mend, delete])
@pytest.mark.parametrize("limit", [0, 2 * MIB], ids=["all", "some"])
def test_a_tape_is_whole_wherever_the_process_ended(tmp_path: Path, act: Act, limit: int) -> None:
    for moment in count():
        path, grave, source = tmp_path / f"{moment}", tmp_path / f"{moment}-dead", MemorySource()
        path.mkdir()
        disk = MortalDisk(path, grave)
        with ExitStack() as stack:
            stack.enter_context(suppress(PowerLostError))
            vault = opened(path, source, limit, disk)
            stack.enter_context(closing(vault))
            vault.create(TAPE, 1 << 30)
            with closing(vault.open(TAPE)) as tape:
                append(tape, *ITEMS)
            disk.calls_left = moment
            act(vault, path, source)
            disk.calls_left = None
        if not grave.exists():
            break  # It came to its end.
        with closing(opened(grave, source, limit)) as vault:
            check(vault, act, moment)
    assert moment >= 4


def check(vault: Vault, act: Act, moment: int) -> None:
    """The tape is what it was, or what it was to become."""
    if not vault.volumes():
        assert act is delete
        assert vault.cache.figures().used_bytes == 0
        return
    with closing(vault.open(TAPE)) as tape:
        assert tape.damage is None, moment
        found = contents(tape)
    assert found == ITEMS or (act is overwrite and found == [b"new"]), moment
