"""What the commands that work on an object store share: its options, opening it, how they end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pyvtl.cli.config import load
from pyvtl.cli.failure import CommandError, UsageError
from pyvtl.cli.output import Row

if TYPE_CHECKING:
    from pyvtl.cloud.objects import ObjectStore
    from pyvtl.config.model import Config
    from pyvtl.store.contents import TapeContents

Url = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="dir:PATH or s3://BUCKET/PREFIX.")
]
Folder = Annotated[
    Path | None, typer.Option("--data-dir", help="Data folder of the tapes.", file_okay=False)
]


def settings(url: str | None, data_dir: Path | None, file: Path | None) -> "Config":
    """The settings with these flags.  UsageError where no store is named."""
    flags: dict[str, dict[str, object]] = {
        "store": {"url": url},
        "gateway": {"data_dir": data_dir},
    }
    config = load(file, flags).config
    if config.store.location is None:
        raise UsageError("no object store is set: name one with --store, or set store.url")
    return config


@contextmanager
def telling_failures() -> Iterator[None]:
    """Turn what a store, a tape or a data folder refuses with into CommandError."""
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
async def opened(config: "Config") -> AsyncIterator["ObjectStore"]:
    """The store that the settings name, once it is known that it can be used."""
    from pyvtl import logs
    from pyvtl.cloud.opening import open_store

    logs.set_up("error")
    store = config.store
    assert store.location is not None
    there = await open_store(store.location, store.s3, store.patience, store.rates)
    try:
        await there.objects.check()
        yield there.objects
    finally:
        await there.objects.close()


@contextmanager
def opened_in_store(barcode: str, config: "Config") -> Iterator["TapeContents"]:
    """What stands on a tape in the store that the settings name.  Raises CommandError."""
    from pyvtl.cloud.reading import StoreSource
    from pyvtl.cloud.rescue import contents_of, read_tape, running_loop
    from pyvtl.gateway.service import master_secret

    with running_loop() as loop, telling_failures(), _opened_on(loop, config) as store:
        reading = read_tape(store, StoreSource(store, loop), barcode)
        folder, packs = asyncio.run_coroutine_threadsafe(reading, loop).result()
        with closing(contents_of(folder, packs, master_secret(config))) as contents:
            yield contents


@contextmanager
def _opened_on(loop: asyncio.AbstractEventLoop, config: "Config") -> Iterator["ObjectStore"]:
    """As `opened`, on a loop that runs in another thread."""
    context = opened(config)
    entering = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop)
    store = entering.result()
    try:
        yield store
    finally:
        leaving = context.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leaving, loop).result()


def finish(rows: Sequence[Row]) -> None:
    """Tell what is wrong with which tape; CommandError if anything is."""
    problems: list[Any] = [row["problem"] for row in rows if row["problem"]]
    for problem in problems[:-1]:
        print(f"pyvtl: {problem}", file=sys.stderr)
    if problems:
        raise CommandError(problems[-1])
