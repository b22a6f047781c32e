"""Two tapes that share blocks are lists, whatever is pushed, evicted, damaged and read through."""

import shutil
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.checking import StoreCheck
from pyvtl.media.medium import Position
from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from pyvtl.store.files import LocalFiles
from pyvtl.store.pack_cache import CacheLimits
from tests.fuzz.budget import share
from tests.pack_sources import MemorySource, allocated, flip_a_bit, segments
from tests.tapes import Objects, append, as_medium, contents

TAPES = ("DEMO01L5", "DEMO02L5")
BLOCK = 65_536
BLOCKS = [Random(number).randbytes(BLOCK) for number in range(60)]
IN_MEMORY = Path("/dev/shm")
LIMITS = (0, 100_000, 400_000, 4 << 20)

barcodes = st.sampled_from(TAPES)
runs = st.tuples(st.integers(0, 59), st.integers(1, 40))
shapes = st.lists(st.none() | runs, min_size=1, max_size=4)


def made(shape: list[tuple[int, int] | None]) -> Objects:
    """Records of blocks that others may have too."""
    found: Objects = []
    for run in shape:
        if run is None:
            found.append(None)
        else:
            found += [b"".join(BLOCKS[run[0] :][: run[1]])]
    return found


class EvictionMachine(RuleBasedStateMachine):
    """`model` is what the tapes hold."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(mkdtemp(dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.source, self.limit = MemorySource(), LIMITS[0]
        self.model: dict[str, Objects] = {barcode: [] for barcode in TAPES}
        self.vault = self.opened()
        for barcode in TAPES:
            self.vault.create(barcode, 1 << 30)
        self.loaded: dict[str, Cartridge] = {}

    def opened(self) -> Vault:
        return Vault(
            self.path,
            segment_bytes=300_000,
            dedup=Scope.POOL,
            source=self.source,
            cache=CacheLimits(self.limit),
        )

    def tape(self, barcode: str) -> Cartridge:
        if barcode not in self.loaded:
            self.loaded[barcode] = self.vault.open(barcode)
            assert self.loaded[barcode].damage is None
        return self.loaded[barcode]

    @rule(barcode=barcodes, shape=shapes)
    def write(self, barcode: str, shape: list[tuple[int, int] | None]) -> None:
        append(self.tape(barcode), *made(shape))
        self.model[barcode] += made(shape)

    @rule(barcode=barcodes, shape=shapes, number=st.integers(0, 100))
    def overwrite(self, barcode: str, shape: list[tuple[int, int] | None], number: int) -> None:
        kept = number % (len(self.model[barcode]) + 1)
        tape = self.tape(barcode)
        tape.start_writing(tape.locate(0, kept))
        tape.append(as_medium(made(shape)))
        self.model[barcode] = self.model[barcode][:kept] + made(shape)

    @rule(barcode=barcodes)
    def unload(self, barcode: str) -> None:
        if barcode in self.loaded:
            self.loaded.pop(barcode).close()

    @rule(barcode=barcodes, count=st.integers(1, 9))
    def push(self, barcode: str, count: int) -> None:
        """Some of the segments that nobody writes go to the store, the first ones first."""
        self.unload(barcode)
        files = segments(self.path, barcode)[:count]
        self.vault.put_stored(barcode, [self.source.put(LocalFiles(), file) for file in files])

    @rule()
    def evict(self) -> None:
        self.vault.cache.evict()

    @rule(barcode=barcodes, wanted=st.booleans())
    def pin(self, barcode: str, wanted: bool) -> None:
        (self.vault.cache.pin if wanted else self.vault.cache.unpin)(barcode)

    @rule(barcode=barcodes, number=st.integers(0, 100))
    def read_on(self, barcode: str, number: int) -> None:
        tape, kept = self.tape(barcode), number % (len(self.model[barcode]) + 1)
        assert contents(tape, tape.locate(0, kept)) == self.model[barcode][kept:]

    @rule(barcode=barcodes, number=st.integers(0, 100))
    def spoil(self, barcode: str, number: int) -> None:
        """A byte of a clean segment, or of what was read back, is not what it was."""
        clean = {pack_id.hex() for pack_id in self.vault.cache.rows.clean()}
        files = [file for file in segments(self.path, barcode) if file.stem[9:] in clean]
        files += sorted((self.path / "cache").iterdir())
        if files:
            file = files[number % len(files)]
            file.write_bytes(flip_a_bit(file.read_bytes(), file.stat().st_size * number // 101))

    @rule(limit=st.sampled_from(LIMITS), rebuilt=st.booleans())
    def restart(self, limit: int, rebuilt: bool) -> None:
        for barcode in TAPES:
            self.unload(barcode)
        self.vault.close()
        if rebuilt:
            rebuild_catalog(self.path)
        self.limit = limit
        self.vault = self.opened()

    @invariant()
    def ends_are_the_model_s(self) -> None:
        for barcode, tape in self.loaded.items():
            items = self.model[barcode]
            size = sum(len(item) for item in items if item is not None)
            assert tape.end_of_data(0) == Position(0, len(items), items.count(None), size)

    @invariant()
    def copies_keep_to_the_limit(self) -> None:
        figures = self.vault.cache.figures()
        clean = [pack_id.hex() for pack_id in self.vault.cache.rows.clean()]
        assert figures.used_bytes >= allocated(self.path, clean)
        if not figures.pinned_bytes:
            assert figures.used_bytes <= self.limit

    def teardown(self) -> None:
        """What is spoiled and was not read goes with the pins, before all is checked."""
        self.restart(LIMITS[0], rebuilt=False)
        for barcode in TAPES:
            assert contents(self.tape(barcode)) == self.model[barcode]
        self.restart(LIMITS[0], rebuilt=True)
        for barcode in TAPES:
            with closing(self.tape(barcode)) as tape:
                assert contents(tape) == self.model[barcode]
            self.vault.cache.unpin(barcode)
        self.vault.close()
        assert [found for found in StoreCheck(self.path).findings() if not found.harmless] == []
        shutil.rmtree(self.path)


TestEviction = EvictionMachine.TestCase
TestEviction.settings = share(0.1)
