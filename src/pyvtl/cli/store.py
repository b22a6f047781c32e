"""`pyvtl store`: try the object store; check and repair what lies in the data folder."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pyvtl.cli import checking, sync, upkeep
from pyvtl.cli.config import load
from pyvtl.cli.failure import CommandError, UsageError
from pyvtl.cli.options import ConfigFile, Json
from pyvtl.cli.output import Column, print_rows

if TYPE_CHECKING:
    from pyvtl.cloud.location import Location
    from pyvtl.cloud.probe import Finding
    from pyvtl.config.model import StoreSection

app = typer.Typer(
    help="Try the object store; check and repair what lies in the data folder.",
    no_args_is_help=True,
)
app.command()(checking.check)
app.command("rebuild-catalog")(checking.rebuild)
app.command("rebuild-index")(checking.rebuild_dedup_index)

WORKS = {True: "yes", False: "NO", None: "-"}
FINDINGS = (
    Column("PROMISE", lambda row: str(row["promise"])),
    Column("KEPT", lambda row: WORKS[row["works"]]),
    Column("DETAIL", lambda row: str(row["detail"])),
)


app.command("push")(sync.push)
app.command("pull")(sync.pull)
app.command("attach")(upkeep.attach)
app.command("adopt")(upkeep.adopt)
app.command("collect")(upkeep.collect)


@app.callback()
def store() -> None:
    """Try the object store; check and repair what lies in the data folder."""


@app.command("probe")
def probe_store(
    *,
    url: Annotated[
        str | None,
        typer.Option("--store", metavar="URL", help="dir:PATH or s3://BUCKET/PREFIX."),
    ] = None,
    file: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Try whether the object store does all that tapes need, and print what is missing.

    It writes a few objects under a random name in `probe/` and removes them.  Everything but the
    URL comes from the settings; credentials come from the usual AWS places.
    """
    settings = load(file, {"store": {"url": url}}).config.store
    if settings.location is None:
        raise UsageError("no object store is set: name one with --store, or set store.url")
    findings = asyncio.run(_probe(settings, settings.location))
    print_rows([asdict(finding) for finding in findings], FINDINGS, as_json=as_json)
    missing = sum(finding.works is not True for finding in findings)
    if missing:
        raise CommandError(
            f"{settings.url} lacks {missing} of {len(findings)}: docs/object-store.md has the"
            " permissions that are needed, and what each promise is for"
        )


async def _probe(settings: "StoreSection", location: "Location") -> tuple["Finding", ...]:
    from pyvtl import logs
    from pyvtl.cloud.errors import ObjectStoreError
    from pyvtl.cloud.opening import open_store
    from pyvtl.cloud.probe import probe

    logs.set_up("error")
    try:
        store = (await open_store(location, settings.s3, settings.patience)).objects
    except ObjectStoreError as error:
        raise CommandError(str(error)) from None
    try:
        return await probe(store)
    finally:
        await store.close()
