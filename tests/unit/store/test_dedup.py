"""Blocks that a pack holds already are not stored again: REF frames stand for runs of them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.medium import DamagedError, Position
from pyvtl.store.dedup import Scope
from pyvtl.store.format import BLOCK_SIZE, Kind, keyed_hash
from tests.disks import RamDisk
from tests.library_of_tapes import TAPES, Tapes
from tests.tapes import BEGINNING, KEY, Objects, append, as_medium, contents

FIRST, SECOND = "FIRST0L5", "SECONDL5"


def noise(blocks: int, seed: int = 1) -> list[bytes]:
    return [Random(f"{seed} {n}").randbytes(BLOCK_SIZE) for n in range(blocks)]


@pytest.fixture
def tapes(tmp_path: Path) -> Iterator[Tapes]:
    made = Tapes(RamDisk(), tmp_path / "catalog")
    yield made
    made.catalog.close()


def written(tapes: Tapes, barcode: str, *items: bytes | None, segment_bytes: int = 4 << 20) -> None:
    tape = tapes.load(barcode, segment_bytes)
    append(tape, *items)
    tape.close()


def held(tapes: Tapes, barcode: str) -> Objects:
    tape = tapes.load(barcode)
    found = contents(tape)
    tape.close()
    return found


def test_what_another_tape_holds_is_referred_to(tapes: Tapes) -> None:
    data = noise(40)
    written(tapes, FIRST, *data, None)
    written(tapes, SECOND, *data, None)
    assert tapes.kinds(SECOND) == [Kind.REF]
    assert held(tapes, SECOND) == [*data, None]
    assert tapes.rows() == 1


def test_an_encrypted_tape_refers_to_itself_alone(tapes: Tapes) -> None:
    data, encrypted = noise(40), ("SECRET0L5", "SECRET1L5")
    tapes.data_keys = {encrypted[0]: bytes(range(32)), encrypted[1]: bytes(32)}
    written(tapes, FIRST, *data, None)
    for barcode in encrypted:
        written(tapes, barcode, *data, None)
        assert tapes.kinds(barcode) == [Kind.DATA] * 40
        written(tapes, barcode, *data, None, *data, None)
        assert tapes.kinds(barcode) == [Kind.DATA] * 40 + [Kind.REF] * 2
        assert held(tapes, barcode) == [*data, None] * 3
    written(tapes, SECOND, *data, None)
    assert tapes.kinds(SECOND) == [Kind.REF]


def test_records_off_the_grid_too(tapes: Tapes) -> None:
    data = [Random(n).randbytes(10_240) for n in range(200)]
    written(tapes, FIRST, *data, None)
    written(tapes, SECOND, b"before", None, *data, None)
    assert tapes.kinds(SECOND) == [Kind.DATA, Kind.REF]
    assert held(tapes, SECOND) == [b"before", None, *data, None]


def test_what_the_same_segment_holds_is_referred_to(tapes: Tapes) -> None:
    data = noise(20)
    tape = tapes.load(FIRST)
    append(tape, *data, None, *data, None)
    assert contents(tape) == [*data, None] * 2
    tape.close()
    assert tapes.kinds(FIRST) == [Kind.DATA] * 20 + [Kind.REF]
    assert held(tapes, FIRST) == [*data, None] * 2
    assert tapes.rows() == 0


def test_a_run_goes_on_in_the_next_pack(tapes: Tapes) -> None:
    data = noise(220)
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    assert len(tapes.segments(FIRST)) == 4
    assert tapes.kinds(SECOND) == [Kind.REF] * 4
    assert held(tapes, SECOND) == data


def test_short_runs_are_stored_anew(tapes: Tapes) -> None:
    data, other = noise(40), noise(40, seed=2)
    written(tapes, FIRST, *data)
    mixed = [*data[:15], *other[:1], *data[20:36], *other[1:]]
    written(tapes, SECOND, *mixed)
    assert tapes.kinds(SECOND) == [Kind.DATA] * 16 + [Kind.REF] + [Kind.DATA] * 39
    assert held(tapes, SECOND) == mixed


def test_a_filemark_ends_a_short_run(tapes: Tapes) -> None:
    data = [*noise(2), b"the last block is shorter"]
    written(tapes, FIRST, *data, None)
    written(tapes, SECOND, *data, None, *data, None)
    assert tapes.kinds(SECOND) == [Kind.REF, Kind.REF]
    assert held(tapes, SECOND) == [*data, None] * 2


def test_blocks_that_wait_for_a_run_outlive_their_buffers(tapes: Tapes) -> None:
    data = noise(10)
    written(tapes, FIRST, *data)
    tape = tapes.load(SECOND)
    tape.start_writing(BEGINNING)
    buffer = bytearray(BLOCK_SIZE)
    for block in data:
        buffer[:] = block
        tape.append(as_medium([buffer]))  # type: ignore[list-item] # a buffer that is used again
    assert contents(tape) == data
    tape.close()


def test_zeros_do_not_end_a_run(tapes: Tapes) -> None:
    data = noise(40)
    data[5] = data[30] = bytes(BLOCK_SIZE)
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    assert tapes.kinds(SECOND) == [Kind.REF]
    assert held(tapes, SECOND) == data


def test_a_truncation_in_the_middle_of_a_run_keeps_what_lies_before(tapes: Tapes) -> None:
    data = [Random(n).randbytes(10_000) for n in range(300)]
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    tape = tapes.load(SECOND)
    tape.start_writing(Position(0, 100, 0, 1_000_000))
    tape.append(as_medium([b"new", None, *data]))
    expected = [*data[:100], b"new", None, *data]
    assert contents(tape) == expected
    tape.close()
    assert held(tapes, SECOND) == expected
    assert Kind.REF in tapes.kinds(SECOND)


def test_reading_may_begin_anywhere_in_a_run(tapes: Tapes) -> None:
    data = [Random(n).randbytes(30_000) for n in range(150)]
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    tape = tapes.load(SECOND)
    for number in (1, 70, 149):
        assert contents(tape, Position(0, number, 0, 30_000 * number)) == data[number:]
    tape.close()


def test_the_scope_tape_knows_only_its_own(tmp_path: Path) -> None:
    tapes = Tapes(RamDisk(), tmp_path / "catalog", Scope.TAPE)
    data = noise(20)
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    written(tapes, FIRST, *data)
    assert tapes.kinds(SECOND) == [Kind.DATA] * 20
    assert tapes.kinds(FIRST) == [Kind.DATA] * 20 + [Kind.REF]
    assert held(tapes, FIRST) == data * 2
    tapes.catalog.close()


def test_a_pack_that_is_gone_is_a_miss(tapes: Tapes) -> None:
    data = noise(20)
    written(tapes, FIRST, *data)
    (name,) = tapes.segments(FIRST)
    tapes.files.unlink(TAPES / FIRST / name)
    written(tapes, SECOND, *data)
    assert tapes.kinds(SECOND) == [Kind.DATA] * 20
    assert tapes.rows() == 0


def test_a_pack_that_changed_is_a_miss(tapes: Tapes) -> None:
    data = noise(20)
    written(tapes, FIRST, *data)
    disk = tapes.files
    assert isinstance(disk, RamDisk)
    (inode,) = disk.names.values()
    inode.cached[-100] ^= 1
    written(tapes, SECOND, *data)
    assert tapes.kinds(SECOND) == [Kind.DATA] * 20


def test_a_hint_at_another_block_is_a_miss(tapes: Tapes) -> None:
    data, other = noise(20), noise(20, seed=2)
    written(tapes, FIRST, *data)
    keys = [keyed_hash(KEY, block)[:8] for block in other]
    tapes.index._hints = dict(zip(keys, sorted(tapes.index._hints.values()), strict=True))
    written(tapes, SECOND, *other)
    assert tapes.kinds(SECOND) == [Kind.DATA] * 20
    assert held(tapes, SECOND) == other


def test_a_pack_that_is_gone_although_it_is_referred_to_is_damage(tapes: Tapes) -> None:
    data = noise(20)
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data)
    (name,) = tapes.segments(FIRST)
    tapes.files.unlink(TAPES / FIRST / name)
    tape = tapes.load(SECOND)
    with pytest.raises(DamagedError):
        tape.read(BEGINNING, 1)
    tape.close()


def test_a_segment_is_closed_before_its_notes_fill_the_memory(
    tapes: Tapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyvtl.store.segment.NOTES_SIZE", 1000)
    data = noise(60)
    written(tapes, FIRST, *data)
    written(tapes, SECOND, *data, None, *data, None)
    assert len(tapes.segments(SECOND)) == 2
    assert held(tapes, SECOND) == [*data, None] * 2
