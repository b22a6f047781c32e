"""Where a store is, as people write it: `dir:PATH` or `s3://BUCKET/PREFIX`."""

import re
from dataclasses import dataclass
from pathlib import Path

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Amazon S3 user guide, bucket naming rules."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return f"dir:{self.path}"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or what lies in it under a prefix, which is empty or ends with a slash."""

    name: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


Location = Folder | Bucket


def parse_location(text: str) -> Location:
    """What a text names; ValueError says what is wrong."""
    if text.startswith("dir:") and len(text) > len("dir:"):
        return Folder(Path(text.removeprefix("dir:")).expanduser())
    if text.startswith("s3://"):
        name, _, prefix = text.removeprefix("s3://").partition("/")
        if not _BUCKET.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'")
        return Bucket(name, _prefix(prefix))
    raise ValueError(f"{text!r} is no store; write dir:PATH or s3://BUCKET/PREFIX")


def _prefix(text: str) -> str:
    names = text.strip("/").split("/")
    if names == [""]:
        return ""
    if not text.isprintable() or any(not name or name[0] == "." for name in names):
        raise ValueError(f"{text!r} is no prefix: names between single slashes, no dot in front")
    return "/".join(names) + "/"
