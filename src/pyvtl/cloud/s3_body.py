"""Bytes on their way to S3, sent from where they lie."""

from collections.abc import AsyncIterator

from pyvtl.wire.layout import Buffer

PIECE_BYTES = 1 << 20
"""Each is a turn of the event loop; pieces of 256 KiB cost a tenth more processor time a GB."""
SMALL_BYTES = 256 * 1024


class Body:
    """A buffer as botocore and aiohttp take it without a copy: sized, seekable, iterated in pieces.

    Between two pieces the event loop serves others.
    """

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)

    def __len__(self) -> int:
        return len(self._data)

    def read(self, size: int = -1) -> bytes:
        """botocore asks for this only to tell a file from bytes."""
        return bytes(self._data if size < 0 else self._data[:size])

    def seek(self, offset: int, whence: int = 0) -> int:
        """botocore rewinds before it sends again; every iteration begins at the beginning."""
        return offset

    def tell(self) -> int:
        return 0

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for start in range(0, len(self._data), PIECE_BYTES):
            yield self._data[start : start + PIECE_BYTES]


def body_of(data: Buffer) -> bytes | Body:
    """The fitting form: what is small goes out with the header, not after 100 Continue."""
    return bytes(data) if len(data) <= SMALL_BYTES else Body(data)
