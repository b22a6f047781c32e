"""A check of a data folder finds what is wrong, changes nothing, and repairs what it can."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from pyvtl.media.checking import Finding, Repair, StoreCheck
from pyvtl.media.inventory import Place
from pyvtl.media.medium import Position
from pyvtl.media.mending import mend, steps
from pyvtl.media.rescue import tape_contents
from pyvtl.media.vault import Vault
from pyvtl.store.dedup import Scope
from tests.tapes import append, as_medium, contents

TAPE, OTHER = "DEMO01L5", "DEMO02L5"
BLOCK = 65536
RECORDS = [Random(number).randbytes(BLOCK) for number in range(12)]
SHARED = [Random(number).randbytes(BLOCK) for number in range(100, 140)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two tapes: one in three segments, one overwritten in its middle."""
    folder = tmp_path / "data"
    with closing(Vault(folder, segment_bytes=300_000)) as vault:
        for barcode in (TAPE, OTHER):
            vault.create(barcode, 1 << 30)
        vault.place({TAPE: Place(10_000)})
        tape = vault.open(TAPE)
        append(tape, *RECORDS[:6], None, *RECORDS[6:], None)
        other = vault.open(OTHER)
        append(other, b"a" * 100_000, bytes(BLOCK), b"gone" * 5000, None)
        other.start_writing(Position(0, 1, 0, 100_000))
        append(other, b"short", None, b"text " * 20_000, None)
    return folder


def findings(folder: Path, *, read_data: bool = True) -> list[Finding]:
    return list(StoreCheck(folder, read_data=read_data).findings())


def segment(folder: Path, number: int = 0, barcode: str = TAPE) -> Path:
    return sorted((folder / "tapes" / barcode).glob("*.segment"))[number]


def pack_of(path: Path) -> str:
    return path.stem.partition("-")[2]


def flip(path: Path, at: int) -> None:
    """Change one bit."""
    stored = bytearray(path.read_bytes())
    stored[at] ^= 1
    path.write_bytes(stored)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def execute(folder: Path, sql: str) -> None:
    """Change the catalog behind its back."""
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as db, db:
        db.execute(sql)


def served(folder: Path) -> None:
    """The folder can be served as if nothing had happened."""
    with closing(Vault(folder)) as vault:
        assert [volume.status for volume in vault.volumes()] == ["AVAILABLE"] * 2
        assert vault.places() == {TAPE: Place(10_000)}
        assert contents(vault.open(TAPE)) == [*RECORDS[:6], None, *RECORDS[6:], None]


@pytest.mark.parametrize("read_data", [False, True])
def test_a_whole_folder_has_nothing_wrong_and_is_left_as_it_is(
    folder: Path, *, read_data: bool
) -> None:
    before = snapshot(folder)
    assert findings(folder, read_data=read_data) == []
    assert snapshot(folder) == before


def test_all_bytes_of_the_segments_are_counted_as_they_are_checked(folder: Path) -> None:
    counted: list[int] = []
    assert list(StoreCheck(folder, advance=counted.append).findings()) == []
    assert sum(counted) == sum(path.stat().st_size for path in folder.glob("tapes/*/*.segment"))


def test_a_changed_block_is_found_when_data_is_read(folder: Path) -> None:
    damaged = segment(folder)
    at = damaged.read_bytes().index(RECORDS[1])
    flip(damaged, at + 5)
    assert findings(folder, read_data=False) == []
    (found,) = findings(folder)
    assert (found.barcode, found.pack) == (TAPE, pack_of(damaged))
    assert found.what.endswith(f" at byte {at - 64}: its CRC does not fit")


def test_a_block_written_with_a_wrong_hash_is_found(folder: Path) -> None:
    """As with another key: every CRC holds, and no hash and no chain does."""
    kept = json.loads((folder / "repository.json").read_text())
    (folder / "repository.json").write_text(json.dumps(kept | {"hash_key": "77" * 32}))
    found = {finding.what.partition(": ")[2] or finding.what for finding in findings(folder)}
    assert "its hash does not fit" in found
    assert "the chain does not hold at its footer" in found


def test_a_missing_segment_is_found_wherever_it_stood(folder: Path) -> None:
    last = segment(folder, -1)
    last.unlink()
    assert findings(folder) == [
        Finding(TAPE, "the catalog knows it, and it cannot be read", pack_of(last))
    ]
    gone = segment(folder, 0)
    gone.unlink()
    following = pack_of(segment(folder, 0))
    told = [finding.what for finding in findings(folder)]
    assert f"what pack {following} follows is missing or changed" in told
    assert any(what.startswith("after object 0: ") for what in told)


def test_a_changed_segment_header_is_found(folder: Path) -> None:
    damaged = segment(folder, 1)
    flip(damaged, 100)
    told = [finding.what for finding in findings(folder, read_data=False)]
    assert f"{damaged.name} has no valid segment header" in told
    assert steps(findings(folder)) == []


@pytest.mark.parametrize("number", [0, 1, -1])
@pytest.mark.parametrize("with_catalog", [True, False])
def test_a_damaged_footer_is_made_again_byte_for_byte(
    folder: Path, number: int, *, with_catalog: bool
) -> None:
    damaged = segment(folder, number)
    before = damaged.read_bytes()
    flip(damaged, len(before) - 100)
    if not with_catalog:
        (folder / "catalog.sqlite3").unlink()
    found = [finding for finding in findings(folder) if finding.barcode]
    repair = Repair.FOOTER if with_catalog or number != -1 else Repair.LOAD
    assert [(f.pack, f.repair) for f in found] == [(pack_of(damaged), repair)]
    mend(folder, findings(folder))
    assert damaged.read_bytes() == before
    assert findings(folder) == []


@pytest.mark.parametrize(
    ("commits", "what"),
    [
        (1, "the catalog knows it, and it cannot be read"),
        (2, "it ends before the place where it was closed"),
    ],
)
def test_what_damage_may_hide_is_not_cut_off(folder: Path, commits: int, what: str) -> None:
    """Footer and last COMMIT are damaged, as a torn tail would be: only the catalog knows."""
    with closing(Vault(folder)) as vault:
        tape = vault.open(TAPE)
        for number in range(commits):
            append(tape, b"record %d" % number, None)
            tape.sync()
    damaged = segment(folder, -1)
    stored = damaged.read_bytes()
    last = [at for at in range(len(stored)) if stored[at : at + 5] == b"VTLF\x07"][commits - 1]
    flip(damaged, last + 70)
    flip(damaged, len(stored) - 100)
    execute(folder, f"UPDATE tapes SET capacity_bytes=7 WHERE barcode='{OTHER}'")
    left, found = damaged.read_bytes(), findings(folder)
    assert Finding(TAPE, what, pack_of(damaged)) in found
    assert [finding.repair for finding in found if finding.barcode == OTHER] == [Repair.CATALOG]
    assert steps(found) == []
    mend(folder, found)
    assert damaged.read_bytes() == left


def test_a_segment_in_the_folder_of_another_tape_is_found(folder: Path) -> None:
    stray = segment(folder, 0, OTHER)
    shutil.copy(stray, folder / "tapes" / TAPE / stray.name.replace("00000000", "00000009"))
    told = [finding.what for finding in findings(folder) if finding.pack == pack_of(stray)]
    assert f"belongs to tape {OTHER}" in told
    assert f"calls itself {stray.stem}" in told


@pytest.mark.parametrize("text", ["", "{", None])
@pytest.mark.parametrize("with_catalog", [True, False])
def test_a_label_is_made_anew(folder: Path, text: str | None, *, with_catalog: bool) -> None:
    label = folder / "tapes" / TAPE / "tape.json"
    before = json.loads(label.read_text())
    label.unlink() if text is None else label.write_text(text)
    if not with_catalog:
        execute(folder, f"DELETE FROM tapes WHERE barcode='{TAPE}'")
    (found,) = findings(folder)
    assert (found.barcode, found.repair) == (TAPE, Repair.LABEL)
    mend(folder, [found])
    made = json.loads(label.read_text())
    assert abs(made.pop("created_at") - before.pop("created_at")) < 60
    assert made == before
    served(folder)
    assert findings(folder) == []


@pytest.mark.parametrize(
    "sql",
    [
        f"DELETE FROM tapes WHERE barcode='{TAPE}'",
        f"UPDATE tapes SET capacity_bytes=7 WHERE barcode='{TAPE}'",
        f"UPDATE packs SET length=length+1 WHERE barcode='{TAPE}'",
        "UPDATE extents SET block=block+1",
        "DELETE FROM extents",
    ],
)
def test_a_catalog_that_says_otherwise_is_made_anew(folder: Path, sql: str) -> None:
    execute(folder, sql)
    found = findings(folder)
    assert {finding.repair for finding in found} == {Repair.CATALOG}
    mend(folder, found)
    assert findings(folder) == []
    served(folder)


@pytest.mark.parametrize("text", [b"", b"This is no database, and never was one." * 100, None])
def test_a_catalog_that_cannot_be_read_is_made_anew(folder: Path, text: bytes | None) -> None:
    catalog = folder / "catalog.sqlite3"
    catalog.unlink() if text is None else catalog.write_bytes(text)
    found = findings(folder)
    assert {finding.repair for finding in found} == {Repair.CATALOG}
    mend(folder, found)
    assert findings(folder) == []


def test_what_an_upload_leaves_in_the_folder_of_a_tape_is_as_it_should_be(folder: Path) -> None:
    with closing(Vault(folder)) as vault:
        vault.uploads.committed(TAPE)
    assert (folder / "tapes" / TAPE / "upload.json").exists()
    assert findings(folder) == []


def test_what_a_crash_left_is_harmless_and_a_load_mends_it(folder: Path, tmp_path: Path) -> None:
    with closing(Vault(folder, segment_bytes=300_000)) as vault:
        tape = vault.open(OTHER)
        append(tape, b"committed", None)
        tape.sync()
        append(tape, b"never committed")
        crashed = tmp_path / "crashed"
        shutil.copytree(folder, crashed)
    left = segment(crashed, -1, OTHER)
    assert findings(crashed) == [
        Finding(OTHER, "a crash: it was left open", pack_of(left), Repair.LOAD, harmless=True)
    ]
    mend(crashed, findings(crashed))
    assert findings(crashed) == []


def test_a_tape_that_was_made_just_before_a_crash_is_listed_at_the_next_start(
    folder: Path, tmp_path: Path
) -> None:
    crashed = tmp_path / "crashed"
    shutil.copytree(folder, crashed)
    with closing(Vault(folder)) as vault:
        vault.create("DEMO03L5", 1 << 30)
    made = Path("tapes", "DEMO03L5")  # Its label is written at once, its row a moment later.
    shutil.copytree(folder / made, crashed / made)
    what = "a crash: the catalog does not list it yet"
    assert findings(crashed) == [Finding("DEMO03L5", what, repair=Repair.CATALOG, harmless=True)]
    with closing(Vault(crashed)):
        pass
    assert findings(crashed) == []


def test_files_that_belong_to_no_tape_are_named(folder: Path) -> None:
    (folder / "tapes" / TAPE / "notes.txt").write_text("mine")
    (folder / "tapes" / "lost+found").mkdir()
    assert findings(folder) == [
        Finding(TAPE, "notes.txt is no file of a tape", harmless=True),
        Finding("lost+found", "its folder holds nothing of a tape", harmless=True),
    ]


def test_a_tape_whose_folder_is_gone_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "tapes" / TAPE)
    assert findings(folder)[0] == Finding(TAPE, "its folder is missing")


def test_a_deleted_tape_has_nothing_wrong(folder: Path) -> None:
    with closing(Vault(folder)) as vault:
        vault.delete(TAPE)
    assert findings(folder) == []


@pytest.mark.parametrize("lost", [Path.unlink, lambda path: path.write_text("{")])
def test_without_the_key_all_else_is_checked(folder: Path, lost: Callable[[Path], object]) -> None:
    lost(folder / "repository.json")
    flip(segment(folder), segment(folder).read_bytes().index(RECORDS[0]))
    key, block = findings(folder)
    assert key.what.endswith(": no chain and no hash can be proved without it")
    assert block.what.endswith("its CRC does not fit")


@pytest.mark.parametrize("seed", range(60))
def test_any_bit_that_changes_and_any_cut_is_found_and_mending_makes_nothing_worse(
    folder: Path, seed: int
) -> None:
    draw = Random(seed)
    damaged = draw.choice(sorted(folder.glob("tapes/*/*.segment")))
    before = damaged.read_bytes()
    at = draw.choice([draw.randrange(len(before)), len(before) - draw.randrange(1, 3000)])
    flip(damaged, at) if seed % 3 else damaged.write_bytes(before[:at])
    left, found = damaged.read_bytes(), findings(folder)
    assert any(not finding.harmless for finding in found)
    mend(folder, found)
    assert damaged.read_bytes() in (left, before)
    assert damaged.read_bytes() == before or any(not f.harmless for f in findings(folder))


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Tape 2 refers to a pack of tape 1, which was overwritten since: the pack is kept for it."""
    folder = tmp_path / "shared"
    with closing(Vault(folder, dedup=Scope.POOL)) as vault:
        if vault._sharing._builder is not None:
            vault._sharing._builder.join()
        for barcode in (TAPE, OTHER):
            vault.create(barcode, 1 << 30)
            with closing(vault.open(barcode)) as tape:
                append(tape, *SHARED, None)
        with closing(vault.open(TAPE)) as tape:
            tape.start_writing(Position())
            tape.append(as_medium([b"new", None]))
    assert len(list((folder / "tapes" / TAPE).glob("*.segment"))) == 2
    return folder


@pytest.mark.parametrize("with_catalog", [True, False])
def test_a_repair_keeps_what_other_tapes_refer_to(shared: Path, *, with_catalog: bool) -> None:
    if with_catalog:
        assert findings(shared) == []
    else:
        (shared / "catalog.sqlite3").unlink()
    kept, newest = segment(shared, 0), segment(shared, 1)
    flip(newest, newest.stat().st_size - 70)
    mend(shared, findings(shared))
    assert findings(shared) == []
    assert kept.exists()
    with closing(tape_contents(shared, OTHER)) as tape:
        (file,) = tape.files()
        assert b"".join(tape.read(file)) == b"".join(SHARED)


def test_a_pack_that_is_referred_to_and_missing_is_told(shared: Path) -> None:
    kept = segment(shared, 0)
    kept.unlink()
    told = [finding for finding in findings(shared) if finding.barcode == OTHER]
    assert f"it refers to pack {pack_of(kept)}, which is missing" in {f.what for f in told}
