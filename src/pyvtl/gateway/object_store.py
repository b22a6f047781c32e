"""The object store of a gateway: opened before anybody is served, and agreed with once."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from pyvtl.cloud.agreement import agree
from pyvtl.cloud.errors import ObjectStoreError
from pyvtl.cloud.names import gateway_key
from pyvtl.cloud.objects import ObjectStore, listing
from pyvtl.cloud.opening import open_store
from pyvtl.cloud.probe import keeps_conditions
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.schedule import Rated
from pyvtl.config.model import StoreSection
from pyvtl.gateway.errors import GatewayError
from pyvtl.gateway.folder import write_durably
from pyvtl.store.errors import StoreError

log = structlog.get_logger()

AGREED: Final = "store.json"
"""In the data folder: which store it has agreed with."""


class ObjectStoreRefusedError(GatewayError):
    """The object store cannot be used as it is; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """The store that a data folder belongs to.

    `conditions` says whether it heeds conditional writes: without, one gateway may use it.
    """

    url: str
    conditions: bool


async def opened_store(
    settings: StoreSection, speed: Rated, stack: AsyncExitStack
) -> ObjectStore | None:
    """The store that the settings name, if they name one; `stack` closes it.

    `speed` is asked all the time how fast it may go.
    """
    if settings.location is None:
        return None
    opened = await open_store(settings.location, settings.s3, settings.patience, speed)
    stack.push_async_callback(opened.objects.close)
    return opened.objects


async def agree_once(store: ObjectStore, url: str, gateway: str, folder: Path) -> None:
    """Agree with the store at the first start, which needs it; later ones do not ask for it."""
    agreed = await asyncio.to_thread(_agreed, folder)
    if agreed is None:
        agreed = await _agree_first(store, url, gateway, folder)
    if agreed.url != url:
        raise ObjectStoreRefusedError(
            f"the tapes in {folder} belong to the store {agreed.url}, but store.url is {url}: set"
            " it back; or, once all that is in the old store has been copied to the new one,"
            f" change it in {folder / AGREED} too"
        )


async def _agree_first(store: ObjectStore, url: str, gateway: str, folder: Path) -> Agreed:
    """Agree with a store that has to be there now: what is wrong with it is told at once."""
    await store.check()
    conditions = await keeps_conditions(store)
    if not conditions:
        await _refuse_others(store, url, gateway)
    await agree(store, gateway, folder)
    agreed = Agreed(url, conditions)
    await asyncio.to_thread(write_durably, folder / AGREED, json.dumps(asdict(agreed)) + "\n")
    return agreed


async def _refuse_others(store: ObjectStore, url: str, gateway: str) -> None:
    """Raise where another gateway uses a store that cannot keep two of them apart."""
    others = [
        entry.key
        async for entry in listing(store, "gateways/")
        if entry.key != gateway_key(gateway)
    ]
    reason = f"{url} ignores conditional writes (`pyvtl store probe` shows it)"
    if others:
        raise ObjectStoreRefusedError(
            f"{reason}, and another gateway uses it: two would destroy each other's tapes; name"
            " another bucket or prefix"
        )
    log.warning("store.conditions_ignored", reason=f"{reason}: no other gateway may use it")


def _agreed(folder: Path) -> Agreed | None:
    path = folder / AGREED
    try:
        return Agreed(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ObjectStoreRefusedError(
            f"{path} cannot be read ({error}): remove it, and start with the store that the"
            " tapes are in"
        ) from None


@contextmanager
def told_as_store_errors() -> Iterator[None]:
    """Turn what keeps a store from being used into an error of the gateway."""
    try:
        yield
    except (ObjectStoreError, RefusedTapeError, StoreError) as error:
        raise ObjectStoreRefusedError(str(error)) from error
