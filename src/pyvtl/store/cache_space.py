"""The room that copies may take: what is counted, what has to stay, and what goes first.

A lock is held for counting only, never while a file is touched.  A file counts from before it is
written until after it is deleted, so that what is counted is never less than what is there.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from pyvtl.store.errors import StoreError

Key = tuple[bytes, int]
"""A pack id, and which part of the pack."""


class Entry(NamedTuple):
    """A file, and how much of the disk it takes."""

    path: Path
    size: int


class CacheSpace:
    """Files by key, the one used longest ago first.  May be used from any thread.

    `remove` deletes the file of a key.  It is called without the lock, and may raise OSError and
    StoreError: then the file stays, and counts.
    """

    def __init__(self, limit_bytes: int | None, remove: Callable[[Key, Path], None]) -> None:
        """Without a limit nothing is ever removed."""
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self.pinned: frozenset[bytes] = frozenset()
        """Packs of which nothing is removed."""
        self._remove = remove
        self._lock = Lock()
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._holds: Counter[Key] = Counter()
        self._leaving: set[Key] = set()

    def hold(self, key: Key) -> bool:
        """Keep what is there of a key until `release`; False when it is just being removed."""
        with self._lock:
            if key in self._leaving:
                return False
            self._holds[key] += 1
            if key in self._entries:
                self._entries.move_to_end(key)
            return True

    def release(self, key: Key) -> None:
        """Undo one `hold`, or the holding that `take` began."""
        with self._lock:
            if self._holds[key] > 1:
                self._holds[key] -= 1
            else:
                del self._holds[key]

    def take(self, key: Key, entry: Entry) -> bool:
        """Count and hold a file that is to be written now, when what may go has made room for it.

        False when there can be no room, or the key is there or just being removed.
        """
        while True:
            with self._lock:
                if self._is_there(key) or self._never_fits(entry.size):
                    return False
                if self._has_room(entry.size):
                    self._put(key, entry)
                    self._holds[key] += 1
                    return True
                victim = self._pop()
            if victim is None or not self._removed(*victim):
                return False

    def add(self, key: Key, entry: Entry) -> bool:
        """Count a file that is there, whether there is room for it or not; False if it counted."""
        with self._lock:
            if key in self._entries:
                return False
            self._put(key, entry)
            return True

    def settled(self, key: Key) -> Entry | None:
        """What counts under a key, unless more than one hold it: one of them may be writing it."""
        with self._lock:
            return self._entries.get(key) if self._holds[key] <= 1 else None

    def forget(self, key: Key, known: Entry | None = None) -> None:
        """Count a file no longer that is gone; if one is `known`, that one and no later one."""
        with self._lock:
            if known is None or self._entries.get(key) is known:
                entry = self._entries.pop(key, None)
                self.used_bytes -= entry.size if entry is not None else 0

    def discard(self, key: Key, *, while_held: bool = True) -> None:
        """Remove a file of which the bytes are no good, pinned or not."""
        with self._lock:
            stays = key in self._holds and not while_held
            entry = None if stays else self._entries.pop(key, None)
            if entry is not None:
                self._leaving.add(key)
        if entry is not None:
            self._removed(key, entry)

    def trim(self, limit_bytes: int | None = None) -> None:
        """Remove what was used longest ago until no more than the limit is used."""
        limit = self.limit_bytes if limit_bytes is None else limit_bytes
        while limit is not None and self.used_bytes > limit:
            with self._lock:
                victim = self._pop()
            if victim is None or not self._removed(*victim):
                return

    def has(self, key: Key) -> bool:
        """Whether a file of that key counts."""
        return key in self._entries

    def sizes(self) -> dict[Key, int]:
        """How much each file takes."""
        with self._lock:
            return {key: entry.size for key, entry in self._entries.items()}

    def _put(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self.used_bytes += entry.size

    def _is_there(self, key: Key) -> bool:
        return key in self._entries or key in self._leaving

    def _never_fits(self, size: int) -> bool:
        return self.limit_bytes is not None and size > self.limit_bytes

    def _has_room(self, size: int) -> bool:
        return self.limit_bytes is None or self.used_bytes + size <= self.limit_bytes

    def _pop(self) -> tuple[Key, Entry] | None:
        """Take out what goes next; it counts until it is removed."""
        for key in self._entries:
            if key not in self._holds and key[0] not in self.pinned:
                self._leaving.add(key)
                return key, self._entries.pop(key)
        return None

    def _removed(self, key: Key, entry: Entry) -> bool:
        """Whether a file that was taken out could be removed; else it is put back."""
        gone = False
        with suppress(OSError, StoreError):
            self._remove(key, entry.path)
            gone = True
        with self._lock:
            self._leaving.discard(key)
            if gone:
                self.used_bytes -= entry.size
            else:
                self._entries[key] = entry
        return gone
