"""What can be copied of a tape while it is used, and what is known to lie here alone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyvtl.media.at_rest import TapeAtRest
from pyvtl.media.snapshot import Backlog
from pyvtl.media.vault import Vault
from pyvtl.store.stored import StoredPack
from tests.disks import Meanwhile
from tests.tapes import BEGINNING, append, as_medium, contents

TAPE = "DEMO01L5"
MIB = 1 << 20


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(tmp_path, segment_bytes=MIB)
    vault.create(TAPE, 1 << 30)
    yield vault
    vault.close()


def snapshot(vault: Vault) -> TapeAtRest:
    found = vault.snapshot(TAPE)
    assert found is not None
    return found


def on_disk(path: Path) -> int:
    """Bytes of all segments that are there."""
    return sum(each.stat().st_size for each in path.glob("tapes/*/*.segment"))


def stored(tape: TapeAtRest) -> list[StoredPack]:
    return [
        StoredPack(pack.pack_id, "00000000", pack.length, 0, "m", 0, 1) for pack, _ in tape.packs
    ]


def test_a_blank_tape_is_a_snapshot_without_packs(vault: Vault) -> None:
    assert snapshot(vault).packs == ()
    assert vault.backlog() == [Backlog(TAPE, 0, 0, 0, known=False)]


def test_a_tape_that_is_written_shows_what_is_closed(vault: Vault) -> None:
    tape = vault.open(TAPE)
    append(tape, b"first", None)
    tape.sync()
    assert vault.snapshot(TAPE) is None
    tape.seal()
    append(tape, b"second", None)
    (pack, path), *more = snapshot(vault).packs
    assert (path.stat().st_size, more) == (pack.length, [])
    tape.seal()
    assert [pack.sequence for pack, _ in snapshot(vault).packs] == [0, 1]
    assert snapshot(vault).generation == 0


def test_a_snapshot_of_a_new_generation_waits_for_its_first_closed_pack(vault: Vault) -> None:
    tape = vault.open(TAPE)
    append(tape, b"old", None)
    tape.seal()
    tape.start_writing(BEGINNING)
    tape.append(as_medium([b"new", None]))
    tape.sync()
    assert vault.snapshot(TAPE) is None
    tape.seal()
    assert ([pack.generation for pack, _ in snapshot(vault).packs], snapshot(vault).generation) == (
        [1],
        1,
    )


def test_what_a_crash_kept_from_the_catalog_is_in_the_snapshot(tmp_path: Path) -> None:
    first = Vault(tmp_path, segment_bytes=MIB)
    first.create(TAPE, 1 << 30)
    append(first.open(TAPE), b"data", None)
    first.close()
    with_row = Vault(tmp_path)
    with_row._catalog.forget_packs(TAPE)
    assert len(snapshot(with_row).packs) == 1
    with_row.close()


def test_nobody_is_refused_a_tape_because_it_is_being_looked_at(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.create(TAPE, 1 << 30)
    waiting, opened = threading.Event(), threading.Event()

    def host() -> None:
        waiting.set()
        vault.open(TAPE).close()
        opened.set()

    with vault._claims.claim(TAPE, visit=True):
        thread = threading.Thread(target=host)
        thread.start()
        waiting.wait()
        assert not opened.is_set()
    thread.join()
    assert opened.is_set()
    vault.close()


def test_a_tape_that_is_being_closed_is_in_use_until_all_of_it_is(tmp_path: Path) -> None:
    """The uploader looks at a tape that a host unloads: it takes the open segment for a crash's."""
    disk = Meanwhile()
    vault = Vault(tmp_path, disk, segment_bytes=MIB)
    vault.create(TAPE, 1 << 30)
    tape = vault.open(TAPE)
    append(tape, b"first", None)
    tape.sync()
    append(tape, b"second", None)
    tape.reserve(3 * MIB)
    disk.before("fdatasync", lambda: vault.snapshot(TAPE))
    tape.close()
    assert contents(vault.open(TAPE)) == [b"first", None, b"second", None]
    vault.close()


def test_dirty_bytes_are_what_lies_on_the_disk_at_any_time(vault: Vault, tmp_path: Path) -> None:
    tape = vault.open(TAPE)
    assert vault.dirty_bytes == on_disk(tmp_path) == 0
    tape.start_writing(BEGINNING)
    tape.reserve(3 * MIB)
    assert vault.dirty_bytes == on_disk(tmp_path) > 3 * MIB
    append(tape, bytes(range(256)) * 8192, None)
    assert vault.dirty_bytes == on_disk(tmp_path)
    tape.seal()
    assert vault.dirty_bytes == on_disk(tmp_path)
    tape.start_writing(BEGINNING)
    tape.append(as_medium([b"over", None]))
    tape.close()
    assert vault.dirty_bytes == on_disk(tmp_path) > 0
    vault.delete(TAPE)
    assert vault.dirty_bytes == on_disk(tmp_path) == 0


def test_what_was_stored_is_clean_also_after_a_restart(vault: Vault, tmp_path: Path) -> None:
    tape = vault.open(TAPE)
    append(tape, b"first", None)
    tape.seal()
    vault.put_stored(TAPE, stored(snapshot(vault)))
    assert (vault.dirty_bytes, vault.backlog()) == (0, [])
    append(tape, b"second", None)
    tape.close()
    dirty = vault.dirty_bytes
    assert 0 < dirty < on_disk(tmp_path)
    assert vault.backlog() == [Backlog(TAPE, dirty, 1, 0)]
    vault.close()
    again = Vault(tmp_path)
    assert (again.dirty_bytes, again.backlog()) == (dirty, [Backlog(TAPE, dirty, 1, 0)])
    assert contents(again.open(TAPE)) == [b"first", None, b"second", None]
    again.close()


def test_a_deleted_tape_is_told_to_the_store_once(vault: Vault) -> None:
    vault.uploads.begin(TAPE)
    vault.delete(TAPE)
    assert vault.backlog() == [Backlog(TAPE, 0, 0, 0, deleted=True)]
    vault.uploads.forget(TAPE)
    assert vault.backlog() == []


def test_a_tape_keeps_its_packs_when_another_that_refers_to_them_is_deleted(vault: Vault) -> None:
    """The recovery point of the other tape listed them, too."""
    tape = vault.open(TAPE)
    append(tape, b"first", None)
    tape.close()
    before = snapshot(vault)
    vault.create("OTHER1L5", 1 << 30)
    for barcode in (TAPE, "OTHER1L5"):
        vault.put_stored(barcode, stored(before))
    vault.delete("OTHER1L5")
    assert [each.barcode for each in vault.backlog()] == ["OTHER1L5"]
    assert snapshot(vault) == before
    assert contents(vault.open(TAPE)) == [b"first", None]


def test_what_was_reserved_stays_so_when_the_segment_is_sealed(
    vault: Vault, tmp_path: Path
) -> None:
    tape = vault.open(TAPE)
    tape.start_writing(BEGINNING)
    tape.reserve(8 * MIB)
    append(tape, b"data", None)
    tape.seal()
    assert on_disk(tmp_path) > 8 * MIB
