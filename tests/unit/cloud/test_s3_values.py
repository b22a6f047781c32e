"""What S3 answers, as values."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pyvtl.cloud.objects import Absent, Access, ObjectInfo, Unchanged
from pyvtl.cloud.s3_values import checksum_field, condition, info_of, range_field

HEAD: dict[str, Any] = {"ContentLength": 9, "ETag": '"e3069283"'}


def test_the_check_value_of_crc32c_travels_as_base64() -> None:
    """RFC 3720 appendix B.4: E3069283h is the CRC32C of "123456789"."""
    assert checksum_field(0xE3069283) == {"ChecksumCRC32C": "4waSgw=="}
    info = info_of("key", HEAD | {"ChecksumCRC32C": "4waSgw=="})
    assert info == ObjectInfo("key", 9, "e3069283", 0xE3069283)


@pytest.mark.parametrize(
    "answer",
    [
        {"ChecksumCRC32C": "4waSgw==-2"},
        {"ChecksumCRC32C": "4waSgw==", "ChecksumType": "COMPOSITE"},
        {},
    ],
)
def test_a_checksum_of_checksums_is_none(answer: dict[str, str]) -> None:
    assert info_of("key", HEAD | answer).crc32c is None


@pytest.mark.parametrize(
    ("answer", "access", "until"),
    [
        ({}, Access.READABLE, None),
        ({"StorageClass": "STANDARD_IA"}, Access.READABLE, None),
        ({"StorageClass": "GLACIER"}, Access.ARCHIVED, None),
        ({"StorageClass": "GLACIER_IR"}, Access.READABLE, None),
        ({"StorageClass": "DEEP_ARCHIVE"}, Access.ARCHIVED, None),
        (
            {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"},
            Access.ARCHIVED,
            None,
        ),
        (
            {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'},
            Access.RESTORING,
            None,
        ),
        (
            {
                "StorageClass": "GLACIER",
                "Restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2012 00:00:00 GMT"',
            },
            Access.READABLE,
            datetime(2012, 12, 21, tzinfo=UTC),
        ),
    ],
)
def test_what_can_be_read(answer: dict[str, str], access: Access, until: datetime | None) -> None:
    info = info_of("key", HEAD | answer)
    assert (info.access, info.restored_until) == (access, until)


def test_the_length_of_a_whole_is_told_with_a_span() -> None:
    answer = HEAD | {"ContentLength": 2, "ContentRange": "bytes 3-4/9"}
    assert info_of("key", answer) == ObjectInfo("key", 9, "e3069283")


def test_headers() -> None:
    assert range_field(0, None) == {}
    assert range_field(5, None) == {"Range": "bytes=5-"}
    assert range_field(0, 5) == {"Range": "bytes=0-4"}
    assert condition(None) == {}
    assert condition(Absent()) == {"IfNoneMatch": "*"}
    assert condition(Unchanged("abc")) == {"IfMatch": '"abc"'}
