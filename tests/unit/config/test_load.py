"""Settings from file, environment and flags: which wins, and what is refused with which words."""

from pathlib import Path
from typing import Any

import pytest

from pyvtl.config.model import Config
from pyvtl.config.sources import ConfigError, load
from pyvtl.iscsi.node import PortalAddress


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"HOME": "/home/tester"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pyvtl.toml"


def problems(file: Path | None = None, **flags: dict[str, Any]) -> tuple[str, ...]:
    """What is wrong with these settings."""
    with pytest.raises(ConfigError) as caught:
        load(file, flags)
    return caught.value.problems


def test_without_anything_a_library_like_aws_s_serves_this_machine() -> None:
    config = load().config
    assert config == Config()
    assert config.portal.listen == (PortalAddress("127.0.0.1", 3260),)
    assert (config.library.drives, config.library.slots) == (10, 1600)


def test_flags_win_over_environment_over_file_over_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[library]\ndrives = 1\nslots = 10\nimport_export_slots = 20\n")
    monkeypatch.setenv("PYVTL_LIBRARY__DRIVES", "2")
    monkeypatch.setenv("PYVTL_LIBRARY__SLOTS", "11")
    settings = load(file, {"library": {"drives": 3}})
    library = settings.config.library
    assert (library.drives, library.slots, library.import_export_slots) == (3, 11, 20)
    assert settings.origins == {
        "library.drives": "flag",
        "library.slots": "environment PYVTL_LIBRARY__SLOTS",
        "library.import_export_slots": f"file {file}",
    }


def test_every_setting_tells_its_value_and_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYVTL_PORTAL__LISTEN", "127.0.0.1:3261, [::1]:3262")
    shown = {setting.name: setting for setting in load()}
    listen = shown["portal.listen"]
    assert listen.value == ["127.0.0.1:3261", "[::1]:3262"]
    assert listen.origin == "environment PYVTL_PORTAL__LISTEN"
    assert shown["library.drives"].origin == "default"
    assert all(setting.description for setting in shown.values())


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYVTL_CHAP__USER", "")
    assert load().config == Config()


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYVTL_CHAP__USER", "host1")
    monkeypatch.setenv("PYVTL_CHAP__SECRET", "correct-horse-1")
    settings = load()
    assert "correct-horse-1" not in repr(settings) + repr(list(settings))
    assert settings.config.chap.secret_bytes == b"correct-horse-1"


def test_a_secret_can_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct-horse-1\n")
    flags = {"chap": {"user": "host1", "secret_file": tmp_path / "secret"}}
    assert load(flags=flags).config.chap.secret_bytes == b"correct-horse-1"


def test_all_wrong_settings_are_told_at_once_each_with_name_origin_and_reason(file: Path) -> None:
    file.write_text('[library]\ndrives = 0\nslosts = 5\n\n[drive]\nbuffer = "much"\n')
    assert set(problems(file)) == {
        f"library.drives (file {file}): Input should be greater than or equal to 1",
        f"library.slosts (file {file}): no such setting; did you mean slots?",
        f"drive.buffer (file {file}): 'much' is no size; write bytes, or like 64MiB, 100GiB, 2.5TB",
    }


def test_an_unknown_section_is_told_with_the_sections_there_are(file: Path) -> None:
    file.write_text("[tapes]\ncount = 5\n")
    (problem,) = problems(file)
    assert problem == (
        f"tapes (file {file}): no such section;"
        " the file has gateway, portal, chap, library, drive, store, cache, api, logs"
    )


def test_a_setting_outside_all_sections_is_refused(file: Path) -> None:
    file.write_text("drives = 5\n")
    assert problems(file)[0].startswith(f"drives (file {file}): no such section; did you mean")


def test_an_unknown_variable_of_ours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYVTL_LIBARY__DRIVES", "3")
    monkeypatch.setenv("PYVTL_CONFIG", "names the file, and is no setting")
    (problem,) = problems()
    assert problem.startswith("PYVTL_LIBARY__DRIVES: no such setting; there are PYVTL_GATEWAY__…")


@pytest.mark.parametrize("text", ["drives =", b"\xff"])
def test_a_file_that_is_no_toml_is_told_by_name(file: Path, text: str | bytes) -> None:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert problems(file)[0].startswith(f"{file} cannot be used: ")


def test_a_missing_file_is_told_by_name(file: Path) -> None:
    assert problems(file)[0].startswith(f"{file} cannot be used: ")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8:99", "[::1]:3260", "localhost"])
def test_loopback_needs_no_chap(address: str) -> None:
    assert load(flags={"portal": {"listen": [address]}}).config.open_addresses == ()


@pytest.mark.parametrize("address", ["0.0.0.0:3260", "[::]:3260", "192.0.2.1:3260", "tape:3260"])
def test_other_addresses_need_chap_or_the_risk_accepted(address: str) -> None:
    open_portal: dict[str, Any] = {"listen": [address]}
    (problem,) = problems(portal=open_portal)
    assert problem == (
        f"portal.listen = {address} is open to other machines: set chap.user and chap.secret,"
        " listen on 127.0.0.1, or accept the risk with --insecure-no-auth"
    )
    chap = {"user": "host1", "secret": "correct-horse-1"}
    assert load(flags={"portal": open_portal, "chap": chap}).config.open_addresses == ()
    risky = load(flags={"portal": open_portal | {"insecure_no_auth": True}}).config
    assert risky.open_addresses == risky.portal.listen


@pytest.mark.parametrize(
    ("chap", "reason"),
    [
        ({"user": "host1"}, "user and secret (or secret_file) go together"),
        ({"secret": "correct-horse-1"}, "user and secret (or secret_file) go together"),
        ({"user": "host1", "secret": "short"}, "secret must have 12 to 16 bytes"),
        ({"user": "host1", "secret": "x" * 17}, "secret must have 12 to 16 bytes"),
        (
            {"user": "host1", "secret": "x" * 12, "secret_file": "/secret"},
            "give secret or secret_file, not both",
        ),
        (
            {"mutual_user": "tape", "mutual_secret": "x" * 12},
            "mutual_user needs user: targets prove themselves to known initiators",
        ),
        (
            {
                "user": "host1",
                "secret": "x" * 12,
                "mutual_user": "tape",
                "mutual_secret": "x" * 12,
            },
            "secret and mutual_secret must differ (RFC 7143 section 12.1.3)",
        ),
    ],
)
def test_half_an_account_is_refused(chap: dict[str, str], reason: str) -> None:
    assert problems(chap=chap) == (f"chap: {reason}",)


def test_a_secret_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    (problem,) = problems(chap={"user": "host1", "secret_file": missing})
    assert problem.startswith("chap: secret_file cannot be read: ")
    assert str(missing) in problem


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ({"encryption": "on"}, "encryption needs encryption_key_file or encryption_passphrase"),
        (
            {"encryption_key": "00" * 32, "encryption_passphrase": "x" * 12},
            "give one of encryption_key_file, encryption_key and encryption_passphrase",
        ),
        (
            {"encryption_key": "00" * 31},
            "the encryption key must be 64 hex digits: openssl rand -hex 32",
        ),
        (
            {"encryption_passphrase": "short"},
            "encryption_passphrase must have 12 bytes or more",
        ),
    ],
)
def test_half_an_encryption_is_refused(store: dict[str, str], reason: str) -> None:
    assert problems(store=store) == (f"store: {reason}",)


def test_a_master_key_may_stand_in_a_file_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("0f" * 32 + "\n")
    store = load(flags={"store": {"encryption_key_file": tmp_path / "key"}}).config.store
    assert store.master_key == b"\x0f" * 32
    monkeypatch.setenv("PYVTL_STORE__ENCRYPTION_KEY", "f0" * 32)
    settings = load()
    assert settings.config.store.master_key == b"\xf0" * 32
    assert "f0f0" not in str([setting.value for setting in settings])
    monkeypatch.delenv("PYVTL_STORE__ENCRYPTION_KEY")
    (problem,) = problems(store={"encryption_key_file": tmp_path / "missing"})
    assert problem.startswith("store: encryption_key_file cannot be read: ")


def test_element_addresses_may_not_overlap() -> None:
    assert problems(library={"slots": 10_001}) == (
        "library: storage and import_export elements have the same address 30000",
    )


def test_element_addresses_end_at_65535() -> None:
    assert problems(library={"import_export_slots": 35_537}) == (
        "library: element addresses go from 0 to 65535",
    )


def test_at_least_one_portal_is_needed() -> None:
    assert problems(portal={"listen": []}) == (
        "portal.listen (flag): at least one address is needed",
    )


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().library.drives = 5  # type: ignore[misc]  # what is tried here
