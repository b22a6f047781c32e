"""The fields of S3's requests and answers as values of an object store."""

import base64
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pyvtl.cloud.objects import (
    STANDARD,
    Absent,
    Access,
    Condition,
    ObjectInfo,
    Part,
    Unchanged,
)

ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}
"""Classes whose objects have to be restored before they can be read."""
_EXPIRY = re.compile(r'expiry-date="([^"]+)"')


def condition(when: Condition) -> dict[str, str]:
    """The header that states a condition."""
    match when:
        case Absent():
            return {"IfNoneMatch": "*"}
        case Unchanged(etag):
            return {"IfMatch": f'"{etag}"'}
        case None:
            return {}


def checksum_field(crc32c: int | None) -> dict[str, str]:
    """The CRC32C of what is sent, as S3 wants it."""
    if crc32c is None:
        return {}
    return {"ChecksumCRC32C": base64.b64encode(crc32c.to_bytes(4, "big")).decode()}


def range_field(start: int, length: int | None) -> dict[str, str]:
    """The header that asks for a span; none for the whole, so that its checksum comes too."""
    if start == 0 and length is None:
        return {}
    return {"Range": f"bytes={start}-{'' if length is None else start + length - 1}"}


def info_of(key: str, answer: Mapping[str, Any], size: int | None = None) -> ObjectInfo:
    """What an answer tells of an object."""
    whole = answer.get("ContentRange", "").rpartition("/")[2] or answer.get("ContentLength", 0)
    storage_class = answer.get("StorageClass", STANDARD)
    return ObjectInfo(
        key,
        int(whole) if size is None else size,
        etag_of(answer),
        crc32c_of(answer),
        storage_class,
        _access(storage_class, answer),
        _restored_until(answer),
    )


def part_of(answer: Mapping[str, Any]) -> Part:
    """A part as it is listed."""
    return Part(answer["PartNumber"], answer["Size"], etag_of(answer), crc32c_of(answer))


def etag_of(answer: Mapping[str, Any]) -> str:
    """The etag without quotes, which some services leave out in places."""
    return str(answer["ETag"]).strip('"')


def crc32c_of(answer: Mapping[str, Any]) -> int | None:
    """The CRC32C of all bytes; the checksum of the checksums of parts is none."""
    text = answer.get("ChecksumCRC32C")
    if text is None or "-" in text or answer.get("ChecksumType") == "COMPOSITE":
        return None
    return int.from_bytes(base64.b64decode(text), "big")


def _access(storage_class: str, answer: Mapping[str, Any]) -> Access:
    restore = answer.get("Restore", "")
    if 'ongoing-request="true"' in restore:
        return Access.RESTORING
    archived = storage_class in ARCHIVES or "ArchiveStatus" in answer
    return Access.ARCHIVED if archived and not restore else Access.READABLE


def _restored_until(answer: Mapping[str, Any]) -> datetime | None:
    match = _EXPIRY.search(answer.get("Restore", ""))
    return parsedate_to_datetime(match[1]) if match else None
