"""Find out what a tape holds from the segments in its folder."""

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyvtl.store.dedup import Dedup
from pyvtl.store.dirty import DirtyPacks
from pyvtl.store.encryption import PackCipher, hash_key
from pyvtl.store.errors import CatalogError, DamageError
from pyvtl.store.eviction import evicted_generation
from pyvtl.store.files import FileLayer
from pyvtl.store.pack_cache import PackCache
from pyvtl.store.recovery import Recovered, inspect_segment, recover_segment
from pyvtl.store.references import OneTape, References, pack_id_of
from pyvtl.store.tape_map import Pack, TapeMap

SEGMENT_NAME = re.compile(r"[0-9]{8,}-[0-9a-f]{32}\.segment")
"""What segment files are called; no other file belongs to a tape but its label."""
SEGMENT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class TapeFolder:
    """Where a tape is kept, and what every segment of it says."""

    files: FileLayer
    path: Path
    key: bytes = field(repr=False)
    tape_id: bytes
    barcode: str
    segment_bytes: int = SEGMENT_BYTES
    shared: References | None = None
    """What other tapes have to do with it, if there are others."""
    dedup: Dedup | None = None
    """Finds what need not be stored again."""
    data_key: bytes | None = field(default=None, repr=False)
    dirty: DirtyPacks = field(default_factory=DirtyPacks, repr=False)
    """Told of what the segments take of the disk."""
    cache: PackCache | None = None
    """What the object store holds of it, if there may be such."""
    prove: bool = False
    """Whether blocks are held against their hashes too: the segments come from elsewhere."""
    told: Callable[[str], None] = lambda _what: None
    """Is told, in a sentence, what was mended."""

    @property
    def references(self) -> References:
        return self.shared or OneTape(self.files, self.path)

    def encrypted(self, data_key: bytes) -> "TapeFolder":
        """The same of an encrypted tape."""
        return replace(self, key=hash_key(data_key), data_key=data_key)

    def cipher(self, pack_id: bytes) -> PackCipher | None:
        """What the blocks of a pack are encrypted with, if the tape is."""
        return PackCipher(self.data_key, pack_id) if self.data_key is not None else None


@dataclass(slots=True)
class Loaded:
    """A tape as its segments tell it; `damage` says what is wrong, one sentence each.

    `leftovers` says what a crash left, by pack: mending closes or removes it.
    """

    map: TapeMap
    last: Pack | None = None
    damage: list[str] = field(default_factory=list)
    packs: list[Pack] = field(default_factory=list)
    leftovers: dict[bytes, str] = field(default_factory=dict)
    away: frozenset[bytes] = frozenset()
    """Packs of which the object store has all and the folder nothing."""


@dataclass(frozen=True, slots=True)
class KnownPack:
    """What the catalog says of a pack: all of a closed one, of an open one how far it is synced.

    `stored` says that the object store has it: then its segment need not be here.
    """

    pack: Pack | None = None
    synced_to: int = 0
    stored: bool = False


def segment_names(folder: TapeFolder) -> list[str]:
    """The names of a tape's segments, in their order."""
    names = [name for name in folder.files.listdir(folder.path) if SEGMENT_NAME.fullmatch(name)]
    return sorted(names, key=lambda name: int(name.partition("-")[0]))


def load_tape(
    folder: TapeFolder,
    partitions: int = 1,
    known: Mapping[bytes, KnownPack] | None = None,
    *,
    mend: bool = True,
) -> Loaded:
    """Load a tape, closing what a crash left open and removing what no COMMIT made count.

    Without `mend` nothing in the folder is changed, and the tape that is found is the same.
    """
    loaded, known = Loaded(TapeMap(partitions)), known or {}
    kept = _settle(folder, known) if mend else ()
    names = segment_names(folder)
    packs = _away(folder, known, names)
    loaded.away = frozenset(pack.pack_id for pack in packs)
    names = [name for name in names if pack_id_of(name) not in kept]
    for name in names:
        found = _load_segment(folder, name, known, loaded, mend=mend)
        if found is not None:
            packs.append(found)
    packs.sort(key=lambda pack: pack.sequence)
    generation = max((pack.generation for pack in packs), default=0)
    loaded.packs = [pack for pack in packs if pack.generation == generation]
    for pack in packs:
        if pack.generation != generation:
            loaded.leftovers[pack.pack_id] = "it was overwritten"
            if mend:
                folder.references.remove(pack.sequence, pack.pack_id)
    _missing(loaded, known, {pack_id_of(name) for name in names})
    _unknown(folder, loaded, known)
    for pack in loaded.packs:
        _follow(loaded, pack)
    return loaded


def _settle(folder: TapeFolder, known: Mapping[bytes, KnownPack]) -> Collection[bytes]:
    """Delete what was kept for packs that are gone; the packs in the folder that are still kept.

    What it deletes may be this tape's own, so the folder is to be listed after it.
    """
    names = segment_names(folder)
    away = [pack.pack_id for pack in _away(folder, known, names)]
    return folder.references.settle([*map(pack_id_of, names), *away])


def _away(
    folder: TapeFolder, known: Mapping[bytes, KnownPack], names: Collection[str]
) -> list[Pack]:
    """The closed packs that the object store has, and of which no segment is here."""
    there = {pack_id_of(name) for name in names}
    return [
        fact.pack
        for pack_id, fact in known.items()
        if fact.pack is not None and pack_id not in there and _is_stored(folder, fact)
    ]


def _is_stored(folder: TapeFolder, fact: KnownPack) -> bool:
    """Whether the store has a closed pack: since a moment ago, perhaps."""
    if fact.stored or folder.cache is None or fact.pack is None:
        return fact.stored
    with suppress(CatalogError):
        return folder.cache.rows.find(fact.pack.pack_id) is not None
    return False


def _load_segment(
    folder: TapeFolder, name: str, known: Mapping[bytes, KnownPack], loaded: Loaded, *, mend: bool
) -> Pack | None:
    """The pack in a file; a file that never counted is removed when mending."""
    files, path = folder.files, folder.path / name
    pack_id = pack_id_of(name)
    fact = known.get(pack_id, KnownPack())
    if fact.pack is not None and (
        _size_of(files, path) == fact.pack.length or _is_stored(folder, fact)
    ):
        return fact.pack
    read = recover_segment if mend else inspect_segment
    try:
        found = read(files, path, pack_id, folder.key, fact.synced_to)
    except FileNotFoundError:
        if not mend:
            raise
        return None  # It was kept for another tape, and went with that since it was listed.
    except DamageError as error:
        loaded.damage.append(str(error))
        return None
    if found is None or (found.pack is None and found.damage is None):
        loaded.leftovers[pack_id] = "it ended before its first COMMIT"
        if mend:
            folder.references.remove(int(name.partition("-")[0]), pack_id)
        return None
    return _judge(found, loaded)


def _judge(found: Recovered, loaded: Loaded) -> Pack | None:
    if found.closing is not None:
        loaded.leftovers[found.header.pack_id] = "it was left open"
    if found.damage is not None:
        loaded.damage.append(found.damage)
    return found.pack


def _size_of(files: FileLayer, path: Path) -> int | None:
    try:
        fd = files.open(path)
    except FileNotFoundError:
        return None  # It was deleted since the folder was listed: the store has it.
    try:
        return files.size(fd)
    finally:
        files.close(fd)


def _missing(loaded: Loaded, known: Mapping[bytes, KnownPack], there: set[bytes]) -> None:
    """Tell of packs of this generation that the catalog knows and the folder does not have."""
    generation = max((pack.generation for pack in loaded.packs), default=0)
    here = there | loaded.away
    for fact in known.values():
        pack = fact.pack
        if pack is not None and pack.generation >= generation and pack.pack_id not in here:
            loaded.damage.append(f"pack {pack.pack_id.hex()} is missing")


def _unknown(folder: TapeFolder, loaded: Loaded, known: Mapping[bytes, KnownPack]) -> None:
    """Tell when segments were deleted here because a store has them, and none of them is known."""
    newest = max((pack.generation for pack in loaded.packs), default=-1)
    try:
        evicted = evicted_generation(folder.files, folder.path)
    except DamageError as error:
        loaded.damage.append(str(error))
        return
    if evicted is None or evicted < newest:
        return
    if not any(_is_stored(folder, fact) for fact in known.values()):
        loaded.damage.append(
            "a part of it is in the object store alone, and the catalog does not say which:"
            " `pyvtl store rebuild-catalog --store URL` finds it"
        )


def _follow(loaded: Loaded, pack: Pack) -> None:
    """Add a pack to the map, and tell when it is not what followed the one before it."""
    before = loaded.last
    expected = (
        (before.pack_id, before.length, before.chain) if before else (bytes(16), 0, bytes(32))
    )
    if (pack.predecessor, pack.predecessor_length, pack.predecessor_chain) != expected:
        loaded.damage.append(f"what pack {pack.pack_id.hex()} follows is missing or changed")
    if pack.commit is not None:
        loaded.map.add(pack)
    loaded.last = pack
