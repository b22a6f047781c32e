"""`pyvtl cache`: what lies here of what the object store has."""

from typing import Any

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, Row, print_rows, progress_bar, size, tell
from pyvtl.cli.tape import Barcode, Barcodes

app = typer.Typer(help="What lies here of what the object store has.", no_args_is_help=True)

TAPES = (
    Column("BARCODE", lambda tape: str(tape["barcode"])),
    Column("STORED", lambda tape: size(tape["stored_bytes"]), right=True),
    Column("HERE", lambda tape: size(tape["local_bytes"]), right=True),
    Column("PINNED", lambda tape: "yes" if tape["pinned"] else "no"),
)


@app.command()
def show(data_dir: DataDir, as_json: Json = False) -> None:
    """Show how full the cache is, how often it helped, and what it has of each tape."""
    _print(Client(data_dir).get("/cache"), as_json=as_json)


@app.command()
def evict(data_dir: DataDir, as_json: Json = False) -> None:
    """Delete all copies that are neither pinned nor just read.  The object store keeps them."""
    _print(Client(data_dir).post("/cache/evict"), as_json=as_json)


@app.command()
def pin(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Keep what is here of tapes, and what comes here from now on; `warm` brings all of it."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/cache/{barcode}/pin")


@app.command()
def unpin(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Let copies of tapes go again when room is needed."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/cache/{barcode}/unpin")


@app.command()
def warm(barcode: Barcode, data_dir: DataDir) -> None:
    """Bring a tape here before it is read: as much of it as the cache has room for.

    It may be interrupted, and goes on when it is called again.
    """
    client = Client(data_dir)
    step = _next(client, barcode, 0)
    with progress_bar(f"tape {barcode}", step["total_bytes"]) as advance:
        advance(step["done_bytes"])
        while step["following"] is not None:
            done = step["done_bytes"]
            step = _next(client, barcode, step["following"])
            advance(step["done_bytes"] - done)
    print(f"tape {barcode}: {size(step['total_bytes'])} of it are here")
    if step["left_bytes"]:
        tell(f"the cache has no room for another {size(step['left_bytes'])}: see cache.limit")


def _next(client: Client, barcode: str, first: int) -> dict[str, Any]:
    answer: dict[str, Any] = client.post(f"/cache/{barcode}/warm", {"first": first})
    return answer


def _print(status: Row, *, as_json: bool) -> None:
    if as_json:
        print_rows([status], (), as_json=True)
        return
    limit = status["limit_bytes"]
    print(f"used: {size(status['used_bytes'])} of {'any' if limit is None else size(limit)}")
    print(f"pinned: {size(status['pinned_bytes'])}")
    print(f"not in the object store yet: {size(status['dirty_bytes'])}")
    reads = status["hits"] + status["misses"]
    rate = f"{status['hits'] / reads:.0%}" if reads else "-"
    print(f"hits: {rate} of {reads} pieces read through")
    print_rows(status["tapes"], TAPES)
