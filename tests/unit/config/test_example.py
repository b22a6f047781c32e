"""examples/pyvtl.toml: every setting is in it, and what it says is the default is the default."""

import re
from pathlib import Path

import pytest

from pyvtl.config.model import Config
from pyvtl.config.sources import Settings, load

EXAMPLE = Path("examples/pyvtl.toml")
OTHER_WAYS = {"store.encryption_key", "store.encryption_passphrase"}
WITHOUT_DEFAULT = {
    *("gateway.id", "gateway.data_dir", "store.url", "store.endpoint_url", "store.region"),
    *("store.ca_bundle", "store.storage_class", "store.sse", "store.sse_kms_key_id"),
    *("store.encryption_key_file", "store.upload_rate", "store.download_rate"),
    *("api.access_key_id", "api.secret_access_key_file", "api.tls_cert", "api.tls_key"),
    *("store.rate_schedule", "cache.limit"),
}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"HOME": "/home/tester"})


def test_as_it_is_it_changes_nothing() -> None:
    assert load(EXAMPLE).config == Config()


def uncommented(tmp_path: Path) -> Settings:
    """The example with every setting put in force, and secrets where it says they are."""
    text = re.sub(r"(?m)^# (?=[a-z_]+ = )", "", EXAMPLE.read_text())
    for secret in ("pyvtl-chap", "pyvtl-mutual", "pyvtl-api"):
        (tmp_path / secret).write_text(f"{secret}-01".ljust(16, "x")[:16])
    (tmp_path / "pyvtl-key").write_text("0123456789abcdef" * 4)
    text = re.sub(r"(?m)^encryption_passphrase.*", "", text)
    file = tmp_path / "pyvtl.toml"
    file.write_text(text.replace("/run/secrets", str(tmp_path)))
    return load(file)


def test_every_setting_is_in_it(tmp_path: Path) -> None:
    left_out = {setting.name for setting in uncommented(tmp_path) if setting.origin == "default"}
    ours = {"chap.secret", "chap.mutual_secret", "api.secret_access_key"}
    assert left_out == ours | OTHER_WAYS


def test_what_it_shows_are_the_defaults(tmp_path: Path) -> None:
    defaults = {setting.name: setting.value for setting in Settings(Config(), {})}
    shown = {setting.name: setting.value for setting in uncommented(tmp_path)}
    differing = {name for name in defaults if defaults[name] != shown[name]}
    assert {name for name in differing if not name.startswith("chap.")} <= WITHOUT_DEFAULT
