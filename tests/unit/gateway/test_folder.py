"""The data folder: one process, one format, one gateway id."""

import os
from pathlib import Path

import pytest

from pyvtl.gateway.folder import DataFolder, DataFolderError


def test_a_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "data"
    with DataFolder(path):
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "format").read_text() == "1\n"


def test_every_folder_made_on_the_way_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power loss could take a name that no sync wrote, with all that lies below it."""
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    DataFolder(tmp_path / "new" / "data").close()
    assert synced[:2] == [tmp_path, tmp_path / "new"]


def test_a_second_user_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with DataFolder(tmp_path), pytest.raises(DataFolderError, match=r"is used by process \d+"):
        DataFolder(tmp_path)


def test_a_closed_folder_can_be_opened_again(tmp_path: Path) -> None:
    DataFolder(tmp_path).close()
    DataFolder(tmp_path).close()


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("2\n")
    with pytest.raises(DataFolderError, match="has format version 2, and this version of pyvtl"):
        DataFolder(tmp_path)
    assert (tmp_path / "format").read_text() == "2\n"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="cannot be used"):
        DataFolder(tmp_path / "file" / "data")


def test_the_gateway_id_is_made_up_once_and_kept(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        first = folder.gateway_id()
    with DataFolder(tmp_path) as folder:
        assert folder.gateway_id() == folder.gateway_id(first) == first
    assert len(bytes.fromhex(first)) == 4


def test_the_first_start_may_choose_the_id_and_later_ones_may_not_change_it(tmp_path: Path) -> None:
    with DataFolder(tmp_path) as folder:
        assert folder.gateway_id("0123abcd") == "0123abcd"
        with pytest.raises(DataFolderError, match="belongs to gateway 0123abcd"):
            folder.gateway_id("99999999")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"id": 7}', '{"id": "DEADBEEF"}', "\xff"])
def test_a_gateway_id_that_cannot_be_read_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway.json").write_text(text, encoding="latin-1")
    with DataFolder(tmp_path) as folder, pytest.raises(DataFolderError, match="put it back from"):
        folder.gateway_id()
    assert (tmp_path / "gateway.json").read_text(encoding="latin-1") == text
