"""`pyvtl store push` and `pull`: tapes to the object store, and back from it alone."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyvtl.cli.config import load
from pyvtl.cli.failure import CommandError, UsageError
from pyvtl.cli.options import ConfigFile, Json
from pyvtl.cli.output import Column, Row, print_rows, size

if TYPE_CHECKING:
    from pyvtl.cloud.objects import ObjectStore
    from pyvtl.cloud.pushing import Pushed
    from pyvtl.config.model import Config

Url = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="dir:PATH or s3://BUCKET/PREFIX.")
]
Folder = Annotated[
    Path | None, typer.Option("--data-dir", help="Data folder of the tapes.", file_okay=False)
]
Barcodes = Annotated[
    list[str] | None, typer.Argument(metavar="[BARCODE]...", help="Which tapes; all, if none.")
]


def _result(row: Row) -> str:
    if row["problem"]:
        return "NOT PUSHED"
    return "key destroyed" if row["shredded"] else "in the store"


PUSHED = (
    Column("TAPE", lambda row: str(row["barcode"])),
    Column("PACKS", lambda row: str(row["packs"]), right=True),
    Column("SENT", lambda row: str(row["sent_packs"]), right=True),
    Column("SIZE", lambda row: size(row["sent_bytes"]), right=True),
    Column("RESULT", _result),
)
PULLED = (
    Column("TAPE", lambda row: str(row["barcode"])),
    Column("PACKS", lambda row: str(row["packs"]), right=True),
    Column("SIZE", lambda row: size(row["received_bytes"]), right=True),
    Column("EPOCH", lambda row: str(row["epoch"]), right=True),
    Column("TAKEN FROM", lambda row: str(row["taken_from"] or "-")),
    Column("RESULT", lambda row: "NOT PULLED" if row["problem"] else "here"),
)


def push(
    *, url: Url = None, data_dir: Folder = None, file: ConfigFile = None, as_json: Json = False
) -> None:
    """Send every tape to the object store, up to its last filemark.  No server may be running.

    Only what the store lacks is sent, and what an interrupted push left there is used.
    """
    config = _settings(url, data_dir, file)
    with _telling_failures():
        rows = asyncio.run(_push(config))
    print_rows(rows, PUSHED, as_json=as_json)
    _finish(rows)


def pull(
    barcodes: Barcodes = None,
    *,
    url: Url = None,
    data_dir: Folder = None,
    file: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Bring tapes from the object store into a data folder, and take them over.

    The gateway that had a tape keeps its copy, but cannot push it any more.  No server may be
    running on the data folder, which is made if need be.
    """
    config = _settings(url, data_dir, file)
    with _telling_failures():
        rows = asyncio.run(_pull(config, barcodes or []))
    print_rows(rows, PULLED, as_json=as_json)
    _finish(rows)


def _settings(url: str | None, data_dir: Path | None, file: Path | None) -> "Config":
    flags: dict[str, dict[str, object]] = {
        "store": {"url": url},
        "gateway": {"data_dir": data_dir},
    }
    config = load(file, flags).config
    if config.store.location is None:
        raise UsageError("no object store is set: name one with --store, or set store.url")
    return config


@contextmanager
def _telling_failures() -> Iterator[None]:
    from pyvtl.cloud.errors import ObjectStoreError
    from pyvtl.cloud.refusals import RefusedTapeError
    from pyvtl.gateway.errors import GatewayError
    from pyvtl.media.medium import MediumError
    from pyvtl.store.errors import StoreError

    try:
        yield
    except (ObjectStoreError, RefusedTapeError, GatewayError, MediumError, StoreError) as error:
        raise CommandError(str(error)) from None


@asynccontextmanager
async def _opened(config: "Config") -> AsyncIterator["ObjectStore"]:
    from pyvtl import logs
    from pyvtl.cloud.opening import open_store

    logs.set_up("error")
    assert config.store.location is not None
    opened = await open_store(config.store.location, config.store.s3, config.store.patience)
    try:
        await opened.objects.check()
        yield opened.objects
    finally:
        await opened.objects.close()


async def _push(config: "Config") -> list[dict[str, Any]]:
    from pyvtl.cloud.agreement import agree
    from pyvtl.cloud.pushing import push as push_all
    from pyvtl.gateway.folder import DataFolder
    from pyvtl.gateway.service import master_secret
    from pyvtl.media.vault import Vault

    path = config.gateway.data_dir
    with DataFolder(path, make=False) as folder:
        gateway = folder.gateway_id(config.gateway.id)
        vault_of = partial(Vault, path, secret=master_secret(config))
        async with _opened(config) as store:
            await agree(store, gateway, path)
            with closing(await asyncio.to_thread(vault_of)) as vault:
                return [_pushed_row(pushed) async for pushed in push_all(store, gateway, vault)]


def _pushed_row(pushed: "Pushed") -> dict[str, Any]:
    row = asdict(pushed)
    del row["stored"], row["others"]
    return row


async def _pull(config: "Config", wanted: list[str]) -> list[dict[str, Any]]:
    from pyvtl.cloud.agreement import join, repository_of
    from pyvtl.cloud.pulling import pull as pull_all
    from pyvtl.gateway.folder import DataFolder

    path = config.gateway.data_dir
    async with _opened(config) as store:
        repository = await repository_of(store)
        with DataFolder(path) as folder:
            gateway = folder.gateway_id(config.gateway.id)
            await join(store, gateway, path, repository)
            return [asdict(pulled) async for pulled in pull_all(store, gateway, path, wanted)]


def _finish(rows: list[dict[str, Any]]) -> None:
    """Tell what is wrong with which tape; CommandError if anything is."""
    problems = [row["problem"] for row in rows if row["problem"]]
    for problem in problems[:-1]:
        print(f"pyvtl: {problem}", file=sys.stderr)
    if problems:
        raise CommandError(problems[-1])
