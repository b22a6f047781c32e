"""`pyvtl pool`: where archived tapes lie, and how long nobody may delete them."""

from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, print_rows

app = typer.Typer(
    help="Where archived tapes lie, and how long nobody may delete them.", no_args_is_help=True
)

COLUMNS = (
    Column("POOL", lambda pool: str(pool["id"])),
    Column("NAME", lambda pool: str(pool["name"])),
    Column("CLASS", lambda pool: str(pool["storage_class"])),
    Column("LOCK", lambda pool: str(pool["retention_lock"])),
    Column("DAYS", lambda pool: str(pool["lock_days"]), right=True),
    Column("STATUS", lambda pool: str(pool["status"])),
)


@app.command("list")
def list_(data_dir: DataDir, as_json: Json = False) -> None:
    """List the default pools and those that were made, the closed ones too."""
    print_rows(Client(data_dir).get("/pools"), COLUMNS, as_json=as_json)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name, for people.")],
    *,
    data_dir: DataDir,
    storage_class: Annotated[
        str, typer.Option("--class", help="GLACIER or DEEP_ARCHIVE.")
    ] = "GLACIER",
    lock: Annotated[str, typer.Option(help="NONE, GOVERNANCE or COMPLIANCE.")] = "NONE",
    days: Annotated[int, typer.Option(min=0, help="How long the lock holds.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a pool; it never changes.

    Its lock begins when a tape is archived.  GOVERNANCE may be passed with --bypass-governance,
    COMPLIANCE by nobody.
    """
    body = {
        "name": name,
        "storage_class": storage_class,
        "retention_lock": lock,
        "lock_days": days,
    }
    print_rows([Client(data_dir).post("/pools", body)], COLUMNS, as_json=as_json)


@app.command()
def delete(pool: Annotated[str, typer.Argument(help="Id.")], data_dir: DataDir) -> None:
    """Close a pool that no tape and no rule is in."""
    Client(data_dir).delete(f"/pools/{pool}")


@app.command()
def assign(
    pool: Annotated[str, typer.Argument(help="Id.")],
    barcodes: Annotated[list[str], typer.Argument(help="Barcodes.")],
    data_dir: DataDir,
    bypass_governance: Annotated[
        bool, typer.Option("--bypass-governance", help="Although a GOVERNANCE lock holds them.")
    ] = False,
) -> None:
    """Put tapes that are AVAILABLE or ARCHIVED into another pool."""
    client = Client(data_dir)
    for barcode in barcodes:
        body = {"pool": pool, "bypass_governance": bypass_governance}
        client.put(f"/tapes/{barcode}/pool", body)
