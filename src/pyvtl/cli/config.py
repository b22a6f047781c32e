"""`pyvtl config`: the settings in force."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pyvtl.cli.failure import UsageError
from pyvtl.cli.options import ConfigFile, Json
from pyvtl.cli.output import Column, Row, print_rows
from pyvtl.config.units import size_text

if TYPE_CHECKING:
    from pyvtl.config.sources import Settings

app = typer.Typer(help="The settings in force.", no_args_is_help=True)


def load(file: Path | None, flags: Mapping[str, Mapping[str, Any]]) -> "Settings":
    """Settings from everywhere; a flag that was not given is None.  Raises UsageError."""
    from pyvtl.config.sources import ConfigError
    from pyvtl.config.sources import load as load_settings

    given = {
        section: {name: value for name, value in table.items() if value not in (None, [])}
        for section, table in flags.items()
    }
    try:
        return load_settings(file, given)
    except ConfigError as error:
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        raise UsageError(f"the settings cannot be used:\n{lines}") from None


UNITS: Mapping[str | None, Callable[[Any], str]] = {"bytes": size_text, "seconds": "{:g}s".format}


def _value(row: Row) -> str:
    value = row["value"]
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(value)
    return UNITS.get(row["unit"], str)(value)


COLUMNS = (
    Column("SETTING", lambda row: str(row["name"])),
    Column("VALUE", _value),
    Column("FROM", lambda row: str(row["origin"])),
)


@app.callback()
def config() -> None:
    """The settings in force."""


@app.command()
def show(file: ConfigFile = None, as_json: Json = False) -> None:
    """Show every setting that `pyvtl serve` would use, and where it comes from.

    Each can be set in the file (a table for each section) or as PYVTL_SECTION__NAME in the
    environment; flags of `serve` win over the environment, and that over the file.
    """
    print_rows([asdict(setting) for setting in load(file, {})], COLUMNS, as_json=as_json)
