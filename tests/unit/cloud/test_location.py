"""What a person may write for a store."""

from pathlib import Path

import pytest

from pyvtl.cloud.location import Bucket, Folder, Location, parse_location


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("dir:/srv/tapes", Folder(Path("/srv/tapes"))),
        ("dir:tapes", Folder(Path("tapes"))),
        ("s3://my-tapes", Bucket("my-tapes")),
        ("s3://my.tapes/", Bucket("my.tapes")),
        ("s3://my-tapes/vtl", Bucket("my-tapes", "vtl/")),
        ("s3://my-tapes/a/b/", Bucket("my-tapes", "a/b/")),
    ],
)
def test_location(text: str, location: Location) -> None:
    assert parse_location(text) == location
    assert parse_location(str(location)) == location


@pytest.mark.parametrize("text", ["", "dir:", "tapes", "s3:tapes", "http://tapes"])
def test_what_is_no_store_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match="write dir:PATH or s3://BUCKET/PREFIX"):
        parse_location(text)


@pytest.mark.parametrize("text", ["s3://", "s3://no", "s3://My-Tapes", "s3://a_b_c", "s3:///key"])
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name of a bucket"):
        parse_location(text)


@pytest.mark.parametrize("text", ["s3://tapes/a//b", "s3://tapes/.hidden", "s3://tapes/a\nb"])
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no prefix"):
        parse_location(text)
