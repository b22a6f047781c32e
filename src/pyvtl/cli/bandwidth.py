"""`pyvtl bandwidth`: how fast the gateway may send and receive, and when."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.failure import UsageError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, Row, print_rows

app = typer.Typer(help="Limits on uploads and downloads.", no_args_is_help=True)

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ALWAYS = "always"
UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
RATE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmg]?)(?:bit(?:/s|ps)?)?", re.IGNORECASE)
INTERVAL = re.compile(
    r"(?P<days>[a-z]{3}(?:[-+][a-z]{3})*) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)(?P<rates>( \S+)*)"
)
FORM = "write like: mon-fri 08:00-17:59 upload=10Mbit download=50Mbit"


def parse_rate(text: str) -> int:
    """Bits a second: a number, with k, M or G before `bit` if it likes."""
    match = RATE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no rate; write bits a second, or like 10Mbit")
    return int(float(match["number"]) * UNITS[match["unit"].lower()])


def _rate(rate: int | None) -> str:
    return "-" if rate is None else f"{rate / UNITS['m']:g} Mbit/s"


COLUMNS = (
    Column("WHEN", lambda row: str(row["when"])),
    Column("UPLOAD", lambda row: _rate(row["upload"]), right=True),
    Column("DOWNLOAD", lambda row: _rate(row["download"]), right=True),
)
Rate = Annotated[int | None, typer.Option(parser=parse_rate, metavar="RATE", help="Like 10Mbit.")]


@app.command()
def show(data_dir: DataDir, as_json: Json = False) -> None:
    """Show the limits that hold always, and those of the schedule that take their place."""
    _print(Client(data_dir).get("/bandwidth"), as_json=as_json)


@app.command("set")
def set_(
    data_dir: DataDir, *, upload: Rate = None, download: Rate = None, as_json: Json = False
) -> None:
    """Set limits, in force at once; what is not given stays."""
    body = {"upload": upload, "download": download}
    _print(Client(data_dir).post("/bandwidth", body), as_json=as_json)


@app.command()
def clear(
    data_dir: DataDir,
    *,
    upload: Annotated[bool, typer.Option("--upload", help="Only that of uploads.")] = False,
    download: Annotated[bool, typer.Option("--download", help="Only that of downloads.")] = False,
    as_json: Json = False,
) -> None:
    """Take the limits away that hold always; the schedule stays."""
    neither = not upload and not download
    body = {"upload": upload or neither, "download": download or neither}
    _print(Client(data_dir).post("/bandwidth/clear", body), as_json=as_json)


@app.command()
def schedule(
    data_dir: DataDir,
    intervals: Annotated[
        list[str] | None, typer.Argument(metavar="[INTERVAL]...", help=FORM)
    ] = None,
    as_json: Json = False,
) -> None:
    """Set the whole schedule anew; without intervals there is none.

    An interval is days, the first and the last minute in the gateway's time zone, and rates: what
    is not named has no limit then.
    """
    body = {"intervals": [parse_interval(text) for text in intervals or ()]}
    _print(Client(data_dir).post("/bandwidth/schedule", body), as_json=as_json)


def parse_interval(text: str) -> dict[str, Any]:
    """`mon-fri 08:00-17:59 upload=10Mbit`; UsageError."""
    match = INTERVAL.fullmatch(" ".join(text.lower().split()))
    if match is None:
        raise UsageError(f"{text!r} is no interval; {FORM}")
    rates = dict(part.partition("=")[::2] for part in match["rates"].split())
    if strange := sorted(rates.keys() - {"upload", "download"}):
        raise UsageError(f"{strange[0]} is neither upload=RATE nor download=RATE; {FORM}")
    return {
        "days": sorted(set(_days(match["days"]))),
        "first_minute": _minute(match["start"]),
        "last_minute": _minute(match["end"]),
        **{way: parse_rate(rate) for way, rate in rates.items()},
    }


def _days(text: str) -> Iterator[int]:
    for part in text.split("+"):
        first, _, last = part.partition("-")
        yield _day(first)
        day = _day(first)
        while day != _day(last or first):
            day = (day + 1) % len(DAYS)
            yield day


def _day(name: str) -> int:
    if name not in DAYS:
        raise UsageError(f"{name} is no day; they are {', '.join(DAYS)}")
    return DAYS.index(name)


def _minute(text: str) -> int:
    hour, minute = map(int, text.split(":"))
    return hour * 60 + minute


def _print(limits: Row, *, as_json: bool) -> None:
    if as_json:
        print_rows([limits], (), as_json=True)
        return
    rows: list[dict[str, Any]] = [{"when": ALWAYS, **limits["usual"]}]
    rows += [{"when": _when(row), **row["limits"]} for row in limits["intervals"]]
    print_rows(rows, COLUMNS)


def _when(row: Row) -> str:
    days: Sequence[int] = row["days"]
    first, last = (f"{m // 60:02}:{m % 60:02}" for m in (row["first_minute"], row["last_minute"]))
    return f"{'+'.join(DAYS[day] for day in days)} {first}-{last}"
