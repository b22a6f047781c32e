"""The repository's key, by which blocks are known, and the labels of tapes: small files."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pyvtl.store.errors import DamageError
from pyvtl.store.files import FileLayer, read_file, write_file

KEY_SIZE = 32
TAPE_ID_SIZE = 16
REPOSITORY = "repository.json"
LABEL = "tape.json"
TAPES = "tapes"
NO_TAPE = "00" * TAPE_ID_SIZE
"""In the label of a folder of packs that tapes refer to, and that belong to none of them."""
FORMAT_VERSION = 1
WITHOUT_KEY = (
    "put it back from a copy of the data folder: without its hash_key no tape here can be proved or"
    " written, only read with `pyvtl tape cat` and `pyvtl tape extract`"
)


@dataclass(frozen=True, slots=True)
class Label:
    """What a tape is, even while nothing is written on it.

    The label of a deleted tape stays, so that its barcode is never given to another.
    `created_at` counts seconds since 1970.  A `worm` tape can only be appended to.
    """

    barcode: str
    tape_id: str
    capacity_bytes: int
    created_at: int
    deleted: bool = False
    encrypted: bool = False
    worm: bool = False
    format: int = FORMAT_VERSION


def repository_key(files: FileLayer, folder: Path) -> bytes:
    """The 32 bytes that the hash of every block is keyed with; made before there are any tapes.

    Raises DamageError when it cannot be read, or is gone while tapes are there.
    """
    path, there = folder / REPOSITORY, files.listdir(folder)
    if REPOSITORY not in there:
        if TAPES in there and files.listdir(folder / TAPES):
            raise DamageError(f"{path} is missing, and there are tapes: {WITHOUT_KEY}")
        made = {
            "format": FORMAT_VERSION,
            "repository_id": secrets.token_hex(16),
            "hash_key": secrets.token_hex(32),
        }
        write_file(files, path, json.dumps(made, indent=1).encode() + b"\n")
    try:
        return read_key(files, folder)
    except DamageError as error:
        raise DamageError(f"{error}; {WITHOUT_KEY}") from None


def read_key(files: FileLayer, folder: Path) -> bytes:
    """The repository's key.  Raises DamageError; FileNotFoundError without one."""
    path = folder / REPOSITORY
    kept = read_json(files, path)
    key = _from_hex(kept.get("hash_key"))
    if len(key) != KEY_SIZE:
        raise DamageError(f"{path} holds no hash_key of {KEY_SIZE} bytes")
    return key


def write_label(files: FileLayer, folder: Path, label: Label) -> None:
    """Put the label into the folder of its tape, durably."""
    write_file(files, folder / LABEL, json.dumps(asdict(label), indent=1).encode() + b"\n")


def read_label(files: FileLayer, folder: Path) -> Label:
    """The label of the tape in a folder.  Raises DamageError; FileNotFoundError without one."""
    path = folder / LABEL
    label = _label(path, read_json(files, path))
    if label.barcode != folder.name:
        raise DamageError(f"{folder} holds the label of tape {label.barcode}")
    return label


def _label(path: Path, kept: Mapping[str, Any]) -> Label:
    wanted = {field.name: field.type for field in fields(Label)}
    kept = {"encrypted": False, "worm": False, **kept}
    if kept.keys() != wanted.keys():
        wrong = kept.keys() ^ wanted.keys()
        raise DamageError(f"{path} is no label: {', '.join(sorted(wrong))}")
    for name, kind in wanted.items():
        if type(kept[name]) is not kind:
            raise DamageError(f"{path} is no label: {name} is {kept[name]!r}")
    label = Label(**kept)
    if len(_from_hex(label.tape_id)) != TAPE_ID_SIZE:
        raise DamageError(f"{path} is no label: tape_id is {label.tape_id!r}")
    return label


def _from_hex(text: object) -> bytes:
    """The bytes of a text in hexadecimal; none for what is no such text."""
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""


def read_json(files: FileLayer, path: Path) -> dict[str, Any]:
    """The object in a file of this format.  Raises DamageError; FileNotFoundError without one."""
    try:
        kept = json.loads(read_file(files, path))
    except ValueError as error:
        raise DamageError(f"{path} cannot be read: {error}") from None
    if not isinstance(kept, dict):
        raise DamageError(f"{path} cannot be read: it holds no object")
    if kept.get("format") != FORMAT_VERSION:
        raise DamageError(f"{path} has format {kept.get('format')}, not {FORMAT_VERSION}")
    return kept
