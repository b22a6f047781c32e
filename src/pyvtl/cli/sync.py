"""`pyvtl store push` and `pull`: tapes to the object store, and back from it alone."""

import asyncio
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyvtl.cli.object_store import Folder, Url, finish, opened, settings, telling_failures
from pyvtl.cli.options import ConfigFile, Json
from pyvtl.cli.output import Column, Row, print_rows, size

if TYPE_CHECKING:
    from pyvtl.cloud.pushing import Pushed
    from pyvtl.config.model import Config

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
    config = settings(url, data_dir, file)
    with telling_failures():
        rows = asyncio.run(_push(config))
    print_rows(rows, PUSHED, as_json=as_json)
    finish(rows)


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
    config = settings(url, data_dir, file)
    with telling_failures():
        rows = asyncio.run(_pull(config, barcodes or []))
    print_rows(rows, PULLED, as_json=as_json)
    finish(rows)


async def _push(config: "Config") -> list[dict[str, Any]]:
    from pyvtl.cloud.pushing import push as push_all
    from pyvtl.gateway.folder import DataFolder
    from pyvtl.gateway.object_store import agree_once
    from pyvtl.gateway.service import master_secret
    from pyvtl.media.vault import Vault

    path = config.gateway.data_dir
    with DataFolder(path, make=False) as folder:
        gateway = folder.gateway_id(config.gateway.id)
        vault_of = partial(Vault, path, secret=master_secret(config))
        async with opened(config) as store:
            await agree_once(store, str(config.store.url), gateway, path)
            with closing(await asyncio.to_thread(vault_of)) as vault:
                return [_pushed_row(pushed) async for pushed in push_all(store, gateway, vault)]


def _pushed_row(pushed: "Pushed") -> dict[str, Any]:
    row = asdict(pushed)
    del row["stored"], row["others"]
    return row


async def _pull(config: "Config", wanted: list[str]) -> list[dict[str, Any]]:
    from pyvtl.cloud.agreement import repository_of
    from pyvtl.cloud.pulling import pull as pull_all
    from pyvtl.gateway.folder import DataFolder
    from pyvtl.gateway.object_store import agree_once

    path = config.gateway.data_dir
    async with opened(config) as store:
        await repository_of(store)
        with DataFolder(path) as folder:
            gateway = folder.gateway_id(config.gateway.id)
            await agree_once(store, str(config.store.url), gateway, path)
            return [asdict(pulled) async for pulled in pull_all(store, gateway, path, wanted)]
