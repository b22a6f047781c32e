"""The outline of a pack: its header and its footer, proved without any of its blocks."""

from dataclasses import dataclass

from blake3 import blake3

from pyvtl.store.errors import DamageError
from pyvtl.store.format import (
    BLOCK_KINDS,
    HASH_SIZE,
    Commit,
    Kind,
    SegmentHeader,
    decode_header,
    keyed_hash,
)
from pyvtl.store.recovery import Footer, decode_footer
from pyvtl.store.stored import StoredPack

HASH = slice(28, 28 + HASH_SIZE)
"""Where in a frame header the hash stands."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a pack holds, without its blocks."""

    header: SegmentHeader
    footer: Footer


def decode_outline(data: bytes, stored: StoredPack) -> Outline:
    """The outline in these bytes, if they are one of that pack by CRC and by length."""
    header = decode_header(data[: SegmentHeader.SIZE])
    if header is None or header.pack_id != stored.pack_id:
        raise DamageError(f"the outline of pack {stored.pack_id.hex()} has no valid header")
    footer = decode_footer(data[SegmentHeader.SIZE :], stored.length, stored.pack_id)
    if footer is None:
        raise DamageError(f"the outline of pack {stored.pack_id.hex()} has no valid footer")
    return Outline(header, footer)


def prove(outline: Outline, key: bytes, chain: bytes | None) -> None:
    """Hold an outline against its own hashes, and against the chain that the catalog knows.

    `key` is what the hashes are keyed with.  DamageError if it is not what was written.
    """
    proved = _chain_of(outline, key)
    if proved != outline.footer.chain or chain not in (None, proved):
        raise DamageError(f"the chain of pack {outline.header.pack_id.hex()} does not hold")


def _chain_of(outline: Outline, key: bytes) -> bytes:
    """The chain over all frame headers, each COMMIT and the payload of each note proved."""
    chain = blake3(outline.header.predecessor_chain, key=key)
    notes = iter(outline.footer.notes)
    for header in outline.footer.headers:
        if header[4] not in BLOCK_KINDS:
            note = next(notes)
            if keyed_hash(key, note) != header[HASH]:
                raise DamageError("the hash of a note in an outline does not fit")
            if header[4] == Kind.COMMIT:
                commit = Commit.decode(note)
                if commit.chain != chain.digest():
                    raise DamageError("the chain does not hold at a COMMIT in an outline")
                chain = blake3(commit.chain, key=key)
        chain.update(header)
    return chain.digest()
