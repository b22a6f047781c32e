"""Mend what a check of the data folder found, as far as the folder itself allows."""

from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from pyvtl.media.checking import Finding, Repair
from pyvtl.media.medium import StorageFailedError
from pyvtl.media.vault import CATALOG, Vault, label_of, rebuild_catalog
from pyvtl.store.catalog import Catalog
from pyvtl.store.errors import StoreError
from pyvtl.store.files import LocalFiles
from pyvtl.store.loading import TapeFolder, load_tape
from pyvtl.store.relabelling import label_from_segments
from pyvtl.store.repository import KEY_SIZE, TAPES, Label, read_key, write_label


@dataclass(frozen=True, slots=True)
class Step:
    """One repair, of one tape or of the whole folder."""

    repair: Repair
    barcode: str | None = None

    def __str__(self) -> str:
        return f"tape {self.barcode}: {self.repair}" if self.barcode else str(self.repair)


def steps(findings: Iterable[Finding]) -> list[Step]:
    """The repairs that findings name, each once, in the order they are done.

    The catalog is left alone while a tape has damage that cannot be mended: what it knows of
    that tape is how the damage is told from what a crash cut off.
    """
    found = list(findings)
    wanted = {Step(f.repair, _of(f)) for f in found if f.repair is not None}
    damaged = any(finding.is_damage for finding in found)
    if damaged and not any(f.barcode is None for f in found if f.repair):
        wanted.discard(Step(Repair.CATALOG))
    order = list(Repair)
    return sorted(wanted, key=lambda step: (order.index(step.repair), step.barcode or ""))


def mend(path: Path, findings: Iterable[Finding]) -> None:
    """Do all repairs that findings name.  Raises MediumError."""
    for step in steps(findings):
        match step:
            case Step(Repair.LABEL, str(barcode)):
                _relabel(path, barcode)
            case Step(Repair.FOOTER, str(barcode)):
                _close_again(path, barcode)
            case Step(Repair.LOAD, str(barcode)):
                with closing(Vault(path)) as vault:
                    vault.open(barcode).close()
            case _:
                rebuild_catalog(path)


def _of(finding: Finding) -> str | None:
    return None if finding.repair is Repair.CATALOG else finding.barcode


def _close_again(path: Path, barcode: str) -> None:
    """Close segments whose footers are damaged: they become what they were, byte for byte."""
    files = LocalFiles()
    try:
        key = read_key(files, path)
        load_tape(TapeFolder(files, path / TAPES / barcode, key, b"", barcode))
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error


def _relabel(path: Path, barcode: str) -> None:
    """Write a label as the catalog has it; as the segments tell it when the catalog does not."""
    files, folder = LocalFiles(), path / TAPES / barcode
    key = bytes(KEY_SIZE)  # Telling whose a segment is takes no key.
    label = _label_in_catalog(path, barcode) or label_from_segments(
        TapeFolder(files, folder, key, b"", barcode)
    )
    if label is None:
        raise StorageFailedError(f"nothing tells what the label of tape {barcode} was")
    try:
        write_label(files, folder, label)
    except OSError as error:
        raise StorageFailedError(str(error)) from error


def _label_in_catalog(path: Path, barcode: str) -> Label | None:
    with suppress(StoreError), closing(Catalog(path / CATALOG)) as catalog:
        for row in catalog.tapes():
            if row.barcode == barcode:
                return label_of(row)
    return None
