"""What a pack refers to stays, whatever becomes of the tape that wrote it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.shelf import CATALOG
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from pyvtl.store.files import FileLayer
from pyvtl.store.format import BLOCK_SIZE
from pyvtl.store.sharing import Sharing
from tests.disks import Meanwhile
from tests.tapes import BEGINNING, Objects, append, as_medium, contents

FIRST, SECOND, THIRD = "FIRST0L5", "SECONDL5", "THIRD0L5"
DATA: Objects = [*(Random(n).randbytes(BLOCK_SIZE) for n in range(40)), None]
OTHER: Objects = [Random(n).randbytes(BLOCK_SIZE) for n in range(100, 140)]


def opened(path: Path, files: FileLayer | None = None) -> Vault:
    """With the dedup index complete."""
    vault = Vault(path, files, dedup=Scope.POOL, segment_bytes=2 << 20)
    builder = vault._sharing._builder
    if builder is not None:
        builder.join()
    return vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Two tapes, the second of which refers to the first."""
    made = opened(tmp_path)
    for barcode in (FIRST, SECOND, THIRD):
        made.create(barcode, 1 << 30)
    write(made, FIRST, *DATA)
    write(made, SECOND, *DATA)
    assert stored(made, SECOND) < BLOCK_SIZE
    yield made
    made.close()


def write(vault: Vault, barcode: str, *items: bytes | None) -> None:
    tape = vault.open(barcode)
    append(tape, *items)
    tape.close()


def overwrite(vault: Vault, barcode: str, *items: bytes | None) -> None:
    tape = vault.open(barcode)
    tape.start_writing(BEGINNING)
    tape.append(as_medium(list(items)))
    tape.close()


def read(vault: Vault, barcode: str) -> Objects:
    tape = vault.open(barcode)
    found = contents(tape)
    tape.close()
    return found


def files_of(vault: Vault, barcode: str) -> list[Path]:
    return sorted((vault._tapes_folder / barcode).glob("*.segment"))


def stored(vault: Vault, barcode: str) -> int:
    """Bytes of the segments in a tape's folder."""
    return sum(path.stat().st_size for path in files_of(vault, barcode))


def count(vault: Vault, table: str) -> Any:
    return vault._catalog.query(f"SELECT count(*) FROM {table}")[0][0]


def test_a_deleted_tape_keeps_what_others_refer_to(vault: Vault) -> None:
    vault.delete(FIRST)
    assert len(files_of(vault, FIRST)) == 2
    assert read(vault, SECOND) == DATA
    vault.delete(SECOND)
    assert (files_of(vault, FIRST), files_of(vault, SECOND)) == ([], [])
    assert (count(vault, "pack_references"), count(vault, "kept_packs")) == (0, 0)


def test_an_overwritten_tape_keeps_what_others_refer_to(vault: Vault) -> None:
    overwrite(vault, FIRST, *OTHER[:1])
    assert (read(vault, FIRST), read(vault, SECOND)) == (OTHER[:1], DATA)
    assert len(files_of(vault, FIRST)) == 3
    overwrite(vault, SECOND, *OTHER[1:2])
    assert (read(vault, FIRST), read(vault, SECOND)) == (OTHER[:1], OTHER[1:2])
    assert (len(files_of(vault, FIRST)), len(files_of(vault, SECOND))) == (1, 1)


def test_a_tape_may_be_overwritten_with_what_it_holds(vault: Vault) -> None:
    for _ in range(3):
        overwrite(vault, FIRST, *DATA)
        assert read(vault, FIRST) == DATA
    assert read(vault, SECOND) == DATA


def test_what_nobody_refers_to_any_more_goes_at_once(vault: Vault) -> None:
    overwrite(vault, SECOND, *OTHER)
    vault.delete(FIRST)
    assert files_of(vault, FIRST) == []


def test_a_kept_pack_may_be_referred_to(vault: Vault) -> None:
    vault.delete(FIRST)
    write(vault, THIRD, *DATA)
    assert stored(vault, THIRD) < BLOCK_SIZE
    vault.delete(SECOND)
    assert read(vault, THIRD) == DATA
    vault.delete(THIRD)
    assert files_of(vault, FIRST) == []


def test_a_pack_that_is_being_deleted_takes_no_reference(vault: Vault) -> None:
    overwrite(vault, SECOND, *OTHER)
    (path, *_) = files_of(vault, FIRST)
    pack_id = bytes.fromhex(path.stem.partition("-")[2])
    table = vault._sharing._table
    assert table.release(FIRST, 0, pack_id)
    assert not table.claim(THIRD, b"holder".ljust(16), pack_id)
    write(vault, THIRD, *DATA)
    path.unlink()
    assert read(vault, THIRD) == DATA


def test_a_pack_that_took_a_reference_is_not_deleted(vault: Vault) -> None:
    overwrite(vault, SECOND, *OTHER)
    (path, *_) = files_of(vault, FIRST)
    pack_id = bytes.fromhex(path.stem.partition("-")[2])
    table = vault._sharing._table
    assert table.claim(THIRD, b"holder".ljust(16), pack_id)
    assert not table.release(FIRST, 0, pack_id)


def test_a_reference_without_a_holder_goes_when_the_tape_is_loaded(vault: Vault) -> None:
    """A crash between the row and the REF frame, and before the holder was there for good."""
    overwrite(vault, SECOND, *OTHER)
    pack_id = bytes.fromhex(files_of(vault, FIRST)[0].stem.partition("-")[2])
    assert vault._sharing._table.claim(THIRD, b"holder".ljust(16), pack_id)
    vault.delete(FIRST)
    assert len(files_of(vault, FIRST)) == 1
    vault.open(THIRD).close()
    assert files_of(vault, FIRST) == []


def test_what_a_tape_kept_for_a_holder_that_is_gone_goes_when_it_is_loaded(vault: Vault) -> None:
    """A crash while the tape was overwritten with what it held, before the new pack counted."""
    overwrite(vault, SECOND, *OTHER)
    pack_id = bytes.fromhex(files_of(vault, FIRST)[0].stem.partition("-")[2])
    tape = vault.open(FIRST)
    assert vault._sharing._table.claim(FIRST, b"holder".ljust(16), pack_id)
    tape.start_writing(BEGINNING)
    tape.append(as_medium(OTHER[:1]))
    tape.close()
    assert len(files_of(vault, FIRST)) == 2
    assert read(vault, FIRST) == OTHER[:1]
    assert len(files_of(vault, FIRST)) == 1


def test_a_tape_loads_although_what_it_kept_for_another_goes_with_that_one(tmp_path: Path) -> None:
    disk, read_meanwhile = Meanwhile(), list[Objects]()
    with closing(opened(tmp_path, disk)) as vault:
        for barcode in (FIRST, SECOND):
            vault.create(barcode, 1 << 30)
            write(vault, barcode, *DATA)
        overwrite(vault, FIRST, *OTHER[:1])
        kept = files_of(vault, FIRST)[0]
        disk.before("open", kept.unlink, kept.name)
        disk.before("unlink", lambda: read_meanwhile.append(read(vault, FIRST)), kept.name)
        vault.delete(SECOND)
        assert read_meanwhile == [OTHER[:1]]
        assert len(files_of(vault, FIRST)) == 1


def test_references_are_found_again_when_the_catalog_is_lost(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    (tmp_path / CATALOG).unlink()
    again = opened(tmp_path)
    again.delete(FIRST)
    assert read(again, SECOND) == DATA
    again.delete(SECOND)
    assert files_of(again, FIRST) == []
    again.close()


def test_and_kept_packs_stay_when_it_is_made_anew(vault: Vault, tmp_path: Path) -> None:
    vault.delete(FIRST)
    overwrite(vault, THIRD, *OTHER)
    write(vault, SECOND, *OTHER)
    overwrite(vault, THIRD, b"new")
    vault.close()
    assert rebuild_catalog(tmp_path) == 2
    again = opened(tmp_path)
    assert read(again, SECOND) == [*DATA, *OTHER]
    assert read(again, THIRD) == [b"new"]
    again.delete(SECOND)
    assert files_of(again, FIRST) == []
    assert len(files_of(again, THIRD)) == 1
    again.close()


def test_nothing_is_deleted_while_references_are_not_all_known(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(sharing: Sharing) -> None:
        raise OSError(5, "a sector cannot be read")

    vault.close()
    (tmp_path / CATALOG).unlink()
    monkeypatch.setattr(Sharing, "_references", unreadable)
    blind = opened(tmp_path)
    blind.delete(FIRST)
    assert read(blind, SECOND) == DATA
    blind.close()
    monkeypatch.undo()
    again = opened(tmp_path)
    assert read(again, SECOND) == DATA
    again.delete(SECOND)
    assert files_of(again, FIRST) == []
    again.close()


def test_an_index_that_was_not_left_clean_is_made_anew(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    (tmp_path / "index" / "clean").unlink()
    (tmp_path / "index" / "data.mdb").write_bytes(b"torn")
    again = opened(tmp_path)
    write(again, THIRD, *DATA)
    assert stored(again, THIRD) < BLOCK_SIZE
    again.close()


def test_a_clean_index_is_used_as_it_is(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    again = Vault(tmp_path, dedup=Scope.POOL)
    assert again._sharing._builder is None
    assert not (tmp_path / "index" / "clean").exists()
    write(again, THIRD, *DATA)
    assert stored(again, THIRD) < BLOCK_SIZE
    again.close()


def test_an_index_is_made_anew_although_a_segment_is_closed_at_that_moment(tmp_path: Path) -> None:
    disk = Meanwhile()
    with closing(opened(tmp_path, disk)) as vault:
        vault.create(FIRST, 1 << 30)
        tape = vault.open(FIRST)
        append(tape, *DATA[:20])
        tape.sync()
        disk.before("size", tape.seal)
        vault._sharing._build()
        vault.create(SECOND, 1 << 30)
        write(vault, SECOND, *DATA[:20])
        assert stored(vault, SECOND) < BLOCK_SIZE
