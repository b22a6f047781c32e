"""The ledger: durable before it counts, and the same after being opened again."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pyvtl.gateway.errors import (
    StorageError,
    TapeNotFoundError,
    TokenReusedError,
    WrongStatusError,
)
from pyvtl.gateway.ledger import LEDGER, Ledger, PoolRecord, Rule, TapeRecord
from pyvtl.gateway.states import Happening, Status

TAPE = TapeRecord("DEMO0001", Status.AVAILABLE, 1 << 30, 1_700_000_000, "GLACIER", worm=True)
POOL = PoolRecord("pool-0123ABCD", "kept", "DEEP_ARCHIVE", "GOVERNANCE", 30)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


def test_all_of_it_is_there_after_being_opened_again(tmp_path: Path) -> None:
    first = Ledger(tmp_path)
    first.begin([TAPE], {"set": "A"}, "token-1", "request")
    moved = first.move("DEMO0001", Happening.EXPORTED)
    first.put_pools([POOL])
    first.set_rules([Rule("DEMO", "GLACIER", 1 << 30, 5)])
    first.note("due")
    first.close()
    again = Ledger(tmp_path)
    assert again.tapes() == {"DEMO0001": moved}
    assert moved == replace(TAPE, status=Status.IN_TRANSIT)
    assert again.tags("tape/DEMO0001") == {"set": "A"}
    assert again.made_for("token-1", "request") == ["DEMO0001"]
    assert again.pools() == [POOL]
    assert again.rules() == [Rule("DEMO", "GLACIER", 1 << 30, 5)]
    assert again.holds("due")
    again.close()


def test_what_cannot_happen_changes_nothing(ledger: Ledger) -> None:
    ledger.put([TAPE])
    with pytest.raises(WrongStatusError):
        ledger.move("DEMO0001", Happening.ARRIVED)
    assert ledger.tape("DEMO0001") == TAPE
    with pytest.raises(TapeNotFoundError, match="there is no tape NOTHERE1"):
        ledger.move("NOTHERE1", Happening.EXPORTED)


def test_what_the_disk_refuses_does_not_count(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put([TAPE])
    other = sqlite3.connect(tmp_path / LEDGER)
    other.execute(
        "CREATE TRIGGER full BEFORE INSERT ON tapes BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    other.close()
    with pytest.raises(StorageError, match="full"):
        ledger.move("DEMO0001", Happening.EXPORTED)
    assert ledger.tape("DEMO0001") == TAPE


def test_a_deleted_tape_is_gone_or_is_still_to_be_deleted(ledger: Ledger, tmp_path: Path) -> None:
    ledger.begin([deleting := replace(TAPE, status=Status.DELETING)], {"set": "A"}, None, "")
    other = sqlite3.connect(tmp_path / LEDGER)
    other.execute("CREATE TRIGGER kept BEFORE DELETE ON tapes BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(StorageError, match="no"):
        ledger.move("DEMO0001", Happening.DELETED)
    assert ledger.tape("DEMO0001") == deleting
    assert other.execute("SELECT status FROM tapes").fetchall() == [("DELETING",)]
    other.execute("DROP TRIGGER kept")
    assert ledger.move("DEMO0001", Happening.DELETED).status is Status.DELETED
    assert other.execute("SELECT * FROM tapes").fetchall() == []
    assert (ledger.find("DEMO0001"), ledger.tags("tape/DEMO0001")) == (None, {})
    other.close()


def test_a_tape_takes_its_tags_away(ledger: Ledger) -> None:
    ledger.begin([TAPE], {"set": "A"}, None, "")
    ledger.forget("DEMO0001")
    assert (ledger.find("DEMO0001"), ledger.tags("tape/DEMO0001")) == (None, {})


def test_a_client_token_stands_for_one_request(ledger: Ledger) -> None:
    ledger.begin([TAPE], {}, "token-1", "one")
    assert ledger.made_for("token-1", "one") == ["DEMO0001"]
    assert ledger.made_for("token-2", "one") is None
    with pytest.raises(TokenReusedError, match="take a new one"):
        ledger.made_for("token-1", "another")
    ledger.undo(["DEMO0001"])
    assert (ledger.made_for("token-1", "another"), dict(ledger.tapes())) == (None, {})


def test_a_later_version_is_refused_by_its_number(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StorageError, match="has version 99, this program knows 1"):
        Ledger(tmp_path)
