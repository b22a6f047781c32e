"""`pyvtl store attach`, `adopt` and `collect`: tapes of lost gateways, and what nobody needs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyvtl.cli.object_store import Folder, Url, finish, opened, settings, telling_failures
from pyvtl.cli.options import ConfigFile, Json
from pyvtl.cli.output import Column, print_rows, size, tell

if TYPE_CHECKING:
    from pyvtl.cloud.collecting import Collected
    from pyvtl.cloud.objects import ObjectStore
    from pyvtl.config.model import Config
    from pyvtl.media.vault import Vault

ATTACHED = (
    Column("TAPE", lambda row: str(row["barcode"])),
    Column("PACKS", lambda row: str(row["packs"]), right=True),
    Column("SIZE", lambda row: size(row["pack_bytes"]), right=True),
    Column("EPOCH", lambda row: str(row["epoch"]), right=True),
    Column("TAKEN FROM", lambda row: str(row["taken_from"] or "-")),
    Column("RESULT", lambda row: "NOT ATTACHED" if row["problem"] else "attached"),
)
COLLECTED = (
    Column("PACKS", lambda row: str(row["packs"]), right=True),
    Column("SIZE", lambda row: size(row["pack_bytes"]), right=True),
    Column("MAPS", lambda row: str(row["maps"]), right=True),
    Column("RECOVERY POINTS", lambda row: str(row["manifests"]), right=True),
    Column("KEYS", lambda row: str(row["keys"]), right=True),
    Column("UPLOADS", lambda row: str(row["uploads"]), right=True),
)


@dataclass(frozen=True, slots=True)
class _Workplace:
    """A data folder to oneself, and the store that belongs to it."""

    store: "ObjectStore"
    gateway: str
    vault: "Vault"


def attach(
    barcodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BARCODE]...",
            help="Which tapes; if none, those that the store says are this gateway's own.",
        ),
    ] = None,
    *,
    url: Url = None,
    data_dir: Folder = None,
    file: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Take tapes over from the object store as their last recovery points have them.

    Only what they consist of comes here: their data stays in the store, and is read there.  The
    gateway that had them keeps what it has, but cannot upload it.  No server may be running.
    """
    config = settings(url, data_dir, file)
    with telling_failures():
        rows = asyncio.run(_attach(config, barcodes or []))
    print_rows(rows, ATTACHED, as_json=as_json)
    finish(rows)


def adopt(
    gateway: Annotated[str, typer.Argument(help="Id of the gateway that is lost, 8 hex digits.")],
    *,
    all_tapes: Annotated[bool, typer.Option("--all", help="Attach all its tapes too.")] = False,
    url: Url = None,
    data_dir: Folder = None,
    file: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Look after what a lost gateway left in the object store.  No server may be running.

    When all its tapes are attached, `collect` deletes of its packs what nobody needs.  If it comes
    back, it is refused.
    """
    config = settings(url, data_dir, file)
    with telling_failures():
        rows = asyncio.run(_adopt(config, gateway, all_tapes=all_tapes))
    print_rows(rows, ATTACHED, as_json=as_json)
    if not all_tapes:
        tell(f"gateway {gateway} is adopted; attach its tapes with `pyvtl store attach`")
    finish(rows)


def collect(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be deleted.")
    ] = False,
    url: Url = None,
    data_dir: Folder = None,
    file: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Delete from the object store what no tape needs any more.  No server may be running.

    Only what this gateway wrote, and those that it adopted.  The last three recovery points of
    every tape stay whole.
    """
    config = settings(url, data_dir, file)
    with telling_failures():
        found = asyncio.run(_collect(config, dry_run=dry_run))
    print_rows([asdict(found)], COLLECTED, as_json=as_json)
    for lost in found.kept_back:
        tell(f"gateway {lost} was adopted and still owns tapes: attach them, then collect again")


def restore_evicted(config: "Config") -> None:
    """Tell the catalog of what is in the object store alone.  Raises CommandError."""
    with telling_failures():
        rows = asyncio.run(_restore(config))
    print(f"{len(rows)} of them are in {config.store.url}")
    finish(rows)


async def _restore(config: "Config") -> list[dict[str, Any]]:
    from pyvtl.cloud.attaching import restore_evicted as restore

    async with _at_work(config) as work:
        return [asdict(each) for each in await restore(work.store, work.gateway, work.vault)]


async def _attach(config: "Config", wanted: list[str]) -> list[dict[str, Any]]:
    from pyvtl.cloud.adopting import tapes_of

    async with _at_work(config) as work:
        if not wanted:
            mine = await tapes_of(work.store, work.gateway)
            wanted = sorted(set(mine) - work.vault.barcodes())
        return [row async for row in _attached(work, wanted)]


async def _adopt(config: "Config", lost: str, *, all_tapes: bool) -> list[dict[str, Any]]:
    from pyvtl.cloud.adopting import adopt as adopt_gateway
    from pyvtl.cloud.adopting import tapes_of
    from pyvtl.cloud.recovering import release

    async with _at_work(config) as work:
        await adopt_gateway(work.store, work.gateway, lost)
        await release(work.store, lost)
        wanted = await tapes_of(work.store, lost) if all_tapes else []
        return [row async for row in _attached(work, wanted)]


async def _attached(work: _Workplace, wanted: list[str]) -> AsyncIterator[dict[str, Any]]:
    from pyvtl.cloud.attaching import attach as attach_all

    async for attached in attach_all(work.store, work.gateway, work.vault, wanted):
        yield asdict(attached)


async def _collect(config: "Config", *, dry_run: bool) -> "Collected":
    from pyvtl.cloud.collecting import collect as collect_garbage

    async with _at_work(config) as work:
        return await collect_garbage(work.store, work.gateway, work.vault.needed, dry_run=dry_run)


@asynccontextmanager
async def _at_work(config: "Config") -> AsyncIterator[_Workplace]:
    """The data folder that the settings name, which has to be there for nobody else."""
    from pyvtl.cloud.agreement import repository_of
    from pyvtl.gateway.folder import DataFolder
    from pyvtl.gateway.object_store import agree_once
    from pyvtl.gateway.service import master_secret
    from pyvtl.media.vault import Vault

    path = config.gateway.data_dir
    async with opened(config) as store:
        await repository_of(store)
        with DataFolder(path) as folder:
            gateway = folder.gateway_id(config.gateway.id)
            await agree_once(store, str(config.store.url), gateway, path)
            vault_of = partial(Vault, path, secret=master_secret(config))
            with closing(await asyncio.to_thread(vault_of)) as vault:
                yield _Workplace(store, gateway, vault)
