"""Bring a tape from the archive to a gateway: claim it, have it restored, fetch it.

The head says whose it is: of several gateways that claim a tape at once, one gets it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyvtl.cloud.archiving import Progress, check_archived
from pyvtl.cloud.documents import Head, PackEntry
from pyvtl.cloud.entries import stored_packs
from pyvtl.cloud.errors import UnsupportedError
from pyvtl.cloud.heads import HeadMovedError, HeldHead, commit_head, nonce, read_head
from pyvtl.cloud.names import pack_key
from pyvtl.cloud.objects import Access, ObjectStore
from pyvtl.cloud.pulling import PULLING
from pyvtl.cloud.receiving import receive_file
from pyvtl.cloud.refusals import NotArchivedError
from pyvtl.cloud.spans import PARTS_AT_ONCE, FinishedFile
from pyvtl.cloud.taking import label_of, wanted_key, wanted_manifest
from pyvtl.cloud.threads import in_thread
from pyvtl.media.attaching import NEEDS, TapeBrought
from pyvtl.store.files import LocalFiles
from pyvtl.store.references import file_name

RESTORED_DAYS = 7
"""How long S3 keeps what it restored readable; the tape is fetched long before."""


async def archived_head(store: ObjectStore, barcode: str) -> HeldHead:
    """The head of a tape that the archive has.  Raises NotArchivedError."""
    held = await read_head(store, barcode)
    if held is None or held.head.archive is None or held.head.state in ("active", "deleted"):
        raise NotArchivedError(f"there is no tape {barcode} in the archive")
    return held


async def claim(store: ObjectStore, barcode: str, gateway: str, *, again: bool = False) -> Head:
    """Have an archived tape belong to a gateway that retrieves it.

    NotArchivedError if it is not in the archive, or another gateway was first; with `again` a claim
    that was made before is taken up.
    """
    held = await archived_head(store, barcode)
    if again and held.head.owner == gateway and held.head.state != "archived":
        return held.head
    check_archived(held.head)
    epoch = held.head.epoch + (held.head.owner != gateway)
    change = {"state": "retrieving", "owner": gateway, "epoch": epoch, "nonce": nonce()}
    try:
        return (await commit_head(store, held.head.model_copy(update=change), held)).head
    except HeadMovedError:
        check_archived((await archived_head(store, barcode)).head)
        raise


async def set_state(
    store: ObjectStore,
    barcode: str,
    gateway: str,
    state: str,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Say in the head of a tape that we retrieve that it is `retrieved`, or `archived` again.

    With it come `tags`, if given.  What is another's, or says so already, is left as it is.
    """
    held = await read_head(store, barcode)
    if held is None or held.head.owner != gateway or held.head.state in (state, "active"):
        return
    if held.head.state in ("retrieving", "retrieved"):
        about = held.head.archive
        if about is not None and tags is not None:
            about = about.model_copy(update={"tags": dict(tags)})
        change = {"state": state, "archive": about, "nonce": nonce()}
        await commit_head(store, held.head.model_copy(update=change), held)


@dataclass(frozen=True, slots=True)
class Retriever:
    """Fetches archived tapes into a data folder."""

    store: ObjectStore
    folder: Path
    poll_seconds: float
    """How often to ask whether S3 has restored what was asked for."""
    sleep: Callable[[float], Awaitable[object]] = field(default=asyncio.sleep, repr=False)
    parts: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PARTS_AT_ONCE), repr=False
    )
    """Lets so many parts of files be in memory at a time, of all tapes together."""

    async def fetch(self, barcode: str, progress: Progress) -> TapeBrought:
        """Have all packs of a claimed tape in folders of their own."""
        head = (await archived_head(self.store, barcode)).head
        manifest = await wanted_manifest(self.store, head)
        key = await wanted_key(self.store, manifest)
        await self._restore(manifest.entries)
        draft = await in_thread(self._draft, barcode, manifest.packs)
        others = await in_thread(self._draft, barcode + NEEDS, manifest.others)
        files = [(draft, entry) for entry in manifest.packs]
        files += [(others, entry) for entry in manifest.others]
        for number, (folder, entry) in enumerate(files, 1):
            file = FinishedFile(folder / _name(entry), entry.length, entry.crc32c)
            key_in_store = pack_key(entry.gateway, entry.pack_id)
            await receive_file(self.store, key_in_store, file, self.parts)
            progress(number / len(files))
        stored = stored_packs(manifest.entries)
        return TapeBrought(label_of(manifest), draft, others, stored, key)

    async def drop(self, barcode: str) -> None:
        """Remove what was fetched of a tape that is not to come."""
        await in_thread(self._drop, barcode)
        await in_thread(self._drop, barcode + NEEDS)

    async def _restore(self, entries: Sequence[PackEntry]) -> None:
        """Ask for all packs that have to be restored, and wait until all can be read.

        They are waited for one by one: it takes hours, and there may be thousands.
        """
        keys = [pack_key(entry.gateway, entry.pack_id) for entry in entries]
        for key in [key for key in keys if not await self._is_readable(key)]:
            while not await self._is_readable(key):
                await self.sleep(self.poll_seconds)

    async def _is_readable(self, key: str) -> bool:
        info = await self.store.head(key)
        if info.access is Access.ARCHIVED:
            try:
                await self.store.restore(key, RESTORED_DAYS)
            except UnsupportedError:
                return True
        return info.access is Access.READABLE

    def _draft(self, barcode: str, entries: Sequence[PackEntry]) -> Path:
        files, draft = LocalFiles(), self.folder / PULLING / barcode
        files.mkdir(draft)
        for name in set(files.listdir(draft)) - {_name(entry) for entry in entries}:
            files.unlink(draft / name)
        return draft

    def _drop(self, barcode: str) -> None:
        files, draft = LocalFiles(), self.folder / PULLING / barcode
        if draft.exists():
            for name in files.listdir(draft):
                files.unlink(draft / name)
            files.rmdir(draft)


def _name(entry: PackEntry) -> str:
    return file_name(entry.sequence, bytes.fromhex(entry.pack_id))
