"""What a closed segment says of itself."""

from pathlib import Path

import pytest

from pyvtl.cloud.local_packs import LocalPack, local_pack, refuse_foreign
from pyvtl.media.at_rest import TapeAtRest
from pyvtl.store.compression import Compressor
from pyvtl.store.errors import DamageError
from pyvtl.store.files import LocalFiles
from pyvtl.store.format import Kind, Reference, SegmentHeader
from pyvtl.store.repository import Label
from pyvtl.store.segment import Allocation, SegmentWriter, segment_name
from pyvtl.store.tape_map import Pack
from tests.tapes import KEY

FOREIGN, OWN = bytes([1]) * 16, bytes([2]) * 16


def referring(path: Path, pack: bytes) -> tuple[TapeAtRest, LocalPack]:
    """A tape of one segment with a REF frame."""
    header = SegmentHeader(pack_id=OWN, tape_id=bytes(16), barcode=b"DEMO01L5".ljust(32))
    allocation = Allocation(LocalFiles(), path / segment_name(header), 1 << 20)
    segment = SegmentWriter(allocation, header, KEY, Compressor())
    reference = Reference(pack=pack, first_frame=1, count=1, plain_bytes=5)
    segment.add_note(Kind.REF, 0, 0, reference.encode() + bytes(32))
    length, chain = segment.seal()
    LocalFiles().close(segment.fd)
    found = Pack(OWN, 0, 0, length, chain)
    label = Label("DEMO01L5", "0" * 32, 1 << 30, 0)
    return TapeAtRest(label, ((found, segment.path),), None), local_pack(found, segment.path)


def test_packs_of_other_tapes_are_told_and_refused(tmp_path: Path) -> None:
    tape, local = referring(tmp_path, FOREIGN)
    assert local.refers_to == {FOREIGN}
    with pytest.raises(DamageError, match="1 packs of other tapes"):
        refuse_foreign(tape, [local])


def test_packs_of_the_tape_itself_are_no_others(tmp_path: Path) -> None:
    tape, local = referring(tmp_path, OWN)
    assert local.refers_to == {OWN}
    refuse_foreign(tape, [local])
