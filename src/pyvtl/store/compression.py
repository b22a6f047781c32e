"""Compress blocks with zstd where that makes them smaller, and get them back."""

from typing import Final

from zstandard import ZstdCompressor, ZstdDecompressor, ZstdError, frame_content_size

from pyvtl.store.errors import DamageError
from pyvtl.wire.layout import Buffer

LEVEL: Final = 1
WORTH: Final = 16
"""A block is stored compressed if that saves at least one part in so many."""
PATIENCE: Final = 8
"""So many blocks in a row that were not worth it, and the data counts as incompressible: ..."""
SAMPLE: Final = 16
"""... then only one block in so many is tried, until one is worth it."""


class Compressor:
    """Compresses the blocks of one tape, one after another, in one thread at a time."""

    def __init__(self) -> None:
        self.wanted = True
        """Switched off, every block is stored as it is."""
        self._compress = ZstdCompressor(level=LEVEL).compress
        self._missed = 0

    def pack(self, block: Buffer) -> bytes | None:
        """The block compressed, or None when it is to be stored as it is."""
        if not self.wanted:
            return None
        if self._missed >= PATIENCE and self._missed % SAMPLE:
            self._missed += 1
            return None
        packed = self._compress(block)
        if len(packed) > len(block) - len(block) // WORTH:
            self._missed += 1
            return None
        self._missed = 0
        return packed


class Decompressor:
    """Gives back what `Compressor` packed, in one thread at a time."""

    def __init__(self) -> None:
        self._zstd = ZstdDecompressor()

    def unpack(self, packed: Buffer, length: int) -> memoryview:
        """The `length` bytes that were packed; DamageError for anything else."""
        try:
            # Asked first: zstd takes as much memory as the data says.
            said = frame_content_size(packed)
            if said == length:
                return memoryview(self._zstd.decompress(packed, allow_extra_data=False))
        except ZstdError as error:
            raise DamageError(f"a block cannot be decompressed: {error}") from None
        raise DamageError(f"a block decompresses to {said} bytes, not {length}")
