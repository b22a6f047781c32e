"""Mend what a check of the data folder found, as far as the folder itself allows."""

from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pyvtl.media.checking import Finding, Repair
from pyvtl.media.medium import StorageFailedError
from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.shelf import CATALOG
from pyvtl.media.vault import Vault
from pyvtl.media.volume import label_of
from pyvtl.store.catalog import Catalog
from pyvtl.store.errors import StoreError
from pyvtl.store.files import LocalFiles
from pyvtl.store.keys import KEY_FILE, Keyring, Secret
from pyvtl.store.loading import TapeFolder
from pyvtl.store.recovery import recover_segment
from pyvtl.store.references import find_pack
from pyvtl.store.relabelling import label_from_segments
from pyvtl.store.repository import KEY_SIZE, TAPES, Label, read_key, write_label


@dataclass(frozen=True, slots=True)
class Step:
    """One repair, of one tape or of the whole folder."""

    repair: Repair
    barcode: str | None = None
    pack: str | None = None

    def __str__(self) -> str:
        pack = f"pack {self.pack}: " if self.pack else ""
        return f"tape {self.barcode}: {pack}{self.repair}" if self.barcode else str(self.repair)


def steps(findings: Iterable[Finding]) -> list[Step]:
    """The repairs that findings name, each once, in the order they are done.

    The catalog is left alone while a tape has damage that cannot be mended: what it knows of
    that tape is how the damage is told from what a crash cut off.
    """
    found = list(findings)
    wanted = {_step(finding.repair, finding) for finding in found if finding.repair is not None}
    damaged = any(finding.is_damage for finding in found)
    if damaged and not any(f.barcode is None for f in found if f.repair):
        wanted.discard(Step(Repair.CATALOG))
    order = list(Repair)
    return sorted(wanted, key=lambda step: (order.index(step.repair), str(step)))


def mend(path: Path, findings: Iterable[Finding], secret: Secret | None = None) -> None:
    """Do all repairs that findings name.  Raises MediumError."""
    for step in steps(findings):
        match step:
            case Step(Repair.LABEL, str(barcode)):
                _relabel(path, barcode)
            case Step(Repair.FOOTER, str(barcode), str(pack)):
                _close_again(path, barcode, bytes.fromhex(pack), secret)
            case Step(Repair.LOAD, str(barcode)):
                with closing(Vault(path, secret=secret)) as vault:
                    vault.open(barcode).close()
            case _:
                rebuild_catalog(path, secret=secret)


def _step(repair: Repair, finding: Finding) -> Step:
    """The repair of one finding, told no closer than it is done."""
    match repair:
        case Repair.CATALOG:
            return Step(repair)
        case Repair.FOOTER:
            return Step(repair, finding.barcode, finding.pack)
        case _:
            return Step(repair, finding.barcode)


def _close_again(path: Path, barcode: str, pack_id: bytes, secret: Secret | None) -> None:
    """Close a segment whose footer is damaged: it becomes what it was, byte for byte."""
    files, tape = LocalFiles(), path / TAPES / barcode
    try:
        folder = TapeFolder(files, tape, read_key(files, path), b"", barcode)
        key = Keyring(files, path, secret).unlocked(folder).key
        segment = find_pack(files, [tape], pack_id)
        if segment is not None:
            recover_segment(files, segment, pack_id, key)
    except (StoreError, OSError) as error:
        raise StorageFailedError(str(error)) from error


def _relabel(path: Path, barcode: str) -> None:
    """Write a label as the catalog has it; as the segments tell it when the catalog does not."""
    files, folder = LocalFiles(), path / TAPES / barcode
    key = bytes(KEY_SIZE)  # Telling whose a segment is takes no key.
    found = label_from_segments(TapeFolder(files, folder, key, b"", barcode))
    label = _label_in_catalog(path, barcode) or found
    if label is None:
        raise StorageFailedError(f"nothing tells what the label of tape {barcode} was")
    worm = found is not None and found.worm
    try:
        encrypted = KEY_FILE in files.listdir(folder)
        write_label(files, folder, replace(label, encrypted=encrypted, worm=worm))
    except OSError as error:
        raise StorageFailedError(str(error)) from error


def _label_in_catalog(path: Path, barcode: str) -> Label | None:
    with suppress(StoreError), closing(Catalog(path / CATALOG)) as catalog:
        for row in catalog.tapes():
            if row.barcode == barcode:
                return label_of(row)
    return None
