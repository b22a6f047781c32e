"""Deduplication: which blocks of a tape stand in packs that the repository holds already."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Final

from pyvtl.store.block_index import KEY_SIZE, BlockIndex
from pyvtl.store.files import FileLayer
from pyvtl.store.format import FRAME, FrameFacts, Kind
from pyvtl.store.outline import Outline
from pyvtl.store.recovery import Footer, read_footer
from pyvtl.store.references import References
from pyvtl.store.runs import Hint, Source

SOURCES: Final = 4
"""Footers that a tape keeps of the packs that it referred to last."""


class Scope(Enum):
    """Whose blocks a tape may refer to: those of all tapes, its own, or none."""

    POOL = "pool"
    TAPE = "tape"
    OFF = "off"

    def key(self, tape_id: bytes, digest: bytes) -> bytes:
        """The key of a block in the index: tapes of a scope of their own share none."""
        if self is Scope.POOL:
            return digest[:KEY_SIZE]
        own, block = tape_id[:KEY_SIZE], digest[:KEY_SIZE]
        return bytes(a ^ b for a, b in zip(own, block, strict=True))


class Dedup:
    """For one tape: the `Finder` of its segments, and what publishes them when they are closed."""

    def __init__(
        self,
        files: FileLayer,
        index: BlockIndex,
        references: References,
        tape_id: bytes,
        scope: Scope = Scope.POOL,
        *,
        footer_here: Callable[[bytes], Footer | None] = lambda _pack_id: None,
    ) -> None:
        """`footer_here` gives the footer of a pack of which no segment is here, if it is here."""
        self._footer_here = footer_here
        self._files, self._index, self._references = files, index, references
        self._scope, self._tape_id = scope, tape_id
        self._find = index.find
        self._sources: OrderedDict[bytes, Source] = OrderedDict()
        self._claimed: tuple[bytes, set[bytes]] = b"", set()
        self._refused: set[bytes] = set()

    def hint(self, digest: bytes) -> Hint | None:
        if self._scope is Scope.POOL:
            return self._find(digest[:KEY_SIZE])
        return self._find(self._scope.key(self._tape_id, digest))

    def source(self, holder: bytes, number: int) -> Source | None:
        pack_id = self._index.pack(number)
        if pack_id is None or pack_id in self._refused:
            return None
        source = self._sources.get(pack_id) or self._look_into(pack_id)
        if source is None:
            self._index.forget(number)
            return None
        self._sources[pack_id] = source
        self._sources.move_to_end(pack_id)
        if len(self._sources) > SOURCES:
            self._sources.popitem(last=False)
        return source if self._claim(holder, pack_id) else None

    def publish(self, pack_id: bytes, rows: Mapping[bytes, int]) -> None:
        """Let others find the blocks of a closed pack: rows by hashes."""
        keyed = {self._scope.key(self._tape_id, digest): row for digest, row in rows.items()}
        self._index.publish(pack_id, keyed)

    def _look_into(self, pack_id: bytes) -> Source | None:
        """What a pack holds, as its footer says; None when it is gone or not closed."""
        path = self._references.path_of(pack_id)
        footer = None if path is None else footer_at(self._files, path, pack_id)
        footer = footer or self._footer_here(pack_id)
        return None if footer is None else source_of(pack_id, footer)

    def _claim(self, holder: bytes, pack_id: bytes) -> bool:
        """Commit that `holder` refers to the pack, once, before it does."""
        if self._claimed[0] != holder:
            self._claimed = holder, set()
        if pack_id not in self._claimed[1]:
            if not self._references.claim(holder, pack_id):
                self._refused.add(pack_id)
                return False
            self._claimed[1].add(pack_id)
        return True


def footer_at(files: FileLayer, path: Path, pack_id: bytes) -> Footer | None:
    """The footer of a segment, or None when it has none or cannot be read."""
    try:
        fd = files.open(path)
    except OSError:
        return None
    try:
        return read_footer(files, fd, pack_id)
    except OSError:
        return None
    finally:
        files.close(fd)


def source_of(pack_id: bytes, footer: Footer) -> Source:
    """What a footer says of the blocks of its pack.

    Those of an encrypted tape are found by itself alone, as nobody else has its hash key.
    """
    source = Source(pack_id)
    for header in footer.headers:
        facts = FrameFacts(*FRAME.unpack_from(header))
        if facts.kind in (Kind.DATA, Kind.ZERO, Kind.REF):
            source.add(facts.hash if facts.kind != Kind.REF else None, facts.number)
    return source


def rows_of(footer: Footer) -> dict[bytes, int]:
    """The rows of the blocks that are worth finding, by their hashes."""
    kinds = (Kind.DATA, Kind.ZERO, Kind.REF)
    headers = [header for header in footer.headers if header[4] in kinds]
    rows: dict[bytes, int] = {}
    for row, header in enumerate(headers):
        if header[4] == Kind.DATA:
            rows.setdefault(header[28:60], row)
    return rows


def publish_all(
    index: BlockIndex,
    scope: Scope,
    packs: Iterable[Outline],
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Let the blocks of all these packs be found; gives how many packs there are."""
    published = set[bytes]()
    for header, footer in ((pack.header, pack.footer) for pack in packs):
        if stopping():
            break
        if header.pack_id not in published:
            published.add(header.pack_id)
            digests = rows_of(footer).items()
            rows = {scope.key(header.tape_id, digest): row for digest, row in digests}
            index.publish(header.pack_id, rows)
    return len(published)
