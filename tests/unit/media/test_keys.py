"""The keys of encrypted tapes: who can open them, and who cannot any more."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pyvtl.media.checking import StoreCheck
from pyvtl.media.medium import MediumError
from pyvtl.media.mending import mend
from pyvtl.media.rebuilding import rebuild_catalog
from pyvtl.media.rescue import tape_contents
from pyvtl.media.vault import Vault
from pyvtl.store.keys import Secret
from tests.tapes import append, contents

TAPE, PLAIN = "DEMO01L5", "PLAIN1L5"
KEY, OTHER = Secret(key=bytes(range(32))), Secret(key=bytes(32))
PASSPHRASE = Secret(passphrase=b"correct horse battery")


@contextmanager
def vault_of(folder: Path, secret: Secret | None = KEY, *, encrypt: bool = True) -> Iterator[Vault]:
    with closing(Vault(folder, secret=secret, encrypt=encrypt)) as vault:
        yield vault


def make(folder: Path, secret: Secret = KEY) -> None:
    """A data folder with an encrypted tape and one that is not."""
    with vault_of(folder, secret) as vault:
        vault.create(TAPE, 1 << 30)
        append(vault.open(TAPE), b"secret", None)
    with vault_of(folder, secret, encrypt=False) as vault:
        vault.create(PLAIN, 1 << 30)
        append(vault.open(PLAIN), b"open", None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def tapes_of(folder: Path) -> dict[str, bytes]:
    """All that lies in a data folder but the catalog."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if "sqlite" not in p.name}


def test_both_kinds_of_tape_are_opened_with_the_key(folder: Path) -> None:
    with vault_of(folder, encrypt=False) as vault:
        assert contents(vault.open(TAPE)) == [b"secret", None]
        assert contents(vault.open(PLAIN)) == [b"open", None]


def test_the_key_stands_nowhere(folder: Path) -> None:
    assert KEY.key is not None
    for data in tapes_of(folder).values():
        assert KEY.key not in data
        assert KEY.key.hex().encode() not in data


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (OTHER, "encrypted with another key than the one given"),
        (PASSPHRASE, "encrypted with a key, and that is not what is given"),
    ],
)
def test_a_wrong_key_is_refused_at_the_start_and_nothing_is_touched(
    folder: Path, secret: Secret, reason: str
) -> None:
    before = tapes_of(folder)
    with pytest.raises(MediumError, match=reason):
        Vault(folder, secret=secret)
    assert tapes_of(folder) == before


def test_without_a_key_only_plain_tapes_are_opened(folder: Path) -> None:
    before = tapes_of(folder)
    with vault_of(folder, None, encrypt=False) as vault:
        with pytest.raises(MediumError, match=f"tape {TAPE} is encrypted, and no key is given"):
            vault.open(TAPE)
        assert tapes_of(folder) == before
        assert contents(vault.open(PLAIN)) == [b"open", None]


def test_a_tape_from_a_folder_with_another_key_is_refused(folder: Path) -> None:
    foreign = folder / "foreign"
    foreign.mkdir()
    make(foreign, OTHER)
    (folder / "tapes" / TAPE / "key.json").write_bytes(
        (foreign / "tapes" / TAPE / "key.json").read_bytes()
    )
    with vault_of(folder) as vault, pytest.raises(MediumError, match="with another key"):
        vault.open(TAPE)


def test_a_passphrase_makes_the_same_key_again(tmp_path: Path) -> None:
    make(tmp_path, PASSPHRASE)
    with vault_of(tmp_path, PASSPHRASE) as vault:
        assert contents(vault.open(TAPE)) == [b"secret", None]
    for wrong in (Secret(passphrase=b"incorrect horse"), KEY):
        with pytest.raises(MediumError, match="encrypted with"):
            Vault(tmp_path, secret=wrong)


def test_encryption_without_a_key_makes_no_tape(tmp_path: Path) -> None:
    with vault_of(tmp_path, None) as vault, pytest.raises(MediumError, match="without a key"):
        vault.create(TAPE, 1 << 30)


def damage(path: Path, **facts: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()) | facts))


@pytest.mark.parametrize("facts", [{"wrapped_key": "00" * 48}, {"nonce": "no hex"}, {"scrypt": 7}])
def test_a_damaged_key_is_told(folder: Path, facts: dict[str, object]) -> None:
    damage(folder / "tapes" / TAPE / "key.json", **facts)
    before = tapes_of(folder)
    with vault_of(folder) as vault, pytest.raises(MediumError, match=r"damaged|cannot be read"):
        vault.open(TAPE)
    assert tapes_of(folder) == before


def test_a_key_file_that_is_lost_is_told_and_the_tape_not_taken_for_a_plain_one(
    folder: Path,
) -> None:
    (folder / "tapes" / TAPE / "key.json").unlink()
    before = tapes_of(folder)
    with vault_of(folder) as vault, pytest.raises(MediumError, match=r"its key.json is missing"):
        vault.open(TAPE)
    assert tapes_of(folder) == before


def test_a_key_belongs_to_one_tape(folder: Path) -> None:
    with vault_of(folder) as vault:
        vault.create("OTHER1L5", 1 << 30)
    key = (folder / "tapes" / "OTHER1L5" / "key.json").read_bytes()
    (folder / "tapes" / TAPE / "key.json").write_bytes(key)
    with vault_of(folder) as vault, pytest.raises(MediumError, match="damaged"):
        vault.open(TAPE)


def test_a_shredded_tape_is_never_opened_again(folder: Path) -> None:
    path = folder / "tapes" / TAPE / "key.json"
    wrapped = json.loads(path.read_bytes())["wrapped_key"]
    with vault_of(folder) as vault:
        vault.shred(TAPE)
        with pytest.raises(MediumError, match=f"tape {TAPE} was shredded"):
            vault.open(TAPE)
        assert vault.volumes()[0].status == "SHREDDED"
    assert not any(wrapped.encode() in data for data in tapes_of(folder).values())
    rebuild_catalog(folder)
    with vault_of(folder) as vault:
        assert vault.volumes()[0].status == "SHREDDED"
        vault.shred(TAPE)
        vault.delete(TAPE)
        assert [volume.barcode for volume in vault.volumes()] == [PLAIN]


def test_what_cannot_be_shredded_is_refused(folder: Path) -> None:
    with vault_of(folder) as vault:
        with pytest.raises(MediumError, match="not encrypted, so there is no key"):
            vault.shred(PLAIN)
        tape = vault.open(TAPE)
        with pytest.raises(MediumError, match="in use"):
            vault.shred(TAPE)
        assert contents(tape) == [b"secret", None]


def test_deleting_a_tape_deletes_its_key(folder: Path) -> None:
    with vault_of(folder) as vault:
        vault.delete(TAPE)
    assert [path.name for path in (folder / "tapes" / TAPE).iterdir()] == ["tape.json"]


def test_the_catalog_is_made_anew_without_the_key(folder: Path) -> None:
    assert rebuild_catalog(folder) == 2
    with vault_of(folder) as vault:
        assert [volume.status for volume in vault.volumes()] == ["AVAILABLE", "AVAILABLE"]
        assert contents(vault.open(TAPE)) == [b"secret", None]


def told(folder: Path, secret: Secret | None) -> list[str]:
    return [f.what for f in StoreCheck(folder, read_data=True, secret=secret).findings()]


def test_a_check_proves_an_encrypted_tape_with_its_key_alone(folder: Path) -> None:
    assert told(folder, KEY) == []
    for secret, reason in ((None, "no key is given"), (OTHER, "with another key")):
        (finding,) = StoreCheck(folder, read_data=True, secret=secret).findings()
        assert finding.harmless
        assert reason in finding.what
        assert "checked by CRC alone" in finding.what


def test_a_footer_is_written_again_only_with_the_key(folder: Path) -> None:
    before = tapes_of(folder)
    (path,) = (folder / "tapes" / TAPE).glob("*.segment")
    whole = path.read_bytes()
    path.write_bytes(whole[:-70] + bytes([whole[-70] ^ 1]) + whole[-69:])
    mend(folder, StoreCheck(folder).findings())
    assert path.read_bytes() != whole
    mend(folder, StoreCheck(folder, secret=KEY).findings(), KEY)
    assert tapes_of(folder) == before


def test_a_label_made_anew_says_that_the_tape_is_encrypted(folder: Path) -> None:
    label = folder / "tapes" / TAPE / "tape.json"
    before = label.read_bytes()
    label.unlink()
    mend(folder, StoreCheck(folder, secret=KEY).findings(), KEY)
    assert label.read_bytes() == before


def test_a_damaged_key_leaves_the_other_tapes_in_a_catalog_made_anew(folder: Path) -> None:
    damage(folder / "tapes" / TAPE / "key.json", wrapped_key="00" * 48)
    assert rebuild_catalog(folder, secret=KEY) == 2
    with vault_of(folder) as vault:
        assert [v.status.partition(":")[0] for v in vault.volumes()] == ["DAMAGED", "AVAILABLE"]


def test_rescue_reads_an_encrypted_tape_with_its_key(folder: Path) -> None:
    with closing(tape_contents(folder, TAPE, KEY)) as tape:
        (file, *_) = tape.files()
        assert b"".join(tape.read(file)) == b"secret"
    for wrong in (OTHER, None):
        with pytest.raises(MediumError, match=r"another key|no key is given"):
            tape_contents(folder, TAPE, wrong)


def test_a_tape_that_is_shredded_after_a_crash_can_be_told_to_the_store(tmp_path: Path) -> None:
    crashed = Vault(tmp_path, secret=KEY, encrypt=True)
    crashed.create(TAPE, 1 << 30)
    tape = crashed.open(TAPE)
    append(tape, b"secret", None)
    tape.sync()
    crashed._catalog.close()
    with vault_of(tmp_path) as vault:
        vault.shred(TAPE)
        snapshot = vault.snapshot(TAPE)
        assert snapshot is not None
        assert snapshot.shredded
