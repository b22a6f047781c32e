"""`pyvtl policy`: new tapes for those that hosts take from import/export slots."""

from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.failure import UsageError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, print_rows, size
from pyvtl.config.units import parse_size

app = typer.Typer(
    help="New tapes for those that hosts take from import/export slots.", no_args_is_help=True
)

COLUMNS = (
    Column("PREFIX", lambda rule: str(rule["prefix"])),
    Column("MINIMUM", lambda rule: str(rule["minimum"]), right=True),
    Column("SIZE", lambda rule: size(rule["size_bytes"]), right=True),
    Column("POOL", lambda rule: str(rule["pool"])),
    Column("WORM", lambda rule: "yes" if rule["worm"] else "no"),
)
PARTS = ("prefix", "minimum", "size", "pool", "worm")
FEWEST_PARTS = 3


@app.command()
def show(data_dir: DataDir, as_json: Json = False) -> None:
    """Show the rules."""
    print_rows(Client(data_dir).get("/policy"), COLUMNS, as_json=as_json)


@app.command("set")
def set_(
    rules: Annotated[
        list[str], typer.Argument(metavar="PREFIX:MINIMUM:SIZE[:POOL[:worm]]...", help="Rules.")
    ],
    data_dir: DataDir,
    as_json: Json = False,
) -> None:
    """Replace all rules: DEMO:5:100GiB keeps five tapes DEMO… in import/export slots.

    Whenever a host moves a tape from there to a slot or a drive, what is missing is made.
    """
    body = [_rule(rule) for rule in rules]
    print_rows(Client(data_dir).put("/policy", body), COLUMNS, as_json=as_json)


@app.command()
def delete(data_dir: DataDir) -> None:
    """Make no more tapes."""
    Client(data_dir).delete("/policy")


def _rule(text: str) -> dict[str, object]:
    parts = text.split(":")
    given = dict(zip(PARTS, parts, strict=False))
    if not FEWEST_PARTS <= len(parts) <= len(PARTS) or given.get("worm", "worm") != "worm":
        raise UsageError(f"{text!r} is no rule: PREFIX:MINIMUM:SIZE[:POOL[:worm]]")
    try:
        return {
            "prefix": given["prefix"],
            "minimum": int(given["minimum"]),
            "size_bytes": parse_size(given["size"]),
            "pool": given.get("pool") or "GLACIER",
            "worm": "worm" in given,
        }
    except ValueError as error:
        raise UsageError(f"{text!r} is no rule: {error}") from None
