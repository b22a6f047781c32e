"""The room of the cache: no more is there than what is counted, and no more counted than may be."""

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyvtl.store.cache_space import CacheSpace, Entry, Key

PACKS = [bytes([number]) * 16 for number in range(4)]


class Disk:
    """Files by key, and how much they take."""

    def __init__(self) -> None:
        self.files: dict[Key, int] = {}
        self.failing = False

    def remove(self, key: Key, path: Path) -> None:
        if self.failing:
            raise OSError
        del self.files[key]

    @property
    def used(self) -> int:
        return sum(self.files.values())


@pytest.fixture
def disk() -> Disk:
    return Disk()


def put(space: CacheSpace, disk: Disk, key: Key, size: int) -> bool:
    """Write a file if there is room for it."""
    taken = space.take(key, Entry(Path("x"), size))
    if taken:
        disk.files[key] = size
        space.release(key)
    return taken


def key(pack: int, part: int = 0) -> Key:
    return PACKS[pack], part


def test_what_was_used_longest_ago_goes_first(disk: Disk) -> None:
    space = CacheSpace(30, disk.remove)
    for number in range(3):
        assert put(space, disk, key(number), 10)
    assert space.hold(key(0))
    space.release(key(0))
    assert put(space, disk, key(3), 15)
    assert disk.files == {key(0): 10, key(3): 15}
    assert space.used_bytes == 25


def test_what_is_held_or_pinned_stays(disk: Disk) -> None:
    space = CacheSpace(20, disk.remove)
    put(space, disk, key(0), 10)
    put(space, disk, key(1), 10)
    space.pinned = frozenset({PACKS[1]})
    space.hold(key(0))
    assert not put(space, disk, key(2), 10)
    space.release(key(0))
    assert put(space, disk, key(2), 10)
    assert disk.files == {key(1): 10, key(2): 10}


def test_what_cannot_fit_drives_nothing_out(disk: Disk) -> None:
    space = CacheSpace(20, disk.remove)
    put(space, disk, key(0), 10)
    assert not put(space, disk, key(1), 21)
    assert disk.files == {key(0): 10}


def test_a_file_that_cannot_be_deleted_counts_on(disk: Disk) -> None:
    space = CacheSpace(20, disk.remove)
    put(space, disk, key(0), 20)
    disk.failing = True
    assert not put(space, disk, key(1), 10)
    space.trim(0)
    assert (space.used_bytes, space.has(key(0))) == (20, True)
    disk.failing = False
    space.trim(0)
    assert (space.used_bytes, disk.files) == (0, {})


def test_without_a_limit_nothing_goes(disk: Disk) -> None:
    space = CacheSpace(None, disk.remove)
    for number in range(4):
        assert put(space, disk, key(number), 1 << 40)
    space.trim()
    assert len(disk.files) == 4


def test_a_file_is_not_held_while_it_goes() -> None:
    held: list[bool] = []
    space = CacheSpace(10, lambda key, _path: held.append(space.hold(key)))
    space.add(key(0), Entry(Path("x"), 10))
    space.trim(0)
    assert held == [False]
    assert space.hold(key(0))


class Model:
    """Files in the order of their use, of which one pack is pinned."""

    def __init__(self, limit: int) -> None:
        self.limit, self.pinned = limit, b""
        self.files: OrderedDict[Key, int] = OrderedDict()

    def put(self, wanted: Key, size: int) -> bool:
        if wanted in self.files or not self.trim(self.limit - size):
            return False
        self.files[wanted] = size
        return True

    def use(self, wanted: Key) -> None:
        if wanted in self.files:
            self.files.move_to_end(wanted)

    def trim(self, limit: int) -> bool:
        while sum(self.files.values()) > limit:
            going = next((name for name in self.files if name[0] != self.pinned), None)
            if going is None:
                return False
            del self.files[going]
        return True


steps = st.tuples(
    st.sampled_from(["put", "use", "pin", "trim"]), st.integers(0, 3), st.integers(1, 9)
)


@given(st.lists(steps))
def test_it_does_what_a_list_of_files_would(steps: list[tuple[str, int, int]]) -> None:
    disk, model = Disk(), Model(12)
    space = CacheSpace(12, disk.remove)
    for step, pack, size in steps:
        match step:
            case "put":
                assert put(space, disk, key(pack), size) == model.put(key(pack), size)
            case "use":
                space.hold(key(pack))
                space.release(key(pack))
                model.use(key(pack))
            case "pin":
                model.pinned = PACKS[pack]
                space.pinned = frozenset({PACKS[pack]})
            case _:
                space.trim(size)
                model.trim(size)
        assert disk.files == model.files
        assert space.used_bytes == disk.used <= 12


def test_many_threads_never_pass_the_limit() -> None:
    disk, lock, most = Disk(), threading.Lock(), [0]

    def remove(gone: Key, path: Path) -> None:
        with lock:
            del disk.files[gone]

    space = CacheSpace(100, remove)

    def work(seed: int) -> None:
        random = Random(seed)
        for _ in range(500):
            wanted = key(random.randrange(4), random.randrange(20))
            size = random.randrange(1, 30)
            if space.take(wanted, Entry(Path("x"), size)):
                with lock:
                    disk.files[wanted] = size
                    most[0] = max(most[0], disk.used)
                space.release(wanted)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert 50 < most[0] <= 100
    assert space.used_bytes == disk.used
