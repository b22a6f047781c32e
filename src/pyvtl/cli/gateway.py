"""`pyvtl gateway`: what the gateway is called, whether it serves, and its end."""

from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.failure import UsageError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, moment, print_one, print_rows, size

app = typer.Typer(help="The gateway itself: its name, its state, its end.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Other = Annotated[str, typer.Argument(help="Id of the gateway, eight hexadecimal digits.")]
RECOVERY_POINTS = (
    Column("BARCODE", lambda point: str(point["barcode"])),
    Column("TAKEN AT", lambda point: moment(point["taken_at"])),
    Column("SIZE", lambda point: size(point["size_bytes"]), right=True),
)


@app.command()
def show(data_dir: DataDir, as_json: Json = False) -> None:
    """Show all about the gateway."""
    print_one(Client(data_dir).get("/gateway"), as_json=as_json)


@app.command()
def rename(
    name: Annotated[str, typer.Argument(help="The new name.")],
    data_dir: DataDir,
    as_json: Json = False,
) -> None:
    """Give the gateway another name; its id and its targets stay as they are."""
    print_one(Client(data_dir).post("/gateway", {"name": name}), as_json=as_json)


@app.command()
def time_zone(
    zone: Annotated[str, typer.Argument(help="GMT, or like GMT-4:00.")],
    data_dir: DataDir,
    as_json: Json = False,
) -> None:
    """Set the time zone, which bandwidth schedules go by."""
    print_one(Client(data_dir).post("/gateway", {"time_zone": zone}), as_json=as_json)


@app.command()
def stop(data_dir: DataDir, as_json: Json = False) -> None:
    """Log all initiators out and take no logins, also after a restart, until `gateway start`."""
    print_one(Client(data_dir).post("/gateway/stop"), as_json=as_json)


@app.command()
def start(data_dir: DataDir, as_json: Json = False) -> None:
    """Take logins again."""
    print_one(Client(data_dir).post("/gateway/start"), as_json=as_json)


@app.command()
def delete(data_dir: DataDir, yes: Yes = False) -> None:
    """Serve no more, for good: refused while tapes are left.  The data folder stays."""
    if not yes:
        raise UsageError("say --yes to delete the gateway; its data folder stays")
    Client(data_dir).delete("/gateway")


@app.command()
def activate(
    key: Annotated[str, typer.Argument(help="The activation key that `show` prints.")],
    name: Annotated[str, typer.Argument(help="The new name.")],
    data_dir: DataDir,
    *,
    zone: Annotated[str, typer.Option("--time-zone", help="GMT, or like GMT-4:00.")] = "GMT",
    as_json: Json = False,
) -> None:
    """Serve again after a deletion."""
    body = {"key": key, "name": name, "time_zone": zone}
    print_one(Client(data_dir).post("/gateway/activate", body), as_json=as_json)


@app.command()
def disable(gateway: Other, data_dir: DataDir, yes: Yes = False) -> None:
    """Take another gateway for lost, for ever, so that its tapes can be recovered here.

    It must have been silent for a quarter of an hour.  Should it come back, it uploads no more.
    """
    if not yes:
        raise UsageError(f"say --yes to disable gateway {gateway}: that cannot be undone")
    Client(data_dir).post(f"/gateways/{gateway}/disable")


@app.command()
def recovery_points(gateway: Other, data_dir: DataDir, as_json: Json = False) -> None:
    """List the tapes of any gateway on the object store, as they were last uploaded.

    `pyvtl tape retrieve-recovery-point` brings those of a disabled one.
    """
    points = Client(data_dir).get(f"/gateways/{gateway}/recovery-points")
    print_rows(points, RECOVERY_POINTS, as_json=as_json)
