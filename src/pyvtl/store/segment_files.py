"""The segments that a tape is read from, wherever they are: here, or in the object store."""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from pyvtl.store.encryption import PackCipher
from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer
from pyvtl.store.format import SegmentHeader, decode_header, seed_of
from pyvtl.store.index import SegmentIndex
from pyvtl.store.leases import EvictedError
from pyvtl.store.loading import TapeFolder
from pyvtl.store.pack_reader import PackReader
from pyvtl.store.pack_source import UnreachableError
from pyvtl.store.recovery import index_of, read_footer, scan
from pyvtl.store.references import file_name
from pyvtl.wire.layout import Buffer

OPEN_SEGMENTS = 8
"""Indexes and descriptors kept of the segments read last."""


class PackBytes(Protocol):
    """The bytes of a pack, as one thread reads them."""

    @property
    def gone(self) -> bool:
        """Whether they are no longer where they were."""
        ...

    def read(self, offset: int, length: int) -> Buffer: ...

    def close(self) -> None: ...


class OpenFile:
    """A segment that stays where it is while it is open."""

    gone = False

    def __init__(self, files: FileLayer, fd: int) -> None:
        self._files, self._fd = files, fd
        self._pread = files.pread

    def read(self, offset: int, length: int) -> bytes:
        return self._pread(self._fd, length, offset)

    def close(self) -> None:
        self._files.close(self._fd)


class Proof(NamedTuple):
    """What blocks that come from elsewhere have to be: the footer's headers, and the hash key."""

    headers: Sequence[bytes]
    key: bytes


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment that can be read."""

    file: PackBytes
    seed: int
    index: SegmentIndex
    cipher: PackCipher | None = None
    pack_id: bytes = b""
    proof: Proof | None = None


class SegmentFiles:
    """The segments of a tape and those that it refers to, opened when they are needed.

    `away` are packs of which the segments need not be here, when there is no cache to ask.
    """

    def __init__(self, folder: TapeFolder, away: frozenset[bytes] = frozenset()) -> None:
        self._folder, self._files, self._cache = folder, folder.files, folder.cache
        self._away = away
        self._open: OrderedDict[bytes, OpenSegment] = OrderedDict()

    def get(
        self, pack_id: bytes, sequence: int | None = None, following: bytes | None = None
    ) -> OpenSegment:
        """The segment of that pack; DamageError when it is gone or not what it should be.

        `sequence` is its number when it is one of the tape's own, `following` the pack that comes
        after it then.  UnreachableError when it is in an object store that does not answer.
        """
        segment = self._open.get(pack_id)
        if segment is None or segment.file.gone:
            segment = self._load(pack_id, self._path(pack_id, sequence), following)
            self._keep(segment)
        self._open.move_to_end(pack_id)
        return segment

    def elsewhere(self, segment: OpenSegment, start: int, end: int) -> OpenSegment | None:
        """Where to read again what could not be read or proved; None when there is nothing else."""
        if isinstance(segment.file, PackReader):
            segment.file.doubt(start, end)
            return segment
        return self._through(segment.pack_id)

    def take_instead(self, segment: OpenSegment, damage: Exception) -> None:
        """`segment` could be read where the file here could not, which goes unless it is gone."""
        if self._open.get(segment.pack_id) is not segment:
            self._keep(segment)
            if not isinstance(damage, EvictedError):
                self._mended(segment.pack_id, damage)

    def _keep(self, segment: OpenSegment) -> None:
        self.forget(segment.pack_id)
        self._open[segment.pack_id] = segment
        if len(self._open) > OPEN_SEGMENTS:
            _, oldest = self._open.popitem(last=False)
            oldest.file.close()

    def _path(self, pack_id: bytes, sequence: int | None) -> Path | None:
        if sequence is not None:
            return self._folder.path / file_name(sequence, pack_id)
        return self._folder.references.path_of(pack_id)

    def _load(self, pack_id: bytes, path: Path | None, following: bytes | None) -> OpenSegment:
        """Open a segment that is here; if it is not, or not whole, what the store has instead."""
        if path is not None:
            with suppress(FileNotFoundError):
                try:
                    return self._local(pack_id, path)
                except DamageError as damage:
                    segment = self._through(pack_id)
                    if segment is None:
                        raise
                    self._mended(pack_id, damage)
                    return segment
        segment = self._through(pack_id, following)
        if segment is not None:
            return segment
        if pack_id in self._away:
            raise UnreachableError(f"pack {pack_id.hex()} is kept in the object store alone")
        if path is None:
            raise DamageError(f"pack {pack_id.hex()}, which is referred to, is missing")
        raise DamageError(f"the segment {path.name} is missing")

    def _local(self, pack_id: bytes, path: Path) -> OpenSegment:
        fd = self._files.open(path)
        try:
            self._check_header(path.name, pack_id, fd)
            index, proof = self._index(pack_id, fd)
        except BaseException:
            self._files.close(fd)
            raise
        file = (
            OpenFile(self._files, fd)
            if self._cache is None
            else self._cache.leases.begin(pack_id, fd)
        )
        cipher = self._folder.cipher(pack_id)
        return OpenSegment(file, seed_of(pack_id), index, cipher, pack_id, proof)

    def _check_header(self, name: str, pack_id: bytes, fd: int) -> None:
        header = decode_header(self._files.pread(fd, SegmentHeader.SIZE, 0))
        if header is None or header.pack_id != pack_id:
            raise DamageError(f"{name} has no valid segment header")

    def _index(self, pack_id: bytes, fd: int) -> tuple[SegmentIndex, Proof | None]:
        footer = read_footer(self._files, fd, pack_id)
        if footer is not None:
            proof = Proof(footer.headers, self._folder.key) if self._folder.prove else None
            return footer.index(), proof
        if self._cache is not None and self._cache.rows.find(pack_id) is not None:
            raise DamageError(f"the footer of pack {pack_id.hex()} is damaged")
        return index_of(scan(self._files, fd, pack_id).frames), None

    def _through(self, pack_id: bytes, following: bytes | None = None) -> OpenSegment | None:
        """A pack as the store has it, read through the cache; None when it is not there."""
        cache, folder = self._cache, self._folder
        stored = None if cache is None else cache.rows.find(pack_id)
        if cache is None or stored is None:
            return None
        footer = cache.outline(stored, folder.key).footer

        def go_on(pieces: int) -> None:
            if pieces and following is not None:
                cache.fetch_first(following, pieces, folder.key)

        return OpenSegment(
            PackReader(cache, stored, go_on),
            seed_of(pack_id),
            footer.index(),
            folder.cipher(pack_id),
            pack_id,
            Proof(footer.headers, folder.key),
        )

    def _mended(self, pack_id: bytes, damage: Exception) -> None:
        """What is here of a pack is damaged, and what the store has is not."""
        if self._cache is not None:
            self._cache.drop_segment(pack_id)
            self._folder.told(f"pack {pack_id.hex()} is read from the store from now on: {damage}")

    def forget(self, pack_id: bytes) -> None:
        """Let go of a segment that is no longer part of the tape."""
        if segment := self._open.pop(pack_id, None):
            segment.file.close()

    def close(self) -> None:
        """Let go of all."""
        for pack_id in list(self._open):
            self.forget(pack_id)
