"""A builder for tests of tapes that share packs: tapes on a disk in memory, under one catalog."""

from functools import partial
from pathlib import Path

from pyvtl.media.cartridge import Cartridge
from pyvtl.store.block_index import MemoryIndex
from pyvtl.store.catalog import Catalog
from pyvtl.store.dedup import Dedup, Scope
from pyvtl.store.files import FileLayer
from pyvtl.store.format import AttributesFrame, Kind
from pyvtl.store.loading import TapeFolder, segment_names
from pyvtl.store.recovery import index_of, scan
from pyvtl.store.reference_table import CatalogReferences
from pyvtl.store.references import SharedPacks, pack_id_of
from tests.tapes import KEY

TAPES = Path("/tapes")


class Tapes:
    """Loads tapes by their barcodes."""

    def __init__(self, files: FileLayer, catalog: Path, scope: Scope = Scope.POOL) -> None:
        self.files, self.scope = files, scope
        self.catalog = Catalog(catalog)
        self.table = CatalogReferences(self.catalog)
        self.table.completed([])
        self.packs = SharedPacks(files, TAPES, self.table)
        self.index = MemoryIndex()
        self.data_keys: dict[str, bytes] = {}
        """Of encrypted tapes, by barcode."""

    def folder(self, barcode: str, segment_bytes: int = 4 << 20) -> TapeFolder:
        shared, tape_id = self.packs.of(barcode), barcode.encode().ljust(16)
        dedup = Dedup(self.files, self.index, shared, tape_id, self.scope)
        path = TAPES / barcode
        folder = TapeFolder(
            self.files, path, KEY, tape_id, barcode, segment_bytes, shared=shared, dedup=dedup
        )
        data_key = self.data_keys.get(barcode)
        return folder if data_key is None else folder.encrypted(data_key)

    def load(self, barcode: str, segment_bytes: int = 4 << 20) -> Cartridge:
        known = self.catalog.known(barcode)
        follow = partial(self.catalog.follow, barcode)
        blank = AttributesFrame(capacity_0=1 << 30)
        return Cartridge(self.folder(barcode, segment_bytes), blank, known, follow)

    def segments(self, barcode: str) -> list[str]:
        return segment_names(self.folder(barcode))

    def kinds(self, barcode: str) -> list[int]:
        """The kinds of the frames of a tape that hold its stream."""
        found: list[int] = []
        for name in self.segments(barcode):
            fd = self.files.open(TAPES / barcode / name)
            index = index_of(scan(self.files, fd, pack_id_of(name)).frames)
            found += [Kind(kind) for kind in index.kinds]
            self.files.close(fd)
        return found

    def rows(self) -> int:
        """How many references the catalog knows."""
        (row,) = self.catalog.query("SELECT count(*) FROM pack_references")
        return int(row[0])
