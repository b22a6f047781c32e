"""What every dedup index promises, and what the one on the disk does besides."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from pyvtl.store.block_index import LmdbIndex, MemoryIndex
from pyvtl.store.files import LocalFiles
from pyvtl.store.runs import ROW_BITS

Index: TypeAlias = LmdbIndex | MemoryIndex
A, B = b"pack a".ljust(16), b"pack b".ljust(16)


def opened(path: Path, label: str = "pool", entries: int = 1000) -> LmdbIndex:
    return LmdbIndex(LocalFiles(), path / "index", label, entries)


@pytest.fixture(params=["memory", "lmdb"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex()
        return
    made = opened(tmp_path)
    made.completed()
    yield made
    made.close()


def key(number: int) -> bytes:
    return number.to_bytes(8, "big")


def found(index: Index, number: int) -> tuple[bytes | None, int] | None:
    """The pack and the row of a block."""
    hint = index.find(key(number))
    return None if hint is None else (index.pack(hint >> ROW_BITS), hint % (1 << ROW_BITS))


def test_what_was_published_is_found(index: Index) -> None:
    index.publish(A, {key(1): 0, key(2): 7})
    assert [found(index, n) for n in (1, 2, 3)] == [(A, 0), (A, 7), None]


def test_a_block_that_is_known_stays_where_it_is(index: Index) -> None:
    index.publish(A, {key(1): 0})
    index.publish(B, {key(1): 5, key(2): 6})
    assert [found(index, n) for n in (1, 2)] == [(A, 0), (B, 6)]


def test_blocks_in_sequence_have_hints_in_sequence(index: Index) -> None:
    index.publish(A, {key(1): 0})
    index.publish(B, {key(9): 3, key(4): 4})
    first, second = index.find(key(9)), index.find(key(4))
    assert first is not None
    assert second == first + 1


def test_a_pack_that_is_forgotten_is_not_found(index: Index) -> None:
    index.publish(A, {key(1): 0})
    index.publish(B, {key(2): 0})
    hint = index.find(key(1))
    assert hint is not None
    index.forget(hint >> ROW_BITS)
    assert [found(index, n) for n in (1, 2)] == [None, (B, 0)]
    index.publish(B, {key(1): 4})
    assert found(index, 1) == (B, 4)


def test_the_oldest_packs_fall_out(tmp_path: Path) -> None:
    index = opened(tmp_path, entries=10)
    index.completed()
    for pack in range(5):
        index.publish(bytes([pack] * 16), {key(4 * pack + n): n for n in range(4)})
    assert len(index) == 8
    assert [found(index, 4 * pack) is not None for pack in range(5)] == [False] * 3 + [True] * 2
    index.close()


def test_nothing_is_found_until_it_is_complete(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.publish(A, {key(1): 0})
    assert found(index, 1) is None
    index.completed()
    assert found(index, 1) == (A, 0)
    index.close()


def test_it_is_kept_when_it_was_left_clean(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.publish(A, {key(1): 0})
    index.completed()
    index.close()
    again = opened(tmp_path)
    assert (again.complete, found(again, 1)) == (True, (A, 0))
    again.close()


@pytest.mark.parametrize("left", ["unclean", "incomplete", "of another scope"])
def test_it_is_emptied_otherwise(tmp_path: Path, left: str) -> None:
    index = opened(tmp_path)
    index.publish(A, {key(1): 0})
    if left != "incomplete":
        index.completed()
    index.close()
    if left == "unclean":
        opened(tmp_path)._env.close()
    again = opened(tmp_path, "tape" if left == "of another scope" else "pool")
    assert (again.complete, len(again)) == (False, 0)
    again.close()


def test_an_index_that_is_full_costs_dedup_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyvtl.store.block_index.SMALLEST_FILE", 1 << 17)
    index = opened(tmp_path)
    index.completed()
    for pack in range(20):
        index.publish(bytes([pack] * 16), {key(1000 * pack + n): n for n in range(900)})
    index.close()
    again = opened(tmp_path)
    assert not again.complete
    again.close()
