"""`pyvtl library`: what the library is made of, and who uses it."""

from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, Row, print_one, print_rows, size

app = typer.Typer(help="What the library is made of, and who uses it.", no_args_is_help=True)


def _initiators(device: Row) -> str:
    names = dict.fromkeys(session["initiator"] for session in device["sessions"])
    return ", ".join(names) or "-"


DEVICES = (
    Column("DEVICE", lambda device: str(device["device"])),
    Column("ELEMENT", lambda device: str(device["element_address"]), right=True),
    Column("TAPE", lambda device: str(device["barcode"] or "-")),
    Column("SERIAL", lambda device: str(device["serial"])),
    Column("TARGET", lambda device: str(device["target"])),
    Column("INITIATORS", _initiators),
)


@app.callback()
def library() -> None:
    """What the library is made of, and who uses it."""


@app.command()
def changer(
    kind: Annotated[
        str,
        typer.Argument(metavar="TYPE", help="AWS-Gateway-VTL, STK-L700 or IBM-03584L32-0402."),
    ],
    data_dir: DataDir,
    as_json: Json = False,
) -> None:
    """Make the changer another product.  All initiators have to log out of it first.

    Each product has element addresses of its own; tapes stay in their slots and drives.
    """
    print_one(Client(data_dir).post("/library/changer", {"type": kind}), as_json=as_json)


@app.command()
def status(data_dir: DataDir, as_json: Json = False) -> None:
    """Show drives and changer, the tapes in them, and the initiators that are logged in."""
    answer = Client(data_dir).get("/library")
    if as_json:
        print_rows([answer], (), as_json=True)
        return
    print(f"Gateway {answer['gateway_id']} serves on {', '.join(answer['portals'])}")
    for what in ("slots", "import_export_slots"):
        count = answer[what]
        print(
            f"{what.replace('_', ' ').replace('import export', 'import/export')}: "
            f"{count['full']} of {count['total']} full"
        )
    if answer["store"] is not None:
        _print_store(answer["store"])
    print_rows(answer["devices"], DEVICES)


def _print_store(store: Row) -> None:
    state = "reachable" if store["reachable"] else "NOT REACHABLE"
    reason = "" if store["reachable"] else f": {store['reason']}"
    print(f"object store {store['url']}: {state} since {store['since']}{reason}")
    used, limit = store["upload_buffer_used_bytes"], store["upload_buffer_limit_bytes"]
    print(f"upload buffer: {size(used)} of {size(limit)}")
    if store["oldest_dirty_seconds"] is not None:
        print(f"not in the store yet: for {store['oldest_dirty_seconds']} seconds at most")
