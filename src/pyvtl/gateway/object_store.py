"""The object store of a gateway, as the settings name it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from pyvtl.cloud.agreement import agree
from pyvtl.cloud.errors import ObjectStoreError
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.opening import open_store
from pyvtl.cloud.refusals import RefusedTapeError
from pyvtl.cloud.schedule import Rated
from pyvtl.config.model import StoreSection
from pyvtl.gateway.errors import GatewayError
from pyvtl.store.repository import REPOSITORY

log = structlog.get_logger()


async def open_objects(
    settings: StoreSection, speed: Rated, stack: AsyncExitStack
) -> ObjectStore | None:
    """The store, closed with `stack`; None where no URL is set.  Raises GatewayError.

    `speed` is asked all the time how fast it may go.
    """
    if settings.location is None:
        return None
    try:
        opened = await open_store(settings.location, settings.s3, settings.patience, speed)
    except ObjectStoreError as error:
        raise GatewayError(f"the object store cannot be used: {error}") from error
    stack.push_async_callback(opened.objects.close)
    return opened.objects


async def agree_at_start(store: ObjectStore, gateway: str, folder: Path) -> None:
    """Make store and data folder one repository, before a tape is opened.

    A store that is out of reach keeps only a new data folder from being used, which has to learn
    the key of the repository.  Raises GatewayError.
    """
    try:
        await agree(store, gateway, folder)
    except RefusedTapeError as error:
        raise GatewayError(str(error)) from error
    except ObjectStoreError as error:
        if not await asyncio.to_thread((folder / REPOSITORY).exists):
            raise GatewayError(
                f"the object store cannot be reached, and a new data folder needs it once: {error}"
            ) from error
        log.warning("store.out_of_reach", reason=str(error))
