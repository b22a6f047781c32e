"""Pieces of packs are fetched once, ahead of who reads in sequence, and never trusted blindly."""

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

import pytest

from pyvtl.media.vault import Vault
from pyvtl.store.cache_names import name_of
from pyvtl.store.files import LocalFiles
from pyvtl.store.pack_cache import AHEAD, CHUNK, CacheFigures, CacheLimits, PackCache
from pyvtl.store.pack_reader import PackReader
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.stored import StoredPack
from tests.disks import Meanwhile
from tests.pack_sources import MemorySource, allocated, push, segments
from tests.pushing import noise
from tests.tapes import append, contents

TAPE = "DEMO01L5"
MIB = 1 << 20
PIECES = 8


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def vault(tmp_path: Path, source: MemorySource) -> Iterator[Vault]:
    """A tape in one pack of eight pieces, which is in the store alone."""
    limits = CacheLimits(256 * MIB)
    with closing(Vault(tmp_path, segment_bytes=64 * MIB, source=source, cache=limits)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, noise(PIECES * CHUNK - MIB))
        push(vault, tmp_path, source, TAPE)
        vault.cache.evict()
        yield vault


@pytest.fixture
def cache(vault: Vault) -> PackCache:
    return vault.cache


@pytest.fixture
def stored(cache: PackCache) -> StoredPack:
    (stored,) = cache.rows.needed(TAPE)
    return stored


def starts(source: MemorySource) -> list[int]:
    """Which pieces were fetched."""
    return sorted(start // CHUNK for start, _ in source.fetched)


def test_a_piece_is_fetched_once(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    pack = source.packs[stored.pack_id]
    assert cache.chunk(stored, 2, 100, 1000) == pack[2 * CHUNK + 100 :][:1000]
    assert cache.chunk(stored, 2, 0, CHUNK) == pack[2 * CHUNK :][:CHUNK]
    assert source.fetched == [(2 * CHUNK, CHUNK)]
    assert cache.figures() == CacheFigures(256 * MIB, CHUNK, 0, hits=1, misses=1)


def test_the_last_piece_is_as_long_as_the_pack(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    rest = stored.length - 7 * CHUNK
    assert cache.chunk(stored, 7, 0, rest) == source.packs[stored.pack_id][7 * CHUNK :]
    assert source.fetched == [(7 * CHUNK, rest)]


def test_who_reads_in_sequence_finds_pieces_there(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    reader, pack = PackReader(cache, stored), source.packs[stored.pack_id]
    step = 3 * MIB
    for offset in range(0, stored.length, step):
        assert reader.read(offset, step) == pack[offset : offset + step]
    assert starts(source) == list(range(PIECES))
    assert cache.figures().misses <= 1


def test_who_reads_a_tape_in_sequence_finds_the_next_pack_there(
    tmp_path: Path, source: MemorySource
) -> None:
    records = [noise(MIB, seed) for seed in range(40)]
    limits = CacheLimits(256 * MIB)
    with closing(Vault(tmp_path, segment_bytes=12 * MIB, source=source, cache=limits)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, *records)
        push(vault, tmp_path, source, TAPE)
        vault.cache.evict()
        assert len(source.packs) == 4
        with closing(vault.open(TAPE)) as tape:
            assert contents(tape) == records
        assert vault.cache.figures().misses <= 1


def test_no_more_pieces_than_set_are_on_their_way(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    source.answering.clear()
    cache.fetch_ahead(stored, 0)
    cache.fetch_ahead(stored, 0)
    assert cache.figures().used_bytes <= AHEAD * CHUNK
    source.answering.set()
    cache.close()
    assert set(starts(source)) <= set(range(1, AHEAD + 1))


def test_who_jumps_about_has_nothing_fetched_ahead(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    reader = PackReader(cache, stored)
    for number in (5, 2, 7):
        reader.read(number * CHUNK, 100)
    assert starts(source) == [2, 5, 7]


def test_two_who_want_the_same_piece_fetch_it_once(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    source.answering.clear()
    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(cache.chunk, stored, 3, 0, 100) for _ in range(4)]
        source.answering.set()
        pieces = {each.result() for each in found}
    assert pieces == {source.packs[stored.pack_id][3 * CHUNK :][:100]}
    assert source.fetched == [(3 * CHUNK, CHUNK)]


def test_a_piece_is_fetched_again_after_the_disk_failed_who_fetched_it(
    tmp_path: Path, source: MemorySource
) -> None:
    disk = Meanwhile()
    with closing(Vault(tmp_path, disk, segment_bytes=8 * MIB, source=source)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, noise(2 * MIB))
        push(vault, tmp_path, source, TAPE)
        vault.cache.evict()
        (stored,) = vault.cache.rows.needed(TAPE)
        piece = f"{stored.pack_id.hex()}-0"

        def fail() -> None:
            raise OSError(errno.EMFILE, "too many open files")

        disk.before("open", lambda: disk.before("open", fail, piece), piece)
        with pytest.raises(OSError, match="too many"):
            vault.cache.chunk(stored, 0, 0, 100)
        assert vault.cache.chunk(stored, 0, 0, 100) == source.packs[stored.pack_id][:100]


def test_a_piece_that_did_not_come_is_asked_for_again(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    source.reachable = False
    with pytest.raises(UnreachableError):
        cache.chunk(stored, 0, 0, 100)
    assert cache.figures().used_bytes == 0
    source.reachable = True
    assert cache.chunk(stored, 0, 0, 100) == source.packs[stored.pack_id][:100]


def test_what_was_fetched_is_there_after_a_restart(
    vault: Vault, stored: StoredPack, source: MemorySource, tmp_path: Path
) -> None:
    vault.cache.chunk(stored, 1, 0, 100)
    vault.close()
    (tmp_path / "cache" / f"{stored.pack_id.hex()}-2.new").write_bytes(b"torn")
    (tmp_path / "cache" / f"{bytes(16).hex()}-0").write_bytes(b"of nobody")
    source.reachable = False
    with closing(Vault(tmp_path, source=source, cache=CacheLimits(256 * MIB))) as again:
        assert again.cache.chunk(stored, 1, 0, 100) == source.packs[stored.pack_id][CHUNK:][:100]
        assert again.cache.figures().used_bytes == CHUNK
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [f"{stored.pack_id.hex()}-1"]


@pytest.mark.parametrize("left", [None, b"", b"torn"])
def test_a_piece_that_was_lost_or_torn_is_fetched_again(
    cache: PackCache, stored: StoredPack, source: MemorySource, tmp_path: Path, left: bytes | None
) -> None:
    """Nothing in the cache was synced: a power loss leaves what it likes."""
    cache.chunk(stored, 1, 0, 100)
    (file,) = (tmp_path / "cache").iterdir()
    if left is None:
        file.unlink()
    else:
        file.write_bytes(left)
    pack = source.packs[stored.pack_id]
    assert cache.chunk(stored, 1, 0, CHUNK) == pack[CHUNK : 2 * CHUNK]
    assert cache.chunk(stored, 1, 5, 5) == pack[CHUNK:][5:10]
    assert cache.figures().used_bytes == CHUNK


def test_pins_are_kept_over_a_restart_and_keep_copies(
    vault: Vault, stored: StoredPack, source: MemorySource, tmp_path: Path
) -> None:
    vault.cache.chunk(stored, 1, 0, 100)
    vault.cache.pin(TAPE)
    vault.close()
    with closing(Vault(tmp_path, source=source, cache=CacheLimits(0))) as again:
        again.cache.evict()
        assert again.cache.figures()[:3] == (0, CHUNK, CHUNK)
        again.cache.unpin(TAPE)
        assert again.cache.figures()[:3] == (0, 0, 0)


class HeldAtOneRename(LocalFiles):
    """A disk on which the next file waits to get its name once `begun` is cleared."""

    def __init__(self) -> None:
        self.begun, self.go_on = Event(), Event()
        self.begun.set()

    def rename(self, source: Path, destination: Path) -> None:
        if not self.begun.is_set():
            self.begun.set()
            self.go_on.wait()
        super().rename(source, destination)


def test_two_who_evict_segments_of_one_tape_do_not_disturb_each_other(
    tmp_path: Path, source: MemorySource
) -> None:
    disk = HeldAtOneRename()
    with (
        closing(Vault(tmp_path, disk, segment_bytes=4 * MIB, source=source)) as vault,
        ThreadPoolExecutor(2) as pool,
    ):
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, noise(10 * MIB))
        push(vault, tmp_path, source, TAPE)
        disk.begun.clear()
        one = pool.submit(vault.cache.evict)
        disk.begun.wait()
        other = pool.submit(vault.cache.evict)
        wait([other], timeout=0.3)  # It would be through by then, did it not wait for the first.
        disk.go_on.set()
        wait([one, other])
        assert segments(tmp_path, TAPE) == []


def test_nobody_waits_for_ever_for_a_piece_when_the_cache_is_closed(
    cache: PackCache, stored: StoredPack, source: MemorySource
) -> None:
    source.answering.clear()
    for _ in range(2 * AHEAD):
        cache._pool.submit(source.answering.wait)
    (waits,) = cache.fetch(stored, [0])
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(cache.close)
        try:
            with pytest.raises(UnreachableError, match="closed"):
                waits.result(timeout=10)
        finally:
            source.answering.set()
        closed.result()
    (refused,) = cache.fetch(stored, [0])
    with pytest.raises(UnreachableError, match="closed"):
        refused.result(timeout=10)


@contextmanager
def in_the_store_alone(path: Path, disk: LocalFiles, source: MemorySource) -> Iterator[Vault]:
    """A tape of one pack, of which nothing but the mark is here, on that disk."""
    with closing(Vault(path, disk, segment_bytes=8 * MIB, source=source)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, noise(2 * MIB))
        push(vault, path, source, TAPE)
        vault.cache.evict()
        yield vault


def test_a_piece_counts_that_was_fetched_just_after_somebody_missed_it(
    tmp_path: Path, source: MemorySource
) -> None:
    with in_the_store_alone(tmp_path, disk := Meanwhile(), source) as vault:
        cache = vault.cache
        (stored,) = cache.rows.needed(TAPE)
        disk.missing = lambda: wait(cache.fetch(stored, [0]))
        assert len(cache.chunk(stored, 0, 0, MIB)) == MIB
        assert cache.figures().used_bytes == allocated(tmp_path) > 2 * MIB


def test_a_piece_that_somebody_deleted_counts_no_longer(
    tmp_path: Path, cache: PackCache, stored: StoredPack
) -> None:
    wait(cache.fetch(stored, [0]))
    (tmp_path / "cache" / name_of((stored.pack_id, 0))).unlink()
    assert len(cache.chunk(stored, 0, 0, MIB)) == MIB
    assert cache.figures().used_bytes == allocated(tmp_path)


def test_an_outline_counts_although_somebody_looks_for_it_while_it_is_written(
    tmp_path: Path, source: MemorySource
) -> None:
    with in_the_store_alone(tmp_path, disk := Meanwhile(), source) as vault:
        cache = vault.cache
        (stored,) = cache.rows.needed(TAPE)
        disk.before("open", lambda: cache.footer_here(stored.pack_id), "-outline.new")
        cache.outline(stored, vault._key)
        assert cache.footer_here(stored.pack_id) is not None
        assert cache.figures().used_bytes == allocated(tmp_path) > 0
