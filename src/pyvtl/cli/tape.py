"""`pyvtl tape`: make, list, protect, archive, retrieve, shred, delete and read tapes."""

from typing import Annotated, Any

import typer

from pyvtl.cli import archive, rescue
from pyvtl.cli.client import Client
from pyvtl.cli.failure import CommandError, UsageError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, Row, print_one, print_rows, size
from pyvtl.config.folder import default_data_dir
from pyvtl.config.units import parse_size

app = typer.Typer(
    help="Make, list, protect, archive, retrieve, shred, delete and read tapes.",
    no_args_is_help=True,
)
app.command()(rescue.cat)
app.command()(rescue.extract)
app.command("archive")(archive.archive)
app.command("retrieve")(archive.retrieve)
app.command("retrieve-recovery-point")(archive.retrieve_recovery_point)
app.command("cancel-archival")(archive.cancel_archival)
app.command("cancel-retrieval")(archive.cancel_retrieval)


def _place(tape: Row) -> str:
    if tape["drive"] is not None:
        return f"drive {tape['drive']}"
    return f"slot {tape['slot']}" if tape["slot"] is not None else "-"


COLUMNS = (
    Column("BARCODE", lambda tape: str(tape["barcode"])),
    Column("STATUS", lambda tape: str(tape["status"])),
    Column("WHERE", _place),
    Column("SIZE", lambda tape: size(tape["size_bytes"]), right=True),
    Column("USED", lambda tape: size(tape["used_bytes"]), right=True),
    Column("PROTECTED", lambda tape: "yes" if tape["write_protected"] else "no"),
)


def _complete_barcode(context: typer.Context, incomplete: str) -> list[str]:
    folder = context.params.get("data_dir") or default_data_dir()
    try:
        tapes: list[dict[str, Any]] = Client(folder).get("/tapes")
    except CommandError:
        return []
    return [tape["barcode"] for tape in tapes if tape["barcode"].startswith(incomplete)]


Barcode = Annotated[str, typer.Argument(help="Barcode.", autocompletion=_complete_barcode)]
Barcodes = Annotated[list[str], typer.Argument(help="Barcodes.", autocompletion=_complete_barcode)]


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def create(
    *,
    data_dir: DataDir,
    size: Annotated[
        int, typer.Option(parser=_size, metavar="SIZE", help="Capacity: 100GiB, 1.5TB, or bytes.")
    ],
    prefix: Annotated[
        str | None, typer.Option(help="Letters that made-up barcodes begin with.")
    ] = None,
    barcode: Annotated[str | None, typer.Option(help="The barcode of one tape.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many tapes.")] = 1,
    pool: Annotated[
        str, typer.Option(help="Where they are archived: `pyvtl pool list` shows all.")
    ] = "GLACIER",
    worm: Annotated[
        bool, typer.Option("--worm", help="They can only be appended to, for ever.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make blank tapes; they appear in the first free import/export slots.

    Space is only used as tapes are written, so a tape may be larger than the disk.
    """
    if (prefix is None) == (barcode is None):
        raise UsageError("give --prefix for made-up barcodes, or --barcode for one of your own")
    if barcode is not None and count != 1:
        raise UsageError("--barcode names one tape; use --prefix with --count")
    body = {
        "prefix": prefix,
        "barcode": barcode,
        "count": count,
        "size_bytes": size,
        "pool": pool,
        "worm": worm,
    }
    print_rows(Client(data_dir).post("/tapes", body), COLUMNS, as_json=as_json)


@app.command("list")
def list_(
    data_dir: DataDir,
    archived: Annotated[
        bool, typer.Option("--archived", help="List the archive, of all gateways.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List all tapes and where they lie; slots are numbered as mtx numbers them."""
    if archived:
        print_rows(Client(data_dir).get("/archive"), archive.COLUMNS, as_json=as_json)
        return
    print_rows(Client(data_dir).get("/tapes"), COLUMNS, as_json=as_json)


@app.command()
def show(
    barcode: Barcode,
    data_dir: DataDir,
    archived: Annotated[bool, typer.Option("--archived", help="One of the archive.")] = False,
    as_json: Json = False,
) -> None:
    """Show all about one tape."""
    client = Client(data_dir)
    tape = _archived(client, barcode) if archived else client.get(f"/tapes/{barcode}")
    print_one(tape, as_json=as_json)


def _archived(client: Client, barcode: str) -> Any:
    for tape in archive.archived(client, [barcode]):
        return tape
    raise CommandError(
        f"there is no tape {barcode} in the archive: see `pyvtl tape list --archived`"
    )


@app.command()
def delete(
    barcodes: Barcodes,
    data_dir: DataDir,
    archived: Annotated[
        bool, typer.Option("--archived", help="Delete them from the archive.")
    ] = False,
    bypass_governance: Annotated[
        bool, typer.Option("--bypass-governance", help="Although a GOVERNANCE lock holds them.")
    ] = False,
) -> None:
    """Delete tapes with all that is on them.  A tape in a drive has to be unloaded first."""
    client = Client(data_dir)
    query = "?bypass_governance=true" if bypass_governance else ""
    for barcode in barcodes:
        client.delete(f"/archive/{barcode}{query}" if archived else f"/tapes/{barcode}")


@app.command()
def protect(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Make tapes read-only, also while they are in a drive."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/protect")


@app.command()
def unprotect(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Make tapes writable again."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/unprotect")


@app.command()
def shred(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Destroy the keys of encrypted tapes: nobody can read them ever again.  There is no way back.

    A tape in a drive has to be unloaded first.  Copies of the data folder still have the keys.
    """
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/shred")


@app.command()
def recover(
    barcode: Barcode,
    data_dir: DataDir,
    new: Annotated[str, typer.Option("--as", metavar="BARCODE", help="Barcode of the new tape.")],
) -> None:
    """Copy what this gateway has of a fenced tape to a new tape.

    A tape is fenced when another gateway has taken it over.  It has to be in a slot, and stays as
    it is; `delete` removes it when the copy is good.
    """
    body = {"barcode": new}
    Client(data_dir, timeout_seconds=None).post(f"/tapes/{barcode}/recover", body)
