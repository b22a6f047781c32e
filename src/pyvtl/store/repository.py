"""The repository's key, by which blocks are known, and the labels of tapes: small files."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, read_file, write_file

REPOSITORY = "repository.json"
LABEL = "tape.json"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Label:
    """What a tape is, even while nothing is written on it.

    The label of a deleted tape stays, so that its barcode is never given to another.
    `created_at` counts seconds since 1970.
    """

    barcode: str
    tape_id: str
    capacity_bytes: int
    created_at: int
    deleted: bool = False
    format: int = FORMAT_VERSION


def repository_key(files: FileLayer, folder: Path) -> bytes:
    """The 32 bytes that the hash of every block is keyed with; made when there are none yet."""
    path = folder / REPOSITORY
    if REPOSITORY not in files.listdir(folder):
        made = {
            "format": FORMAT_VERSION,
            "repository_id": secrets.token_hex(16),
            "hash_key": secrets.token_hex(32),
        }
        write_file(files, path, json.dumps(made, indent=1).encode() + b"\n")
    kept = _read_json(files, path)
    return bytes.fromhex(kept["hash_key"])


def write_label(files: FileLayer, folder: Path, label: Label) -> None:
    """Put the label into the folder of its tape, durably."""
    write_file(files, folder / LABEL, json.dumps(asdict(label), indent=1).encode() + b"\n")


def read_label(files: FileLayer, folder: Path) -> Label:
    """The label of the tape in a folder.  Raises DamageError; FileNotFoundError without one."""
    label = Label(**_read_json(files, folder / LABEL))
    if label.barcode != folder.name:
        raise DamageError(f"{folder} holds the label of tape {label.barcode}")
    return label


def _read_json(files: FileLayer, path: Path) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(read_file(files, path))
    except ValueError as error:
        raise DamageError(f"{path} cannot be read: {error}") from None
    if kept.get("format") != FORMAT_VERSION:
        raise DamageError(f"{path} has format {kept.get('format')}, not {FORMAT_VERSION}")
    return kept
