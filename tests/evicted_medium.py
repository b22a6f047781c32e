"""A cartridge of which nothing stays here: what is appended goes to the store, and is evicted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pyvtl.media.cartridge import Cartridge
from pyvtl.media.medium import Filemark, Record
from pyvtl.media.vault import Vault
from pyvtl.store.pack_cache import CacheLimits
from tests.pack_sources import MemorySource, push, segments


class EvictedMedium:
    """After every append the tape is closed, put into the store, evicted, and opened again."""

    def __init__(self, path: Path, barcode: str, source: MemorySource) -> None:
        self._path, self._barcode, self._source = path, barcode, source
        self._vault = Vault(path, segment_bytes=1 << 20, source=source, cache=CacheLimits(0))
        if not self._vault.barcodes():
            self._vault.create(barcode, 1 << 30)
        self._cartridge = self._opened()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cartridge, name)

    def append(self, objects: Sequence[Record | Filemark], *, compress: bool = True) -> None:
        self._cartridge.append(objects, compress=compress)
        if objects:
            self._cartridge.close()
            self._cartridge = self._opened()
            self._cartridge.start_writing(self._cartridge.end_of_data(0))

    def close(self) -> None:
        self._vault.close()

    def _opened(self) -> Cartridge:
        push(self._vault, self._path, self._source, self._barcode)
        assert segments(self._path, self._barcode) == []
        return self._vault.open(self._barcode)
