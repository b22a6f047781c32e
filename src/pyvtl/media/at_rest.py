"""A tape that nobody uses: what a copy of it elsewhere is made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyvtl.store.loading import Loaded
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

    @classmethod
    def of(cls, label: Label, folder: Path, loaded: Loaded) -> Self:
        """The tape that was loaded from a folder."""
        packs = [(pack, folder / file_name(pack.sequence, pack.pack_id)) for pack in loaded.packs]
        return cls(label, tuple(packs), "; ".join(loaded.damage) or None)
