"""A library with a life cycle and no drives: for tests of what happens to tapes outside of them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.retrieving import Retriever
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.device.profile import aws_changer
from pyvtl.gateway.events import Events
from pyvtl.gateway.ledger import Ledger
from pyvtl.gateway.library import Library
from pyvtl.gateway.life_cycle import LifeCycle
from pyvtl.gateway.object_store import agree_once
from pyvtl.gateway.tape_shelf import TapeShelf
from pyvtl.media.inventory import Geometry, Inventory
from pyvtl.media.vault import Vault
from tests.tapes import append, contents
from tests.waiting import until

SLOT, DOOR = 20_000, 30_000
GEOMETRY = Geometry(
    drives=range(0), slots=range(SLOT, SLOT + 4), import_export=range(DOOR, DOOR + 4)
)
TAPE = "DEMO0001"
RESTORE_POLL_SECONDS = 60.0
MIB = 1 << 20
Sleep = Callable[[float], Awaitable[object]]


async def never(_seconds: float) -> None:
    """A sleep that has no end: nothing is attempted again by itself."""
    await asyncio.Event().wait()


class Site:
    """One gateway on a data folder; `running` starts it, and may be called again and again."""

    vault: Vault
    life: LifeCycle

    def __init__(
        self,
        folder: Path,
        store: ObjectStore | None,
        sleep: Sleep = asyncio.sleep,
        **about: object,
    ) -> None:
        """`about` is what the vault is opened with."""
        self.folder, self.store, self.sleep, self.about = folder, store, sleep, about
        self.id = secrets.token_hex(4)
        self.deleted = False

    @property
    def library(self) -> Library:
        return self.life.library

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Site"]:
        """Serve it, but to hosts."""
        self.folder.mkdir(exist_ok=True)
        if self.store is not None:
            await agree_once(self.store, "the store of the test", self.id, self.folder)
        self.vault = Vault(self.folder, segment_bytes=MIB, **self.about)  # type: ignore[arg-type] # any of its arguments
        ledger = Ledger(self.folder)
        try:
            inventory = Inventory(GEOMETRY, self.vault.places())
            changer = MediumChanger(aws_changer.identity(self.id), inventory, {}, self.vault)
            events = Events(self.id)
            shelf = self._shelf()
            library = Library(self.vault, changer, {}, ledger, events, shelf=shelf)
            self.life = LifeCycle(
                library, events, shelf, self.sleep, is_deleted=lambda: self.deleted
            )
            await library.take_stock()
            async with self.life.running():
                yield self
        finally:
            ledger.close()
            self.vault.close()

    def _shelf(self) -> TapeShelf | None:
        if self.store is None:
            return None
        retriever = Retriever(self.store, self.folder, RESTORE_POLL_SECONDS, self.sleep)
        return TapeShelf(self.store, self.id, self.vault, retriever)

    async def create(self, barcode: str = TAPE, *items: bytes | None, **about: object) -> None:
        """A tape in an import/export slot, with something on it."""
        await self.library.create_tapes(barcode=barcode, size_bytes=1 << 30, **about)  # type: ignore[arg-type] # as above
        if items:
            self.write(barcode, *items)

    def write(self, barcode: str, *items: bytes | None) -> None:
        """Append to a tape."""
        cartridge = self.vault.open(barcode)
        append(cartridge, *items)
        cartridge.close()

    async def move(self, source: int, destination: int) -> None:
        """The host moves what lies there."""
        changer = self.library.changer
        await changer.transport.carry(lambda: changer.inventory.plan_move(source, destination))

    async def export(self, barcode: str = TAPE) -> None:
        """The host takes the tape from wherever it lies to a slot, and from there to the door."""
        address = self.library.changer.inventory.place_of(barcode).address
        if address in GEOMETRY.import_export:
            await self.move(address, SLOT)
            address = SLOT
        await self.move(address, DOOR)

    async def push(self, barcode: str = TAPE) -> None:
        """Have the store hold all of a tape."""
        assert self.life.shelf is not None
        await self.life.shelf.push(barcode)

    async def settled(self, barcode: str = TAPE) -> None:
        """Nothing is to be done for the tape any more."""
        assert self.life.works is not None
        await self.life.works.settled(barcode)

    async def problem(self, barcode: str = TAPE) -> str:
        """What stands in the way of the work on a tape, once something does."""
        works = self.life.works
        assert works is not None
        await until(lambda: barcode in works.doing and works.doing[barcode].problem is not None)
        return str(works.doing[barcode].problem)

    def status(self, barcode: str = TAPE) -> str | None:
        """What the ledger says."""
        record = self.library.ledger.find(barcode)
        return None if record is None else record.status.value

    async def archived(self, barcode: str = TAPE) -> str:
        """What the archive says."""
        return (await self.life.show_archived(barcode)).status

    def read(self, barcode: str = TAPE) -> list[bytes | None]:
        """All that is on a tape."""
        cartridge = self.vault.open(barcode, read_only=True)
        try:
            return contents(cartridge)
        finally:
            cartridge.close()

    def statuses(self) -> list[str | None]:
        """Those that were told of, in their order."""
        return [event.newStatus for event in self.life.events.recent]
