"""The catalog is asked by some threads while others write it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from pyvtl.store.catalog import Catalog
from pyvtl.store.format import NO_CHAIN, Place
from pyvtl.store.index import Extent
from pyvtl.store.tape_map import Pack
from pyvtl.store.writer import Progress

TAPE = "DEMO01L5"
PACKS = 300


def pack(number: int) -> Pack:
    """A pack with something on it."""
    extent = Extent(0, Place(number, 0, 0), 0, 0)
    return Pack(number.to_bytes(16), number, 0, 1000, NO_CHAIN, extents=(extent,))


def test_a_pack_is_known_with_all_its_extents_or_not_yet(tmp_path: Path) -> None:
    with closing(Catalog(tmp_path / "catalog")) as catalog, ThreadPoolExecutor(1) as pool:

        def write() -> None:
            for number in range(PACKS):
                catalog.follow(TAPE, Progress(pack(number), sealed=True))
                catalog.settle()

        writing = pool.submit(write)
        while not writing.done():
            for fact in catalog.known(TAPE).values():
                assert fact.pack is not None
                assert len(fact.pack.extents) == 1
        writing.result()
        assert [fact.pack for fact in catalog.known(TAPE).values()] == list(map(pack, range(PACKS)))
