"""What a closed segment says of itself."""

from pathlib import Path

import pytest

from pyvtl.cloud.local_packs import LocalPack, local_pack, other_pack
from pyvtl.store.compression import Compressor
from pyvtl.store.errors import DamageError
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import Kind, Reference, SegmentHeader
from pyvtl.store.segment import Allocation, SegmentWriter, segment_name
from pyvtl.store.tape_map import Pack
from tests.tapes import KEY

FOREIGN, OWN = bytes([1]) * 16, bytes([2]) * 16


def referring(path: Path) -> LocalPack:
    """A segment with a REF frame."""
    header = SegmentHeader(pack_id=OWN, tape_id=bytes(16), barcode=b"DEMO01L5".ljust(32))
    allocation = Allocation(LocalFiles(), path / segment_name(header), 1 << 20)
    segment = SegmentWriter(allocation, header, KEY, Compressor())
    reference = Reference(pack=FOREIGN, first_frame=1, count=1, plain_bytes=5)
    segment.add_note(Kind.REF, 0, 0, reference.encode() + bytes(32))
    length, chain = segment.seal()
    LocalFiles().close(segment.fd)
    found = Pack(OWN, 0, 0, length, chain)
    return local_pack(found, segment.path)


def test_a_segment_tells_which_packs_it_refers_to(tmp_path: Path) -> None:
    assert referring(tmp_path).refers_to == {FOREIGN}


def test_a_segment_says_of_itself_what_the_catalog_says_of_it(tmp_path: Path) -> None:
    local = referring(tmp_path)
    assert other_pack(OWN, local.path) == local


def test_a_segment_of_another_pack_is_none(tmp_path: Path) -> None:
    path = referring(tmp_path).path
    with pytest.raises(DamageError, match="is no closed segment of pack 0101"):
        other_pack(FOREIGN, path)
