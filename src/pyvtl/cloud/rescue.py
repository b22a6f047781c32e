"""Read the tapes of a store with no data folder and no server; nothing in it is changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from pyvtl.cloud.agreement import repository_of
from pyvtl.cloud.attaching import read_packs
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.reading import StoreSource
from pyvtl.cloud.taking import active_head, wanted_key, wanted_manifest
from pyvtl.cloud.tape_files import StoreFiles
from pyvtl.store.contents import TapeContents
from pyvtl.store.keys import Keyring, Secret
from pyvtl.store.loading import KnownPack, TapeFolder

ROOT = Path("/")
"""Where the folders of tapes seem to lie."""


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="object store")
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_let_go(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _let_go() -> None:
    """End what is still under way."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def read_tape(
    store: ObjectStore, source: StoreSource, barcode: str
) -> tuple[TapeFolder, dict[bytes, KnownPack]]:
    """A tape as its last recovery point has it: a folder that can be read, and its packs.

    Whose tape it is does not matter, and stays as it is.  Raises RefusedTapeError,
    ObjectStoreError.
    """
    repository = await repository_of(store)
    held = await active_head(store, barcode)
    manifest = await wanted_manifest(store, held.head)
    key = await wanted_key(store, manifest)
    files = StoreFiles(source, ROOT / barcode, manifest, key)
    packs = {p.pack_id: KnownPack(p, p.length) for p in await read_packs(store, manifest)}
    hash_key, tape_id = bytes.fromhex(repository.hash_key), bytes.fromhex(manifest.tape_id)
    folder = TapeFolder(files, ROOT / barcode, hash_key, tape_id, barcode, prove=True)
    return folder, packs


def contents_of(
    folder: TapeFolder, packs: dict[bytes, KnownPack], secret: Secret | None
) -> TapeContents:
    """What stands on a tape.  LockedError for an encrypted one whose key `secret` is not."""
    keyring = Keyring(folder.files, ROOT, secret)
    return TapeContents(keyring.unlocked(folder), packs)
