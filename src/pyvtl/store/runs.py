"""Find runs of blocks that stand elsewhere already, so that a REF stands for each run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol, TypeAlias

from pyvtl.store.format import BLOCK_SIZE, Reference
from pyvtl.wire.layout import Buffer

RUN_BLOCKS: Final = 16
"""Shorter runs are stored anew unless a filemark ends them, so that reading stays sequential."""
REFERENCE_BLOCKS: Final = 1024
"""The most that one REF stands for."""
ROW_BITS: Final = 32

Hint: TypeAlias = int
"""Where a block may stand: the number of a pack, and in the low 32 bits the row of the block."""
OWN: Final = (1 << ROW_BITS) - 1
"""The number of the pack that is being written."""


class Block(NamedTuple):
    """A block of the stream; `zero` when all its bytes are."""

    partition: int
    first_byte: int
    data: Buffer
    digest: bytes
    zero: bool = False


class Run(NamedTuple):
    """What a REF says."""

    partition: int
    first_byte: int
    reference: Reference
    hashes: bytes


@dataclass(slots=True)
class Source:
    """What a pack holds, row by row as in its index: hash and frame number of each block.

    None for a row that cannot be referred to.
    """

    pack_id: bytes
    digests: list[bytes | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def add(self, digest: bytes | None, number: int) -> None:
        self.digests.append(digest)
        self.numbers.append(number)


class Finder(Protocol):
    """Knows which blocks other packs hold."""

    def hint(self, digest: bytes) -> Hint | None:
        """Where a block may stand."""
        ...

    def source(self, holder: bytes, number: int) -> Source | None:
        """What the pack of that number holds; from then on, `holder` may refer to it."""
        ...


class Runs:
    """Between the stream and its segment: takes blocks, and gives what is to be written for them.

    A run begins as a row of hints that follow each other, and its blocks are held.  Once it is
    long enough, the pack that they name is looked into: from then on, hashes are compared with
    what it holds, and the index is not asked.
    """

    def __init__(self, finder: Finder, own: Source) -> None:
        self._finder, self._own = finder, own
        self.rows: dict[bytes, int] = {}
        """The rows of the blocks in the segment itself, by their hashes."""
        self._held: list[Block] = []
        self._next: Hint = 0
        self._source: Source | None = None
        self._row = 0
        self._taken: list[bytes] = []
        self._begins = 0, 0
        self._size = 0

    @property
    def held_bytes(self) -> int:
        """Of the blocks of which it is not known yet what becomes of them."""
        return sum([len(block.data) for block in self._held])

    def offer(self, block: Block) -> Sequence[Block | Run]:
        """What is to be written now that `block` follows."""
        if self._source is not None:
            if self._continues(block):
                return self._take(block)
            ended = self._end()
            self._source = None
            return [*ended, *self._try(block, self._hint(block))]
        if not self._held:
            return self._try(block, self._hint(block))
        hint = self._next if block.zero else self._hint(block)
        if hint == self._next and len(self._held[-1].data) == BLOCK_SIZE:
            self._held.append(block)
            self._next += 1
            return self._confirm() if len(self._held) >= RUN_BLOCKS else ()
        return [*self._let_go(), *self._try(block, hint)]

    def end_file(self) -> Sequence[Block | Run]:
        """A filemark follows: what is held is a run now, however short."""
        return self._confirm() if self._held else ()

    def finish(self) -> Sequence[Block | Run]:
        """All that is to be written for the blocks so far."""
        return self._end() if self._source is not None else self._let_go()

    def keep(self) -> None:
        """The buffers of the blocks that are held will be used for something else."""
        self._held = [
            block if isinstance(block.data, bytes) else block._replace(data=bytes(block.data))
            for block in self._held
        ]

    def stored(self, block: Block, number: int) -> None:
        """The block became a frame of that number."""
        if not block.zero:
            self.rows.setdefault(block.digest, len(self._own.digests))
        self._own.add(block.digest, number)

    def referred(self, number: int) -> None:
        """A REF became a frame of that number."""
        self._own.add(None, number)

    def _hint(self, block: Block) -> Hint | None:
        if block.zero:
            return None  # A frame of its own is smaller than anything else.
        row = self.rows.get(block.digest)
        return self._finder.hint(block.digest) if row is None else OWN << ROW_BITS | row

    def _try(self, block: Block, hint: Hint | None) -> Sequence[Block | Run]:
        if hint is None or block.zero:
            return (block,)
        self._held, self._next = [block], hint + 1
        return ()

    def _let_go(self) -> list[Block]:
        held, self._held = self._held, []
        return held

    def _confirm(self) -> Sequence[Block | Run]:
        """Look whether what is held stands where the hints say, and make it a run if so."""
        held = self._let_go()
        first = self._next - len(held)
        number, row = first >> ROW_BITS, first & OWN
        source = self._own if number == OWN else self._finder.source(self._own.pack_id, number)
        digests = [block.digest for block in held]
        if source is None or source.digests[row : row + len(held)] != digests:
            return held
        self._source, self._row = source, row
        return [item for block in held for item in self._take(block)]

    def _continues(self, block: Block) -> bool:
        digests = self._source.digests if self._source is not None else []
        return self._row < len(digests) and digests[self._row] == block.digest

    def _take(self, block: Block) -> Sequence[Run]:
        if not self._taken:
            self._begins = block.partition, block.first_byte
        self._taken.append(block.digest)
        self._row += 1
        self._size += len(block.data)
        full = len(self._taken) == REFERENCE_BLOCKS or len(block.data) < BLOCK_SIZE
        return self._end() if full else ()

    def _end(self) -> Sequence[Run]:
        """The REF for what was taken; the run may go on after it."""
        taken, self._taken = self._taken, []
        size, self._size = self._size, 0
        if not taken or self._source is None:
            return ()
        reference = Reference(
            pack=self._source.pack_id,
            first_frame=self._source.numbers[self._row - len(taken)],
            count=len(taken),
            plain_bytes=size,
        )
        return (Run(*self._begins, reference, b"".join(taken)),)
