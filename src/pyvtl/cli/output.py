"""What commands print: a table for people, plain columns for pipes, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and the text of a row in it."""

    heading: str
    text: Callable[[Row], str]
    right: bool = False


FIELDS = (
    Column("FIELD", lambda row: str(row["field"])),
    Column("VALUE", lambda row: _words(row["value"])),
)


def print_rows(rows: Sequence[Row], columns: Sequence[Column], *, as_json: bool = False) -> None:
    """Print rows in the form that fits: JSON if asked for, else by where the output goes."""
    if as_json:
        print(json.dumps(rows, indent=2))
    elif sys.stdout.isatty():
        _print_table(rows, columns)
    else:
        _print_plain(rows, columns)


def _print_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["right", "left"] = "right" if column.right else "left"
        table.add_column(column.heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(column.text(row) for column in columns))
    Console().print(table, markup=False)


def _print_plain(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    lines = [[c.heading for c in columns], *([c.text(row) for c in columns] for row in rows)]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        )
        print("  ".join(cells).rstrip())


def print_one(row: Row, *, as_json: bool) -> None:
    """One thing: a list of one as JSON, a line for each field for people."""
    fields = [{"field": field, "value": value} for field, value in row.items()]
    print_rows([row] if as_json else fields, FIELDS, as_json=as_json)


def _words(value: Any) -> str:
    """A value for people: what it consists of, without what is not set."""
    match value:
        case None:
            return "-"
        case dict():
            return ", ".join(f"{key}={item}" for key, item in value.items() if item is not None)
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def tell(sentence: str) -> None:
    """Say something beside the output."""
    print(f"pyvtl: {sentence}", file=sys.stderr)


@contextmanager
def progress_bar(label: str, total_bytes: int | None) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal's stderr, else nothing; gives what to call with bytes done."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn(label), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield partial(progress.advance, progress.add_task(label, total=total_bytes))


@contextmanager
def share_bar(label: str) -> Iterator[Callable[[float], object]]:
    """A bar on a terminal's stderr, else nothing; gives what to call with the share done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(stderr=True)
    columns = TextColumn(label), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def moment(seconds: int | None) -> str:
    """A time since 1970, in UTC; a dash for None."""
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def size(count: int) -> str:
    """Bytes with a binary unit, three figures: 1.50 GiB."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = max(0, count.bit_length() - 1) // 10
    value = count / 1024**power
    digits = 0 if power == 0 else max(0, 3 - len(str(int(value))))
    return f"{value:.{digits}f} {units[power]}"
