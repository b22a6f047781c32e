"""The part of `pyvtl store check` that looks into the object store."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyvtl.cli.object_store import opened, telling_failures
from pyvtl.cli.output import progress_bar, tell

if TYPE_CHECKING:
    from pyvtl.cloud.checking import Needs, StoreFinding
    from pyvtl.cloud.objects import ObjectStore
    from pyvtl.config.model import Config
    from pyvtl.media.known import KnownPacks


@dataclass(frozen=True, slots=True)
class How:
    """What `check` was asked for."""

    read_data: bool
    repair: bool
    dry_run: bool


def check_store(config: "Config", how: How) -> "list[StoreFinding]":
    """All that is wrong in the store, after it was mended if that was asked for.  CommandError."""
    with telling_failures():
        return asyncio.run(_check(config, how))


async def _check(config: "Config", how: How) -> "list[StoreFinding]":
    from pyvtl.cloud.mending import mend_store
    from pyvtl.media.known import known_packs

    path = config.gateway.data_dir
    async with opened(config) as store:
        gateway = _gateway_id(config)
        known = await asyncio.to_thread(known_packs, path)
        found, needs = await _findings(store, gateway, known, how)
        planned = [each for each in found if each.repair] if how.repair or how.dry_run else []
        for each in planned:
            tell(f"tape {each.barcode}, pack {each.pack}: {each.repair}")
        if not planned or how.dry_run:
            return found
        for failure in await mend_store(store, planned, needs, known):
            tell(failure)
        found, _ = await _findings(store, gateway, known, how)
        return found


async def _findings(
    store: "ObjectStore", gateway: str, known: "KnownPacks", how: How
) -> "tuple[list[StoreFinding], Needs]":
    from pyvtl.cloud.checking import BucketCheck

    with progress_bar("checking the store", None) as advance:
        check = BucketCheck(store, gateway, known, read_data=how.read_data, advance=advance)
        return await check.findings(), check.needs


def _gateway_id(config: "Config") -> str:
    """The id of the data folder, which is in use by this command."""
    from pyvtl.gateway.folder import kept_id

    return kept_id(config.gateway.data_dir)
