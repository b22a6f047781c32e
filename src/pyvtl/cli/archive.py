"""`pyvtl tape archive` and `retrieve`: tapes to the archive and back, and how far they are."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.failure import CommandError
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Column, Row, print_rows, share_bar, size

POLL_SECONDS = 0.5
AT_REST = ("AVAILABLE", "RETRIEVED", "RECOVERED")


def _date(seconds: int | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


COLUMNS = (
    Column("BARCODE", lambda tape: str(tape["barcode"])),
    Column("STATUS", lambda tape: str(tape["status"])),
    Column("GATEWAY", lambda tape: str(tape["gateway"])),
    Column("POOL", lambda tape: str(tape["pool"])),
    Column("SIZE", lambda tape: size(tape["size_bytes"]), right=True),
    Column("USED", lambda tape: size(tape["used_bytes"]), right=True),
    Column("ARCHIVED", lambda tape: _date(tape["archived_at"])),
    Column("LOCKED UNTIL", lambda tape: _date(tape["locked_until"])),
)

Barcodes = Annotated[list[str], typer.Argument(help="Barcodes.")]
Wait = Annotated[bool, typer.Option("--wait", help="End when it is done, and show how far it is.")]


def archive(barcodes: Barcodes, data_dir: DataDir, wait: Wait = False) -> None:
    """Send tapes that lie in slots to the archive, as if a host had exported them.

    They leave the library at once.  It needs an object store: `store.url` in the settings.
    """
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/archive")
    for barcode in barcodes if wait else ():
        _show_progress(client, barcode, "archiving")


def retrieve(
    barcodes: Barcodes,
    data_dir: DataDir,
    gateway: Annotated[
        str | None, typer.Option(help="Id of the gateway that is to have them; else this one.")
    ] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Bring tapes from the archive; they turn up in import/export slots, read-only."""
    client = Client(data_dir)
    body = None if gateway is None else {"gateway": gateway}
    tapes = [client.post(f"/tapes/{barcode}/retrieve", body) for barcode in barcodes]
    if wait and gateway is None:
        for barcode in barcodes:
            _show_progress(client, barcode, "retrieving")
        tapes = archived(client, barcodes)
    print_rows(tapes, COLUMNS, as_json=as_json)


def retrieve_recovery_point(barcodes: Barcodes, data_dir: DataDir, wait: Wait = False) -> None:
    """Bring tapes of a gateway that was disabled, as they were last uploaded, read-only.

    They turn up in import/export slots.  `pyvtl gateway recovery-points` lists them.
    """
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/recovery-points/{barcode}")
    for barcode in barcodes if wait else ():
        _show_progress(client, barcode, "recovering")
        if barcode not in {tape["barcode"] for tape in client.get("/tapes")}:
            raise CommandError(f"tape {barcode} did not come: `pyvtl events` says why")


def cancel_archival(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Bring tapes that are IN TRANSIT TO VTS back to import/export slots."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/cancel-archival")


def cancel_retrieval(barcodes: Barcodes, data_dir: DataDir) -> None:
    """Leave tapes that are RETRIEVING in the archive."""
    client = Client(data_dir)
    for barcode in barcodes:
        client.post(f"/tapes/{barcode}/cancel-retrieval")


def archived(client: Client, barcodes: Sequence[str]) -> list[Row]:
    """Those of the tapes that the archive has, as it has them now, in this order."""
    found: dict[str, Row] = {tape["barcode"]: tape for tape in client.get("/archive")}
    return [found[barcode] for barcode in barcodes if barcode in found]


def _show_progress(client: Client, barcode: str, label: str) -> None:
    """A bar on a terminal until nothing is done for the tape; CommandError for what stops it."""
    with share_bar(f"{label} {barcode}") as show:
        while (tape := _under_way(client, barcode)) is not None:
            if tape["problem"] is not None:
                raise CommandError(f"tape {barcode} is {tape['status']}: {tape['problem']}")
            show(tape["progress"] or 0.0)
            time.sleep(POLL_SECONDS)
        show(1.0)


def _under_way(client: Client, barcode: str) -> Row | None:
    """The tape, while there is something to do for it."""
    tapes: list[dict[str, Any]] = client.get("/tapes")
    found = [tape for tape in tapes if tape["barcode"] == barcode]
    return found[0] if found and found[0]["status"] not in AT_REST else None
