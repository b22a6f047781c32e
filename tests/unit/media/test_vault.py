"""A vault makes, lists, opens and deletes cartridges, and forgets nothing over a restart."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from pyvtl.media.checking import StoreCheck
from pyvtl.media.inventory import Place
from pyvtl.media.medium import (
    AppendOnlyError,
    Attributes,
    DamagedError,
    MediumError,
    Position,
    StorageFailedError,
)
from pyvtl.media.mending import mend
from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.vault import Vault
from pyvtl.media.volume import Volume
from pyvtl.store.catalog import TapeRow
from pyvtl.store.files import LocalFiles
from tests.disks import DiskInHand
from tests.tapes import append, contents

TAPE = "DEMO01L5"


class NeverSynced(LocalFiles):
    """A disk that is quick to fill for a test of something else."""

    def sync_folder(self, path: Path) -> None:
        """Leave it to the kernel."""

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # a static method there
        """As above."""


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault(tmp_path, segment_bytes=1 << 20)
    vault.create(TAPE, 1 << 30)
    yield vault
    vault.close()


def test_a_new_tape_is_blank_and_lies_nowhere(vault: Vault) -> None:
    (volume,) = vault.volumes()
    assert (volume.barcode, volume.capacity_bytes, volume.used_bytes) == (TAPE, 1 << 30, 0)
    assert (volume.write_protected, volume.status) == (False, "AVAILABLE")
    assert abs(volume.created_at.timestamp() - time.time()) < 60
    assert vault.places() == {}


@pytest.mark.parametrize("barcode", [TAPE, "../x", "", "A B"])
def test_a_barcode_that_cannot_be_is_refused(vault: Vault, barcode: str) -> None:
    with pytest.raises(MediumError):
        vault.create(barcode, 1 << 30)
    assert vault.barcodes() == {TAPE}


def test_what_was_written_is_listed_and_found_after_a_restart(vault: Vault, tmp_path: Path) -> None:
    append(vault.open(TAPE), b"x" * 1000, None)
    assert vault.volumes()[0].used_bytes == 1000
    vault.close()
    again = Vault(tmp_path)
    assert again.volumes()[0].used_bytes == 1000
    assert contents(again.open(TAPE)) == [b"x" * 1000, None]
    again.close()


def test_a_tape_is_open_once_at_a_time(vault: Vault) -> None:
    tape = vault.open(TAPE)
    for refused in (vault.open, vault.delete):
        with pytest.raises(MediumError, match="in use"):
            refused(TAPE)
    tape.close()
    vault.open(TAPE)


def test_protection_lasts(vault: Vault, tmp_path: Path) -> None:
    vault.protect(TAPE, write_protected=True)
    assert vault.volumes()[0].write_protected
    vault.close()
    again = Vault(tmp_path)
    assert again.open(TAPE).attributes.write_protected
    again.close()


def test_a_deleted_tape_is_gone_and_its_barcode_stays_taken(vault: Vault, tmp_path: Path) -> None:
    tape = vault.open(TAPE)
    append(tape, b"x")
    tape.close()
    vault.place({TAPE: Place(30_000)})
    vault.delete(TAPE)
    vault.close()
    again = Vault(tmp_path)
    assert (again.volumes(), again.barcodes(), again.places()) == ([], {TAPE}, {})
    with pytest.raises(MediumError, match="there is no tape"):
        again.open(TAPE)
    again.close()
    assert [path.name for path in (tmp_path / "tapes" / TAPE).iterdir()] == ["tape.json"]


def test_places_last(vault: Vault, tmp_path: Path) -> None:
    vault.create("DEMO02L5", 1 << 30)
    vault.place({TAPE: Place(10_000, home=20_001), "DEMO02L5": Place(30_000, imported=True)})
    vault.place({"DEMO02L5": None})
    vault.close()
    again = Vault(tmp_path)
    assert again.places() == {TAPE: Place(10_000, home=20_001)}
    again.close()


def test_moves_are_made_all_or_none(vault: Vault) -> None:
    vault.place({TAPE: Place(20_000)})
    with pytest.raises(StorageFailedError):
        vault.place({TAPE: Place(20_001), "DEMO02L5": Place(20_001)})
    assert vault.places() == {TAPE: Place(20_000)}


def whole(vault: Vault) -> tuple[list[Volume], set[str], dict[str, Place]]:
    return vault.volumes(), vault.barcodes(), vault.places()


def test_the_catalog_is_made_anew_from_the_tapes(vault: Vault, tmp_path: Path) -> None:
    vault.create("DEMO02L5", 1 << 30)
    vault.create("DEMO03L5", 1 << 30)
    vault.delete("DEMO03L5")
    tape = vault.open(TAPE)
    for _ in range(3):
        append(tape, *[bytes([n]) * 100_000 for n in range(20)], None)
    tape.close()
    vault.place({TAPE: Place(20_000)})
    before = whole(vault)
    vault.close()
    assert rebuild_catalog(tmp_path) == 2
    again = Vault(tmp_path)
    assert whole(again) == before
    again.close()


def test_a_catalog_that_cannot_be_read_is_told_and_replaced(vault: Vault, tmp_path: Path) -> None:
    tape = vault.open(TAPE)
    append(tape, b"x")
    tape.close()
    before = vault.volumes(), vault.barcodes()
    vault.close()
    (tmp_path / "catalog.sqlite3").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageFailedError, match=r"catalog\.sqlite3"):
        Vault(tmp_path)
    rebuild_catalog(tmp_path)
    again = Vault(tmp_path)
    assert (again.volumes(), again.barcodes()) == before
    again.close()


def test_a_tape_without_a_row_is_taken_up(vault: Vault, tmp_path: Path) -> None:
    """A crash came between the label and the catalog."""
    append(vault.open(TAPE), b"x" * 10)
    vault.close()
    for path in tmp_path.glob("catalog.sqlite3*"):
        path.unlink()
    (tmp_path / "tapes" / "DEMO02L5").mkdir()
    again = Vault(tmp_path)
    assert [(v.barcode, v.used_bytes) for v in again.volumes()] == [(TAPE, 10)]
    again.create("DEMO02L5", 1 << 30)
    again.close()


def test_damage_is_listed(vault: Vault, tmp_path: Path) -> None:
    tape = vault.open(TAPE)
    append(tape, b"x" * 10)
    tape.close()
    (segment,) = (tmp_path / "tapes" / TAPE).glob("*.segment")
    segment.unlink()
    vault.open(TAPE).close()
    assert vault.volumes()[0].status.startswith("DAMAGED: pack ")


def test_deleting_goes_on_after_a_crash(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog knew of it, and the power went away before the label did."""
    tape = vault.open(TAPE)
    append(tape, b"x")
    tape.close()
    with monkeypatch.context() as crash:
        crash.setattr(Vault, "_sweep", lambda *_: None)
        vault.delete(TAPE)
    vault.close()
    Vault(tmp_path).close()
    rebuild_catalog(tmp_path)
    again = Vault(tmp_path)
    assert (again.volumes(), again.barcodes()) == ([], {TAPE})
    again.close()


@pytest.mark.slow
def test_a_vault_of_1500_tapes_opens_in_half_a_second(tmp_path: Path) -> None:
    vault = Vault(tmp_path, NeverSynced())
    for number in range(1500):
        vault.create(f"T{number:05}L5", 1 << 30)
    vault.close()
    began = time.process_time()
    again = Vault(tmp_path)
    assert len(again.volumes()) == 1500
    assert time.process_time() - began < 0.5
    again.close()


def test_a_tape_is_opened_by_one_of_many_who_try_at_once(tmp_path: Path) -> None:
    """Two that write one folder would each go on from the same segment."""
    disk = DiskInHand()
    vault = Vault(tmp_path, disk)
    vault.create(TAPE, 1 << 30)
    append(vault.open(TAPE), b"x")
    vault.close()
    vault = Vault(tmp_path, disk)
    disk.running.clear()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(vault.open, TAPE)
        assert disk.stalled.wait(10)
        others: list[Future[object]] = [
            pool.submit(vault.open, TAPE),
            pool.submit(vault.protect, TAPE, True),
            pool.submit(vault.delete, TAPE),
        ]
        wait(others, 1)
        disk.running.set()
        for other in others:
            with pytest.raises(MediumError, match="in use"):
                other.result()
        assert contents(first.result()) == [b"x"]
    vault.close()


def test_what_the_catalog_could_not_write_is_written_later(vault: Vault, tmp_path: Path) -> None:
    append(vault.open(TAPE), b"x" * 10)
    vault.volumes()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON tapes BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        vault.create("DEMO02L5", 1 << 30)
        for _ in range(2):
            assert [volume.barcode for volume in vault.volumes()] == [TAPE, "DEMO02L5"]
        assert contents(vault.open("DEMO02L5")) == []
        other.execute("DROP TRIGGER full")
    vault.close()
    again = Vault(tmp_path)
    assert [volume.barcode for volume in again.volumes()] == [TAPE, "DEMO02L5"]
    again.close()


def test_what_a_crash_kept_from_the_catalog_is_listed_once_the_tape_was_loaded(
    vault: Vault, tmp_path: Path
) -> None:
    tape = vault.open(TAPE)
    append(tape, b"x" * 10)
    tape.sync()
    vault.volumes()
    shutil.copy(tmp_path / "catalog.sqlite3", tmp_path / "behind")
    wal = (tmp_path / "catalog.sqlite3-wal").read_bytes()
    append(tape, b"y" * 10)
    vault.close()
    (tmp_path / "behind").replace(tmp_path / "catalog.sqlite3")
    (tmp_path / "catalog.sqlite3-wal").write_bytes(wal)
    again = Vault(tmp_path)
    assert again.volumes()[0].used_bytes == 10
    again.open(TAPE).close()
    assert again.volumes()[0].used_bytes == 20
    again.close()


def test_places_outlive_a_rebuilding_that_was_interrupted(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.place({TAPE: Place(10_000, home=20_001)})
    vault.close()
    with monkeypatch.context() as crash:
        crash.setattr(Vault, "_adopt_all", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rebuild_catalog(tmp_path)
    rebuild_catalog(tmp_path)
    again = Vault(tmp_path)
    assert again.places() == {TAPE: Place(10_000, home=20_001)}
    again.close()


def without_catalog(folder: Path) -> None:
    """Take the catalog away, so that a start has only labels to go by."""
    for path in folder.glob("catalog.sqlite3*"):
        path.unlink()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 2}', None])
def test_a_tape_without_a_label_is_listed_as_damaged_and_all_others_are_served(
    vault: Vault, tmp_path: Path, text: str | None
) -> None:
    vault.create("DEMO02L5", 1 << 20)
    for barcode in (TAPE, "DEMO02L5"):
        append(vault.open(barcode), b"x" * 1000)
    vault.close()
    without_catalog(tmp_path)
    label = tmp_path / "tapes" / TAPE / "tape.json"
    label.unlink() if text is None else label.write_text(text)
    again = Vault(tmp_path)
    damaged, whole = again.volumes()
    assert (damaged.barcode, damaged.capacity_bytes) == (TAPE, 1 << 30)
    assert damaged.status.startswith("DAMAGED: ")
    assert damaged.status.endswith("`pyvtl store check --repair` makes the label anew")
    assert (whole.status, contents(again.open("DEMO02L5"))) == ("AVAILABLE", [b"x" * 1000])
    for refused in (again.open, again.delete):
        with pytest.raises(DamagedError, match=f"tape {TAPE} cannot be used: "):
            refused(TAPE)
    with pytest.raises(MediumError, match="taken"):
        again.create(TAPE, 1 << 30)
    again.close()


def test_what_is_no_tape_among_the_tapes_is_passed_over(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    (tmp_path / "tapes" / "README").write_text("mine")
    (tmp_path / "tapes" / "lost+found").mkdir()
    again = Vault(tmp_path)
    assert again.barcodes() == {TAPE}
    again.close()


@pytest.mark.parametrize("text", ["", "{", "null"])
def test_a_deleted_tape_needs_no_label_that_can_be_read(
    vault: Vault, tmp_path: Path, text: str
) -> None:
    vault.delete(TAPE)
    vault.close()
    (tmp_path / "tapes" / TAPE / "tape.json").write_text(text)
    Vault(tmp_path).close()
    without_catalog(tmp_path)
    again = Vault(tmp_path)
    assert (again.volumes(), again.barcodes()) == ([], {TAPE})
    again.close()


def test_a_deleted_tape_needs_no_folder(vault: Vault, tmp_path: Path) -> None:
    vault.delete(TAPE)
    vault.close()
    shutil.rmtree(tmp_path / "tapes" / TAPE)
    again = Vault(tmp_path)
    assert again.barcodes() == {TAPE}
    again.close()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "hash_key": "00ff"}', None]
)
def test_no_key_is_made_up_beside_tapes(vault: Vault, tmp_path: Path, text: str | None) -> None:
    vault.close()
    path = tmp_path / "repository.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(StorageFailedError, match="put it back from a copy of the data folder"):
        Vault(tmp_path)
    assert (path.read_text() if path.exists() else None) == text


def test_a_catalog_that_is_none_says_how_to_make_it_anew(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    (tmp_path / "catalog.sqlite3").write_text("This is no database, and never was one." * 100)
    with pytest.raises(StorageFailedError, match=r"`pyvtl store rebuild-catalog --data-dir .*`"):
        Vault(tmp_path)


def test_a_worm_tape_stays_one_through_everything(tmp_path: Path) -> None:
    with closing(Vault(tmp_path)) as vault:
        vault.create("WORM01L5", 1 << 30, worm=True)
    with closing(Vault(tmp_path)) as vault:
        cartridge = vault.open("WORM01L5")
        append(cartridge, b"kept")
        cartridge.set_attributes(Attributes(write_protected=True))
        cartridge.set_attributes(Attributes(write_protected=False))
        cartridge.close()
        assert vault.is_worm("WORM01L5")
    (tmp_path / "tapes" / "WORM01L5" / "tape.json").unlink()
    mend(tmp_path, list(StoreCheck(tmp_path).findings()))
    with closing(Vault(tmp_path)) as vault, closing(vault.open("WORM01L5")) as cartridge:
        assert cartridge.attributes == Attributes(worm=True)
        for change in (cartridge.start_writing, cartridge.truncate):
            with pytest.raises(AppendOnlyError, match="can only be appended to"):
                change(Position())
        append(cartridge, b"more")
        assert contents(cartridge) == [b"kept", b"more"]


def test_a_tape_that_is_opened_read_only_changes_nothing_on_the_disk(tmp_path: Path) -> None:
    with closing(Vault(tmp_path)) as vault:
        vault.create("DEMO01L5", 1 << 30)
        with closing(vault.open("DEMO01L5")) as cartridge:
            append(cartridge, b"kept")
        before = {p.name: p.read_bytes() for p in (tmp_path / "tapes" / "DEMO01L5").iterdir()}
        with closing(vault.open("DEMO01L5", read_only=True)) as cartridge:
            assert cartridge.attributes.write_protected
            with pytest.raises(DamagedError, match="is read-only"):
                append(cartridge, b"more")
            with pytest.raises(DamagedError, match="is read-only"):
                cartridge.set_attributes(Attributes())
            assert contents(cartridge) == [b"kept"]
        after = {p.name: p.read_bytes() for p in (tmp_path / "tapes" / "DEMO01L5").iterdir()}
        assert after == before


def test_a_tape_loads_and_is_deleted_although_its_protection_is_being_changed(
    tmp_path: Path,
) -> None:
    disk = DiskInHand()
    vault = Vault(tmp_path, disk)
    vault.create(TAPE, 1 << 30)
    append(vault.open(TAPE), b"x")
    vault.close()
    for wanted in ("open", "delete"):
        vault = Vault(tmp_path, disk)
        disk.stalled.clear()
        with ThreadPoolExecutor() as pool:
            disk.running.clear()
            protecting = pool.submit(vault.protect, TAPE, True)
            assert disk.stalled.wait(10)
            then = pool.submit(getattr(vault, wanted), TAPE)
            wait([then], 0.2)
            disk.running.set()
            protecting.result()
            then.result()
        vault.close()


def test_labels_are_listed_while_a_tape_is_made(vault: Vault) -> None:
    class MakesOne(dict[str, TapeRow]):
        """Whoever looks into it finds that another tape was made at that moment."""

        def __contains__(self, barcode: object) -> bool:
            if "DEMO02L5" not in vault.barcodes():
                vault.create("DEMO02L5", 1 << 30)
            return super().__contains__(barcode)

    vault._unlabelled = MakesOne()
    assert TAPE in [label.barcode for label in vault.labels()]


class KeptAsItWas(LocalFiles):
    """A disk that is copied as it is each time that a segment of that tape is synced."""

    def __init__(self, folder: Path, barcode: str, copy: Path) -> None:
        self._folder, self._barcode, self._copy = folder, barcode, copy

    def fdatasync(self, fd: int) -> None:  # type: ignore[override] # a static method there
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if (path.parent.name, path.suffix) == (self._barcode, ".segment"):
            shutil.copytree(self._folder, self._copy, dirs_exist_ok=True)
        LocalFiles.fdatasync(fd)


def test_a_kill_while_a_fenced_tape_is_copied_leaves_no_half_of_a_copy(tmp_path: Path) -> None:
    folder, grave, new = tmp_path / "data", tmp_path / "grave", "COPY01L5"
    disk = KeptAsItWas(folder, new, grave)
    with closing(Vault(folder, disk, segment_bytes=1 << 20)) as vault:
        vault.create(TAPE, 1 << 30)
        with closing(vault.open(TAPE)) as tape:
            append(tape, b"x" * 1000, None)
        vault.fence(TAPE, "another gateway has it")
        vault.recover(TAPE, new)
        assert [volume.used_bytes for volume in vault.volumes()] == [1000, 1000]
    assert list((grave / "tapes" / new).glob("*.segment"))
    with closing(Vault(grave)) as vault:
        assert [volume.barcode for volume in vault.volumes()] == [TAPE]
        assert not list((grave / "tapes" / new).glob("*.segment"))
