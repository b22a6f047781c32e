"""What commands print, by where it goes."""

import io
import json

import pytest

from pyvtl.cli.output import Column, print_rows, size

ROWS = [{"name": "first", "count": 7}, {"name": "[second]", "count": 1234}]
COLUMNS = (
    Column("NAME", lambda row: str(row["name"])),
    Column("COUNT", lambda row: str(row["count"]), right=True),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, COLUMNS)
    assert capsys.readouterr().out == "NAME      COUNT\nfirst         7\n[second]   1234\n"


def test_a_terminal_gets_a_table_with_every_text_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    print_rows(ROWS, COLUMNS)
    shown = [line.split() for line in terminal.getvalue().splitlines()]
    assert shown[-2:] == [["first", "7"], ["[second]", "1234"]]


def test_json_is_what_the_server_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, COLUMNS, as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1 << 20, "1.00 MiB"),
        (100 << 30, "100 GiB"),
        (3 << 29, "1.50 GiB"),
        (1 << 60, "1.00 EiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text
