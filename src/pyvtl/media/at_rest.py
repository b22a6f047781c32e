"""A tape that nobody uses: what a copy of it elsewhere is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyvtl.media.medium import MediumError
from pyvtl.store.keys import is_encrypted
from pyvtl.store.loading import KnownPack, TapeFolder, load_tape
from pyvtl.store.references import file_name
from pyvtl.store.repository import Label
from pyvtl.store.tape_map import Pack


@dataclass(frozen=True, slots=True)
class TapeAtRest:
    """A tape with every segment closed.

    `packs` are those of its generation, in their order, each with its file; `damage` says what is
    wrong with the tape.
    """

    label: Label
    packs: tuple[tuple[Pack, Path], ...]
    damage: str | None
    generation: int = 0


def tape_at_rest(folder: TapeFolder, label: Label, known: Mapping[bytes, KnownPack]) -> TapeAtRest:
    """The tape in a folder, recovered if a crash interrupted it.

    MediumError for an encrypted one: without its key, which stays here, a copy is of no use.
    """
    if is_encrypted(folder.files, folder.path):
        raise MediumError("it is encrypted, and its key is kept in the data folder alone")
    loaded = load_tape(folder, known=known)
    packs = [(pack, folder.path / file_name(pack.sequence, pack.pack_id)) for pack in loaded.packs]
    generation = loaded.last.generation if loaded.last is not None else 0
    return TapeAtRest(label, tuple(packs), "; ".join(loaded.damage) or None, generation)
