"""`pyvtl events`: what happens to tapes, as it happens."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from pyvtl.cli.client import Client
from pyvtl.cli.options import DataDir, Json
from pyvtl.cli.output import Row


def events(
    data_dir: DataDir,
    follow: Annotated[bool, typer.Option("--follow", help="Those to come, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what happened to tapes since the server started: a line each, or a JSON object."""
    client = Client(data_dir)
    found: Iterable[Row] = client.stream("/events?follow=true") if follow else client.get("/events")
    for event in found:
        print(json.dumps(event) if as_json else _line(event), flush=True)


def _line(event: Row) -> str:
    moment = datetime.fromtimestamp(int(event["timestamp"]) / 1000, UTC)
    told = event.get("newStatus") or event.get("reason", "")
    return f"{moment:%Y-%m-%d %H:%M:%S}  {event['source']:16}  {event['type']}  {told}"
