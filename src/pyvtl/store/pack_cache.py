"""Copies of what an object store holds: clean segments, and pieces of packs that were read back.

All of it may be deleted at any time.  What was read back lies in `cache/`: pieces of 4 MiB, each a
file of its own, and the outlines of packs.  Nothing there is synced, because whoever reads it
proves each frame.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from pyvtl.store.cache_names import CACHE, OUTLINE, key_of, name_of
from pyvtl.store.cache_space import CacheSpace, Entry, Key
from pyvtl.store.errors import DamageError
from pyvtl.store.eviction import mark_evicted, outline_at
from pyvtl.store.files import FileLayer, read_file, write_all
from pyvtl.store.flights import Flights
from pyvtl.store.leases import SEGMENT, Leases
from pyvtl.store.outline import Outline, decode_outline, decode_proved
from pyvtl.store.pack_source import NoSource, PackSource
from pyvtl.store.recovery import Footer
from pyvtl.store.references import packs_in
from pyvtl.store.repository import TAPES
from pyvtl.store.stored import StoredPack, StoredRows

CHUNK: Final = 4 << 20
"""What is fetched of a pack at a time."""
AHEAD: Final = 4
"""How many pieces are on their way before a tape that is read in sequence needs them."""
PAGE: Final = 4096


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much the copies may take together; None lets them grow."""

    limit_bytes: int | None = None


class CacheFigures(NamedTuple):
    """How the cache stands.  `hits` and `misses` count reads of pieces."""

    limit_bytes: int | None
    used_bytes: int
    pinned_bytes: int
    hits: int
    misses: int


class PackCache:
    """One per data folder.  May be used from any thread; blocks on the disk and on the store.

    A segment counts from when it is clean.  Before it is deleted its tape is marked, so that a
    catalog that was lost is missed (`eviction.py`).
    """

    def __init__(
        self,
        files: FileLayer,
        path: Path,
        rows: StoredRows,
        path_of: Callable[[bytes], Path | None],
        *,
        source: PackSource | None = None,
        limits: CacheLimits | None = None,
    ) -> None:
        """Without a `source` nothing is deleted, whatever the limits are."""
        self.rows = rows
        self._files, self._folder, self._tapes = files, path / CACHE, path / TAPES
        self._path_of = path_of
        self._source: PackSource = source or NoSource()
        limit = limits.limit_bytes if limits is not None and source is not None else None
        self._space = CacheSpace(limit, self._remove)
        self.leases = Leases(files, self._space)
        self._lock, self._marking, self._pinning = Lock(), Lock(), Lock()
        self._hits = self._misses = 0
        self._pool = ThreadPoolExecutor(2 * AHEAD, "read-through")
        self._flights = Flights(self._pool)
        files.mkdir(self._folder)
        self._look_around()

    def close(self) -> None:
        """Let what is under way end."""
        self._pool.shutdown(cancel_futures=True)

    # What is read through

    def chunk(self, stored: StoredPack, number: int, start: int, length: int) -> bytes:
        """Bytes of one piece of a pack, fetched if it is not here."""
        key = stored.pack_id, number
        data = self._kept(key, start, length)
        if data is not None:
            self._count(hit=True)
            return data
        flight, ours = self._flights.join(key)
        if ours:
            self._fly(stored, number)
        fetched = flight.result()
        self._count(hit=not ours)
        if fetched is not None:
            return fetched[start : start + length]
        return _whole(self._source.fetch(stored, number * CHUNK + start, length), length)

    def fetch_ahead(self, stored: StoredPack, after: int) -> int:
        """Have the pieces that follow one fetched, as far as there is room for that.

        Gives how many of them would lie beyond the end of the pack.
        """
        limit = self._space.limit_bytes
        count = AHEAD if limit is None else min(AHEAD, limit // (4 * CHUNK))
        end = after + 1 + count
        self.fetch(stored, range(after + 1, min(end, pieces_of(stored))))
        return max(0, end - pieces_of(stored))

    def fetch_first(self, pack_id: bytes, count: int, hash_key: bytes) -> None:
        """Have the outline and so many pieces of a pack fetched, if only the store has it."""
        stored = self.rows.find(pack_id)
        if stored is None or self.has_segment(pack_id):
            return
        if not self._space.has((pack_id, OUTLINE)):
            self._pool.submit(self.outline, stored, hash_key)
        self.fetch(stored, range(min(count, pieces_of(stored))))

    def fetch(self, stored: StoredPack, numbers: Iterable[int]) -> list[Future[bytes | None]]:
        """Begin to fetch those pieces that are not here; what to wait for."""
        begun = []
        for number in numbers:
            key = stored.pack_id, number
            if not self._space.has(key):
                flight, ours = self._flights.join(key)
                begun.append(flight)
                if ours:
                    self._flights.send(key, partial(self._fly, stored, number))
        return begun

    def doubt(self, stored: StoredPack, start: int, end: int) -> None:
        """What was read between these bytes of a pack is not what was written: delete it."""
        for number in range(start // CHUNK, (end - 1) // CHUNK + 1):
            self._space.discard((stored.pack_id, number))

    def outline(self, stored: StoredPack, hash_key: bytes) -> Outline:
        """The outline of a pack, proved; fetched if it is not here."""
        key, fact = (stored.pack_id, OUTLINE), self.rows.fact(stored.pack_id)
        chain = None if fact is None else fact.chain
        kept = self._kept(key, 0, stored.map_length)
        if kept is not None:
            with suppress(DamageError):
                return decode_proved(kept, stored.pack_id, stored.length, hash_key, chain)
            self._space.discard(key)
        try:
            data, outline = self._fetch_outline(stored, hash_key, chain)
        except DamageError:  # If only on its way here, it comes whole the second time.
            data, outline = self._fetch_outline(stored, hash_key, chain)
        if self._space.take(key, self._entry(key, len(data))):
            self._write(key, data)
            self._space.release(key)
        return outline

    def _fetch_outline(
        self, stored: StoredPack, hash_key: bytes, chain: bytes | None
    ) -> tuple[bytes, Outline]:
        data = self._source.fetch_map(stored)
        return data, decode_proved(data, stored.pack_id, stored.length, hash_key, chain)

    def footer_here(self, pack_id: bytes) -> Footer | None:
        """The footer of a pack of which the outline is here; nothing is fetched."""
        stored = self.rows.find(pack_id)
        kept = None if stored is None else self._kept((pack_id, OUTLINE), 0, stored.map_length)
        if stored is None or kept is None:
            return None
        with suppress(DamageError):
            return decode_outline(kept, stored.pack_id, stored.length).footer
        return None

    # Segments

    def cleaned(self, pack_ids: Collection[bytes]) -> None:
        """The store has these packs, and the catalog says so: their segments are copies now."""
        self._note_pins()
        self._count_segments(self.rows.clean(pack_ids))
        self._space.trim()

    def drop_segment(self, pack_id: bytes) -> None:
        """Delete a segment that is damaged, unless it is just read: the store has the pack."""
        self._count_segments(self.rows.clean([pack_id]))
        self._space.discard((pack_id, SEGMENT), while_held=False)

    def forget(self, pack_ids: Collection[bytes]) -> None:
        """Nobody needs these packs any more: rows and copies go; the segments are gone already."""
        for stored in filter(None, map(self.rows.find, pack_ids)):
            if self.rows.forget([stored.pack_id]):
                self._drop(stored)

    def leave(self, gateway: str) -> None:
        """What is said to be in the store under that gateway, or archive, may soon be gone."""
        for stored in self.rows.at(gateway):
            self._drop(stored)  # First: a segment that counts as a copy may be deleted.
        self.rows.leave(gateway)

    def _drop(self, stored: StoredPack) -> None:
        """The segment of a pack is no copy, or gone; all else that is here of the pack goes."""
        self._space.forget((stored.pack_id, SEGMENT))
        for number in range(OUTLINE, pieces_of(stored)):
            self._space.discard((stored.pack_id, number))

    # What a user sees and wants

    def figures(self) -> CacheFigures:
        """How the cache stands."""
        space = self._space
        pinned = sum(size for key, size in space.sizes().items() if key[0] in space.pinned)
        return CacheFigures(space.limit_bytes, space.used_bytes, pinned, self._hits, self._misses)

    def local_bytes(self) -> Mapping[str, int]:
        """How much is here of what the store has of each tape."""
        owners, found = self.rows.owners(), Counter[str]()
        for key, size in self._space.sizes().items():
            if key[0] in owners:
                found[owners[key[0]]] += size
        return found

    def room_for(self, barcode: str) -> int | None:
        """How much of a tape can be here at once; None if all of it can."""
        if self._space.limit_bytes is None:
            return None
        others = self._space.pinned - {pack.pack_id for pack in self.rows.needed(barcode)}
        taken = sum(size for key, size in self._space.sizes().items() if key[0] in others)
        return max(0, self._space.limit_bytes - taken)

    def has_segment(self, pack_id: bytes) -> bool:
        """Whether the whole segment of a clean pack is here."""
        return self._space.has((pack_id, SEGMENT))

    def evict(self) -> None:
        """Delete all copies that may go."""
        if not isinstance(self._source, NoSource):
            self._space.trim(0)

    def pin(self, barcode: str) -> None:
        """Keep all copies of what a tape is read from."""
        self.rows.pin(barcode, wanted=True)
        self._note_pins()

    def unpin(self, barcode: str) -> None:
        """Let copies of a tape go again."""
        self.rows.pin(barcode, wanted=False)
        self._note_pins()
        self._space.trim()

    def _note_pins(self) -> None:
        with self._pinning:  # Else what was read first could be told last.
            needed = [pack for barcode in self.rows.pins() for pack in self.rows.needed(barcode)]
            self._space.pinned = frozenset(pack.pack_id for pack in needed)

    # How it is done

    def _look_around(self) -> None:
        """Count what is here, the oldest first; what nobody knows is deleted."""
        found: list[tuple[float, Key, Entry]] = []
        for name in self._files.listdir(self._folder):
            key, path = key_of(name), self._folder / name
            if key is None or self.rows.find(key[0]) is None:
                self._files.unlink(path)
            else:
                usage = self._files.usage(path)
                found.append((usage.modified_at, key, Entry(path, usage.allocated_bytes)))
        here = packs_in(self._files, self._tapes)  # Far fewer than the store has.
        found += self._segments({pack_id: here[pack_id] for pack_id in self.rows.clean(here)})
        for _, key, entry in sorted(found):
            self._space.add(key, entry)
        self._note_pins()
        self._space.trim()

    def _segments(self, paths: Mapping[bytes, Path]) -> Iterable[tuple[float, Key, Entry]]:
        for pack_id, path in paths.items():
            with suppress(FileNotFoundError):
                usage = self._files.usage(path)
                entry = Entry(path, usage.allocated_bytes)
                yield usage.modified_at, (pack_id, SEGMENT), entry

    def _count_segments(self, pack_ids: Iterable[bytes]) -> None:
        paths = {pack_id: self._path_of(pack_id) for pack_id in pack_ids}
        here = {pack_id: path for pack_id, path in paths.items() if path is not None}
        for _, key, entry in self._segments(here):
            self._space.add(key, entry)

    def _path(self, key: Key) -> Path:
        return self._folder / name_of(key)

    def _entry(self, key: Key, size: int) -> Entry:
        """What a file of that size is going to take: file systems give whole pages."""
        return Entry(self._path(key), -(-size // PAGE) * PAGE)

    def _kept(self, key: Key, start: int, length: int) -> bytes | None:
        """Bytes of a file in the cache, if it has them."""
        if not self._space.hold(key):
            return None
        try:
            data = read_file(self._files, self._path(key), start, length)
        except FileNotFoundError:
            self._miss(key)
            return None
        finally:
            self._space.release(key)
        if len(data) == length:
            return data
        self._space.discard(key)
        return None

    def _miss(self, key: Key) -> None:
        """A file was not there: if it should have been, somebody deleted it.

        One that is being written is not there yet; one that was just written is there by now.
        """
        entry = self._space.settled(key)
        if entry is not None:
            try:
                self._files.usage(entry.path)
            except FileNotFoundError:
                self._space.forget(key, entry)

    def _fly(self, stored: StoredPack, number: int) -> None:
        """Fetch a piece and keep it; None is the outcome when there is no room to keep it."""
        key, start = (stored.pack_id, number), number * CHUNK
        size = min(CHUNK, stored.length - start)
        try:
            data = self._kept(key, 0, size)  # if another flight landed just before this one began
            if data is None and self._space.take(key, self._entry(key, size)):
                try:
                    data = _whole(self._source.fetch(stored, start, size), size)
                    self._write(key, data)
                except BaseException:
                    self._space.forget(key)
                    raise
                finally:
                    self._space.release(key)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the piece gets it
            self._flights.land(key).set_exception(error)
        else:
            self._flights.land(key).set_result(data)

    def _write(self, key: Key, data: bytes) -> None:
        """Keep a file that counts and is held; the disk may have no room for it after all."""
        path = self._path(key)
        draft = path.with_name(path.name + ".new")
        try:
            fd = self._files.open(draft, create=True)
            try:
                write_all(self._files, fd, [data], 0)
            finally:
                self._files.close(fd)
            self._files.rename(draft, path)
        except OSError:
            with suppress(OSError):
                self._files.unlink(draft)
            self._space.forget(key)

    def _remove(self, key: Key, path: Path) -> None:
        if key[1] == SEGMENT:
            self._remove_segment(key[0], path)
        else:
            with suppress(FileNotFoundError):
                self._files.unlink(path)

    def _remove_segment(self, pack_id: bytes, path: Path) -> None:
        """Delete a clean segment; its outline stays, so that others can refer to its blocks."""
        outline, fact = outline_at(self._files, path, pack_id), self.rows.fact(pack_id)
        if fact is not None:
            with self._marking:
                mark_evicted(self._files, path.parent, fact.generation)
        self.leases.end_all(pack_id)
        with suppress(FileNotFoundError):
            self._files.unlink(path)
        key = pack_id, OUTLINE
        if outline is not None and self._space.hold(key):
            if self._space.add(key, self._entry(key, len(outline))):
                self._write(key, outline)
            self._space.release(key)

    def _count(self, *, hit: bool) -> None:
        with self._lock:
            self._hits += hit
            self._misses += not hit


def pieces_of(stored: StoredPack) -> int:
    """How many pieces a pack has."""
    return -(-stored.length // CHUNK)


def _whole(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise DamageError(f"the object store gave {len(data)} bytes for {length}")
    return data
