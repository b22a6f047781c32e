"""The keys of the API: those of the settings, or such as are made at the first start."""

import configparser
import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pyvtl.config.api import ApiSection
from pyvtl.gateway.errors import GatewayError
from pyvtl.gateway.folder import write_durably
from pyvtl.gateway.kept import OWNER_ONLY

FILE_NAME: Final = "aws-credentials"
ID_PREFIX, ID_LETTERS, ID_SIZE = "PYVTL", string.ascii_uppercase + "234567", 15
SECRET_BYTES: Final = 30


@dataclass(frozen=True, slots=True)
class KeyPair:
    """What clients sign with; `file` is where it was made, in the form that AWS's tools read."""

    access_key_id: str
    secret_access_key: str
    file: Path | None = None

    def __repr__(self) -> str:
        return f"KeyPair({self.access_key_id})"


def key_pair(settings: ApiSection, folder: Path) -> KeyPair:
    """The keys to accept.  Blocks; GatewayError when the file with made ones is of no use."""
    if settings.access_key_id is not None and settings.secret is not None:
        return KeyPair(settings.access_key_id, settings.secret)
    file = (folder / FILE_NAME).absolute()
    if not file.exists():
        _make(file, settings.region)
    return _read(file)


def _make(file: Path, region: str) -> None:
    key_id = ID_PREFIX + "".join(secrets.choice(ID_LETTERS) for _ in range(ID_SIZE))
    lines = (
        "[default]",
        f"aws_access_key_id = {key_id}",
        f"aws_secret_access_key = {secrets.token_urlsafe(SECRET_BYTES)}",
        f"region = {region}",
    )
    try:
        write_durably(file, "\n".join((*lines, "")), OWNER_ONLY)
    except OSError as error:
        raise GatewayError(f"the API's keys cannot be kept in {file}: {error}") from None


def _read(file: Path) -> KeyPair:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text())
        table = parser["default"]
        return KeyPair(table["aws_access_key_id"], table["aws_secret_access_key"], file)
    except (OSError, ValueError, KeyError, configparser.Error) as error:
        raise GatewayError(
            f"the API's keys cannot be read from {file} ({type(error).__name__}): remove it, and"
            " new ones are made at the next start"
        ) from None
