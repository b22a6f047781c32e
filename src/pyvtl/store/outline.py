"""The outline of a pack: its header and its footer, proved without any of its blocks."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, read_file
from pyvtl.store.format import (
    BLOCK_KINDS,
    HASH_SIZE,
    Commit,
    FooterTail,
    Kind,
    SegmentHeader,
    decode_header,
    keyed_hash,
)
from pyvtl.store.recovery import Footer, decode_footer

OUTLINE_SUFFIX = "-outline"
"""Ends the names of the files that hold one; before it stands the pack id."""
HASH = slice(28, 28 + HASH_SIZE)
"""Where in a frame header the hash stands."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a pack holds, without its blocks."""

    header: SegmentHeader
    footer: Footer


def decode_outline(data: bytes, pack_id: bytes, length: int) -> Outline:
    """The outline in these bytes, if they are one of a pack of that length by their CRCs."""
    header = decode_header(data[: SegmentHeader.SIZE])
    if header is None or header.pack_id != pack_id:
        raise DamageError(f"the outline of pack {pack_id.hex()} has no valid header")
    footer = decode_footer(data[SegmentHeader.SIZE :], length, pack_id)
    if footer is None:
        raise DamageError(f"the outline of pack {pack_id.hex()} has no valid footer")
    return Outline(header, footer)


def outlines_in(files: FileLayer, folder: Path) -> Iterator[Outline]:
    """Those that a folder holds; torn ones are left out."""
    with suppress(FileNotFoundError):
        for name in files.listdir(folder):
            if name.endswith(OUTLINE_SUFFIX):
                with suppress(OSError, DamageError):
                    yield _kept_outline(read_file(files, folder / name), name)


def _kept_outline(data: bytes, name: str) -> Outline:
    """It tells itself how long its pack is."""
    footer = data[SegmentHeader.SIZE :]
    if len(footer) < FooterTail.SIZE:
        raise DamageError(f"{name} is torn")
    length = FooterTail.decode(footer[-FooterTail.SIZE :]).footer_offset + len(footer)
    return decode_outline(data, bytes.fromhex(name.removesuffix(OUTLINE_SUFFIX)), length)


def prove(outline: Outline, key: bytes, chain: bytes | None) -> None:
    """Hold an outline against its own hashes, and against the chain that the catalog knows.

    `key` is what the hashes are keyed with.  DamageError if it is not what was written.
    """
    proved = _chain_of(outline, key)
    if proved != outline.footer.chain or chain not in (None, proved):
        raise DamageError(f"the chain of pack {outline.header.pack_id.hex()} does not hold")


def decode_proved(
    data: bytes, pack_id: bytes, length: int, key: bytes, chain: bytes | None
) -> Outline:
    """The outline in these bytes, proved; DamageError."""
    outline = decode_outline(data, pack_id, length)
    prove(outline, key, chain)
    return outline


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
