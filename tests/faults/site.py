"""A gateway in this process that keeps its tapes in a bucket, and hosts that use it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from pyvtl import Config, Gateway
from pyvtl.cloud.location import Bucket
from pyvtl.cloud.objects import ObjectStore
from pyvtl.store.files import FileLayer
from tests.faults.s3 import url_of
from tests.initiator import Changer, Tape
from tests.killing import whole_tape
from tests.pushing import Gateway as OtherGateway
from tests.tapes import contents
from tests.waiting import until

T = TypeVar("T")
MIB = 1 << 20
CAPACITY = 1 << 34
FIRST_DRIVE, FIRST_SLOT, FIRST_IMPORT = 10000, 20000, 30000
IMPATIENT: Mapping[str, object] = {
    "segment_size": "4MiB",
    "upload_buffer_limit": "64MiB",
    "idle_seconds": 0.1,
    "recovery_point_seconds": 0.3,
    "connect_timeout": 1,
    "read_timeout": 1,
    "region": "us-east-1",
}


class Site:
    """A gateway with some drives, and what a host does there.  Its settings may be changed.

    It has no dedup: whatever is written is uploaded, as often as it is written.
    """

    files: FileLayer | None = None
    """What tapes are kept on, when it is not the file system as it is."""

    def __init__(self, folder: Path, bucket: Bucket, url: str, **store: object) -> None:
        self.folder = folder
        place = {"url": url_of(bucket), "endpoint_url": url}
        self.settings: dict[str, Mapping[str, object]] = {
            "gateway": {"data_dir": folder},
            "portal": {"listen": ["127.0.0.1:0"]},
            "library": {"drives": 1, "slots": 8, "import_export_slots": 8},
            "store": {"dedup": "off", **IMPATIENT, **place, **store},
        }
        self.gateway: Gateway

    @asynccontextmanager
    async def started(self) -> AsyncIterator["Site"]:
        """The gateway serves."""
        self.gateway = Gateway(Config.model_validate(self.settings), self.files)
        async with self.gateway:
            yield self

    async def load_new(self, barcode: str, drive: int = 0) -> None:
        """Make a tape and put it into a drive."""
        (tape,) = await self.gateway.library.create_tapes(barcode=barcode, size_bytes=CAPACITY)
        assert tape.element_address is not None
        await self.move(tape.element_address, FIRST_DRIVE + drive)

    async def load(self, barcode: str, drive: int = 0) -> None:
        """Put a tape into a drive."""
        tape = await self.gateway.library.show_tape(barcode)
        assert tape.element_address is not None
        await self.move(tape.element_address, FIRST_DRIVE + drive)

    async def unload(self, drive: int = 0, slot: int = 0) -> None:
        """Put the tape in a drive into a slot."""
        await self.move(FIRST_DRIVE + drive, FIRST_SLOT + slot)

    async def move(self, source: int, destination: int) -> None:
        """A host has the changer move a tape."""

        def work() -> None:
            port, name = self.gateway.portals[0].port, self.gateway.changer_name
            with Changer("127.0.0.1", port, name) as changer:
                changer.must_move(source, destination)

        await asyncio.to_thread(work)

    async def host(self, steps: Callable[[Tape], T], drive: int = 0) -> T:
        """What a host does with a drive, while the loop goes on; blocks have any length."""

        def work() -> T:
            port, name = self.gateway.portals[0].port, self.gateway.drive_names[drive]
            with Tape("127.0.0.1", port, name) as tape:
                tape.ready()
                tape.block_length(0)
                return steps(tape)

        return await asyncio.to_thread(work)

    async def append(self, *objects: bytes | None, drive: int = 0) -> None:
        """Write at the end of the tape in a drive; all of it must be answered with GOOD."""

        def write(tape: Tape) -> None:
            tape.good(bytes([0x11, 3, 0, 0, 0, 0]))  # SPACE to the end of data
            for item in objects:
                done = tape.write_filemarks() if item is None else tape.write(item, block=None)
                assert done.status == 0, done

        await self.host(write, drive)

    async def contents(self, drive: int = 0) -> list[bytes | None]:
        """All that is on the tape in a drive."""
        return await self.host(whole_tape, drive)

    @property
    def unreachable(self) -> bool:
        """Whether the gateway says that the store does not answer."""
        uploader = self.gateway.uploader
        return uploader is not None and uploader.reach.lost

    async def uploaded(self) -> None:
        """Wait until the store has all that was written."""
        await until(lambda: not self.gateway.vault.backlog())


def noise(draw: random.Random, size: int) -> list[bytes | None]:
    """One file of so many bytes, in records of 256 KiB."""
    return [*(draw.randbytes(MIB // 4) for _ in range(0, size, MIB // 4)), None]


async def restored(store: ObjectStore, barcode: str, folder: Path) -> list[bytes | None]:
    """A tape, brought into another folder from the bucket alone."""
    other = OtherGateway(folder)
    (pulled,) = await other.pull(store, barcode)
    assert pulled.problem is None
    with other.vault() as vault:
        return contents(vault.open(barcode), limit=4 * MIB)
