"""The keys of encrypted tapes: a data key each, wrapped with the master key of the data folder.

The master key itself is nowhere on the disk.  `encryption.json` tells whether a key given is the
one that the folder was begun with; `key.json` of a tape has all that unwrapping takes besides.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from pyvtl.store.encryption import KEY_SIZE
from pyvtl.store.errors import DamageError, LockedError, ShreddedError
from pyvtl.store.files import FileLayer, write_all, write_file
from pyvtl.store.loading import TapeFolder
from pyvtl.store.repository import FORMAT_VERSION, LABEL, read_json, read_label

MASTER_FILE: Final = "encryption.json"
KEY_FILE: Final = "key.json"
ID_CONTEXT: Final = "pyvtl format 1 name of a master key"
ID_SIZE: Final = 8
NONCE_SIZE: Final = 12


@dataclass(frozen=True, slots=True)
class Secret:
    """What the administrator keeps: a key of 32 bytes, or a passphrase."""

    key: bytes | None = field(default=None, repr=False)
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Stretching:
    """How scrypt (RFC 7914) makes a key of a passphrase: `n` * `r` * 128 bytes of memory."""

    salt: str
    n: int = 1 << 15
    r: int = 8
    p: int = 3

    @classmethod
    def new(cls) -> Self:
        return cls(secrets.token_hex(16))

    def key(self, passphrase: bytes) -> bytes:
        salt = bytes.fromhex(self.salt)
        return Scrypt(salt=salt, length=KEY_SIZE, n=self.n, r=self.r, p=self.p).derive(passphrase)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps data keys; `name` tells it from others and nothing about it."""

    key: bytes = field(repr=False)
    stretching: Stretching | None = None

    @property
    def name(self) -> str:
        return blake3(self.key, derive_key_context=ID_CONTEXT).digest(ID_SIZE).hex()

    def facts(self) -> dict[str, Any]:
        """What may be written down of it."""
        return {
            "format": FORMAT_VERSION,
            "master_key": self.name,
            "scrypt": self.stretching and asdict(self.stretching),
        }


class Keyring:
    """The keys of a data folder.  May be used from any thread."""

    def __init__(self, files: FileLayer, folder: Path, secret: Secret | None) -> None:
        """LockedError when `secret` is not what the folder was begun with; nothing is changed."""
        self._files, self._folder, self._secret = files, folder, secret
        self._masters: dict[Stretching | None, MasterKey] = {}
        self._own: MasterKey | None = None
        self._making = Lock()
        if secret is not None and MASTER_FILE in files.listdir(folder):
            kept = read_json(files, folder / MASTER_FILE)
            self._own = self._master_of(kept, f"the tapes in {folder} are")

    def make(self, tape: Path) -> None:
        """Give a new tape a data key, durably."""
        master, nonce = self._master(), secrets.token_bytes(NONCE_SIZE)
        wrapped = AESGCM(master.key).encrypt(
            nonce, secrets.token_bytes(KEY_SIZE), tape.name.encode()
        )
        facts = master.facts() | {"nonce": nonce.hex(), "wrapped_key": wrapped.hex()}
        _write_json(self._files, tape / KEY_FILE, facts)

    def data_key(self, tape: Path) -> bytes:
        """The data key of an encrypted tape.

        Raises LockedError when it takes another master key, ShreddedError when it is no more,
        DamageError when its file is damaged or lost.
        """
        if KEY_FILE not in self._files.listdir(tape):
            raise DamageError(f"tape {tape.name} is encrypted, and its {KEY_FILE} is missing")
        return self.unwrap(tape.name, read_json(self._files, tape / KEY_FILE))

    def unwrap(self, barcode: str, kept: Mapping[str, Any]) -> bytes:
        """The data key of the tape that a `key.json` says this of.  Raises as `data_key`."""
        if kept.get("shredded"):
            raise ShreddedError(f"tape {barcode} was shredded: its data key is no more")
        master = self._master_of(kept, f"tape {barcode} is")
        try:
            nonce, wrapped = bytes.fromhex(kept["nonce"]), bytes.fromhex(kept["wrapped_key"])
            return AESGCM(master.key).decrypt(nonce, wrapped, barcode.encode())
        except (InvalidTag, KeyError, ValueError):
            raise DamageError(f"the {KEY_FILE} of tape {barcode} is damaged") from None

    def unlocked(self, folder: TapeFolder) -> TapeFolder:
        """The folder with the keys of its tape, if that is encrypted.  Raises as `data_key`."""
        if not is_encrypted(self._files, folder.path):
            return folder
        return folder.encrypted(self.data_key(folder.path))

    def shred(self, tape: Path) -> None:
        """Overwrite the data key of a tape, and say so in its place, durably."""
        path = tape / KEY_FILE
        _overwrite(self._files, path)
        _write_json(self._files, path, {"format": FORMAT_VERSION, "shredded": True})

    def _master(self) -> MasterKey:
        """The key for new tapes; the first time it is named in the folder."""
        if self._secret is None:
            raise LockedError("a tape cannot be encrypted without a key")
        with self._making:
            if self._own is None:
                stretching = Stretching.new() if self._secret.key is None else None
                made = self._derived(self._secret, stretching)
                _write_json(self._files, self._folder / MASTER_FILE, made.facts())
                self._own = made
            return self._own

    def _master_of(self, kept: Mapping[str, Any], what: str) -> MasterKey:
        """The master key that a file names."""
        if self._secret is None:
            raise LockedError(f"{what} encrypted, and no key is given: store.encryption_key_file")
        stretching, name = _named(kept, what)
        if (stretching is None) != (self._secret.key is not None):
            kind = "key" if stretching is None else "passphrase"
            raise LockedError(f"{what} encrypted with a {kind}, and that is not what is given")
        master = self._derived(self._secret, stretching)
        if master.name != name:
            raise LockedError(f"{what} encrypted with another key than the one given")
        return master

    def _derived(self, secret: Secret, stretching: Stretching | None) -> MasterKey:
        if stretching not in self._masters:
            key = stretching.key(secret.passphrase or b"") if stretching else secret.key
            assert key is not None, "a secret is one or the other"
            self._masters[stretching] = MasterKey(key, stretching)
        return self._masters[stretching]


def is_encrypted(files: FileLayer, tape: Path) -> bool:
    """Whether the blocks of a tape are: its key says so, and without one its label does."""
    names = files.listdir(tape)
    return KEY_FILE in names or (LABEL in names and read_label(files, tape).encrypted)


def _named(kept: Mapping[str, Any], what: str) -> tuple[Stretching | None, str]:
    """How the master key is made that a file names, and its name."""
    try:
        stretching = kept["scrypt"] and Stretching(**kept["scrypt"])
        return stretching, kept["master_key"]
    except (KeyError, TypeError):
        raise DamageError(f"{what} encrypted, and how cannot be read") from None


def _overwrite(files: FileLayer, path: Path) -> None:
    """Put zeros in the place of a file's bytes, so far as the file system does that."""
    fd = files.open(path)
    try:
        write_all(files, fd, [bytes(files.size(fd))], 0)
        files.fdatasync(fd)
    finally:
        files.close(fd)


def _write_json(files: FileLayer, path: Path, facts: Mapping[str, Any]) -> None:
    write_file(files, path, json.dumps(facts, indent=1).encode() + b"\n")
