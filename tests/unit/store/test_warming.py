"""A tape is brought here step by step, as far as there is room."""

from contextlib import closing
from pathlib import Path

import pytest

from pyvtl.media.vault import Vault
from pyvtl.store.pack_cache import CHUNK, CacheLimits
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.warming import STEP, Warmed, warm
from tests.pack_sources import MemorySource, push
from tests.pushing import noise
from tests.tapes import append, contents

TAPE = "DEMO01L5"
MIB = 1 << 20
DATA = noise(10 * CHUNK)


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


def opened(path: Path, source: MemorySource, limit: int) -> Vault:
    return Vault(path, segment_bytes=64 * MIB, source=source, cache=CacheLimits(limit))


@pytest.fixture
def stored(tmp_path: Path, source: MemorySource) -> int:
    """A tape of ten pieces and a bit, in the store alone: the bytes of its pack."""
    with closing(opened(tmp_path, source, 0)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, DATA)
        push(vault, tmp_path, source, TAPE)
        (pack,) = vault.cache.rows.needed(TAPE)
    return pack.length


def test_a_tape_is_brought_here_in_steps(tmp_path: Path, source: MemorySource, stored: int) -> None:
    with closing(opened(tmp_path, source, 64 * MIB)) as vault:
        assert warm(vault.cache, TAPE) == Warmed(STEP, STEP * CHUNK, stored, 0)
        assert warm(vault.cache, TAPE, STEP) == Warmed(None, stored, stored, 0)
        assert sum(length for _, length in source.fetched) == stored
        source.fetched.clear()
        with closing(vault.open(TAPE)) as tape:
            assert contents(tape) == [DATA]
        warm(vault.cache, TAPE)
        assert source.fetched == []


def test_what_has_no_room_is_left(tmp_path: Path, source: MemorySource, stored: int) -> None:
    with closing(opened(tmp_path, source, 14 * MIB)) as vault:
        assert warm(vault.cache, TAPE) == Warmed(None, 3 * CHUNK, 3 * CHUNK, stored - 3 * CHUNK)
        assert vault.cache.figures().used_bytes == 3 * CHUNK


def test_a_segment_that_is_here_is_not_fetched(tmp_path: Path, source: MemorySource) -> None:
    with closing(opened(tmp_path, source, 64 * MIB)) as vault:
        vault.create(TAPE, 1 << 40)
        with closing(vault.open(TAPE)) as tape:
            append(tape, DATA)
        push(vault, tmp_path, source, TAPE)
        assert warm(vault.cache, TAPE, STEP).following is None
        assert source.fetched == []


def test_a_store_out_of_reach_is_told(tmp_path: Path, source: MemorySource, stored: int) -> None:
    source.reachable = False
    with (
        closing(opened(tmp_path, source, 64 * MIB)) as vault,
        pytest.raises(UnreachableError),
    ):
        warm(vault.cache, TAPE)
    assert stored > len(DATA)
