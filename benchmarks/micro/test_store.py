"""What it costs to know a block, and to find one."""

import secrets
from collections.abc import Iterator
from itertools import cycle
from random import Random
from typing import Any

import pytest

from benchmarks.parts import BLOCK, BLOCK_SIZE
from pyvtl.store.block_index import LmdbIndex
from pyvtl.store.compression import Compressor
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import keyed_hash
from pyvtl.wire.checksum import crc32c

ENTRIES = 100_000
PACK = 4096
KINDS = {"random": Random(1).randbytes(BLOCK_SIZE), "zeros": bytes(BLOCK)}


def test_hash(benchmark: Any) -> None:
    """BLAKE3 of a block."""
    benchmark(keyed_hash, bytes(32), BLOCK)


def test_crc32c(benchmark: Any) -> None:
    """The checksum of a block."""
    benchmark(crc32c, BLOCK)


@pytest.mark.parametrize("kind", KINDS)
def test_compression(benchmark: Any, kind: str) -> None:
    """zstd at level 1, when the drive has time for it."""
    compressor = Compressor()
    compressor.wanted = True
    benchmark(compressor.pack, KINDS[kind])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LmdbIndex, list[bytes]]]:
    """A dedup index of 10^5 blocks, and what is in it."""
    made = LmdbIndex(LocalFiles(), tmp_path_factory.mktemp("micro") / "index", "pool")
    made.completed()
    known: list[bytes] = []
    for _ in range(0, ENTRIES, PACK):
        keys = [secrets.token_bytes(8) for _ in range(PACK)]
        made.publish(secrets.token_bytes(16), {key: row for row, key in enumerate(keys)})
        known += keys
    yield made, known
    made.close()


@pytest.mark.parametrize("known", [True, False], ids=["hit", "miss"])
def test_dedup_index(benchmark: Any, index: tuple[LmdbIndex, list[bytes]], known: bool) -> None:
    """Ask for a block."""
    made, there = index
    keys = Random(1).sample(there, 4096) if known else [secrets.token_bytes(8) for _ in range(4096)]
    following = cycle(keys)
    found = benchmark(lambda: made.find(next(following)))
    assert (found is not None) is known
