"""A tape that nobody uses: what a copy of it elsewhere is made from."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyvtl.media.adoption import says_worm
from pyvtl.store.errors import ShreddedError
from pyvtl.store.files import read_file
from pyvtl.store.keys import KEY_FILE, Keyring, is_encrypted
from pyvtl.store.loading import KnownPack, TapeFolder, load_tape
from pyvtl.store.references import file_name
from pyvtl.store.repository import Label
from pyvtl.store.stored import StoredPack
from pyvtl.store.tape_map import Pack

Whereabouts = Path | StoredPack | None
"""Where a pack is: in a segment here, in the store alone, or nowhere."""
PackIds = Collection[bytes]


def _nowhere(_pack_id: bytes) -> Whereabouts:
    return None


def _all(pack_ids: PackIds) -> PackIds:
    return pack_ids


@dataclass(frozen=True, slots=True)
class TapeAtRest:
    """A tape with every segment closed.

    `packs` are those of its generation, in their order, each with its file, which is gone where the
    store alone has the pack; `damage` says what is wrong with the tape.  `key` is the wrapped data
    key of an encrypted tape, and a shredded one has none.  `find` tells where packs are that its
    packs refer to, `needed` which packs anything here needs.
    """

    label: Label
    packs: tuple[tuple[Pack, Path], ...]
    damage: str | None
    key: bytes | None = field(default=None, repr=False)
    shredded: bool = False
    generation: int = 0
    find: Callable[[bytes], Whereabouts] = field(default=_nowhere, compare=False, repr=False)
    needed: Callable[[PackIds], PackIds] = field(default=_all, compare=False, repr=False)


def tape_at_rest(
    folder: TapeFolder,
    label: Label,
    known: Mapping[bytes, KnownPack],
    keyring: Keyring,
    stored: Callable[[bytes], StoredPack | None] = lambda _pack_id: None,
) -> TapeAtRest:
    """The tape in a folder, recovered if a crash interrupted it.

    LockedError for an encrypted one whose key is not given.
    """
    try:
        folder = keyring.unlocked(folder)
    except ShreddedError:
        return TapeAtRest(replace(label, encrypted=True), (), None, shredded=True)
    loaded = load_tape(folder, known=known)
    return described(folder, label, loaded.packs, "; ".join(loaded.damage) or None, stored)


def described(
    folder: TapeFolder,
    label: Label,
    packs: Sequence[Pack],
    damage: str | None,
    stored: Callable[[bytes], StoredPack | None],
) -> TapeAtRest:
    """A tape of these packs, with its wrapped key if it is encrypted."""
    encrypted = is_encrypted(folder.files, folder.path)

    def find(pack_id: bytes) -> Whereabouts:
        path = folder.references.path_of(pack_id)
        return path if path is not None and path.exists() else stored(pack_id)

    return TapeAtRest(
        replace(label, encrypted=encrypted, worm=says_worm(folder.files, folder.path)),
        tuple((p, folder.path / file_name(p.sequence, p.pack_id)) for p in packs),
        damage,
        read_file(folder.files, folder.path / KEY_FILE) if encrypted else None,
        generation=packs[-1].generation if packs else 0,
        find=find,
    )
