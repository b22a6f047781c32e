"""Carrying volumes: drives unload and load, the journal keeps the outcome, or nothing moves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from typing import Final

import structlog

from pyvtl.device.changer.bay import Bay
from pyvtl.device.changer.door import Door
from pyvtl.media.inventory import (
    ElementEmptyError,
    ElementFullError,
    Geometry,
    Inventory,
    InventoryError,
    Journal,
    Moves,
    NoSuchElementError,
)
from pyvtl.media.medium import MediumError
from pyvtl.scsi.sense import Asc, CheckCondition, Sense, SenseKey, illegal_request

log = structlog.get_logger()

REFUSALS: Final[Mapping[type[InventoryError], Asc]] = {
    NoSuchElementError: Asc.INVALID_ELEMENT_ADDRESS,
    ElementEmptyError: Asc.MEDIUM_SOURCE_ELEMENT_EMPTY,
    ElementFullError: Asc.MEDIUM_DESTINATION_ELEMENT_FULL,
}
"""What a host is told of a move that the inventory refuses (SMC-3 MOVE MEDIUM)."""


class Transport:
    """The hand of the library.  It does one thing at a time, to the end or not at all."""

    def __init__(self, inventory: Inventory, bays: Mapping[int, Bay], journal: Journal) -> None:
        """`bays` are the drives by element address."""
        self.inventory = inventory
        self.bays = bays
        self.door: Door | None = None
        """What is told of volumes that the host moves through import/export slots."""
        self._journal = journal
        self._busy = asyncio.Lock()
        self._under_way: set[asyncio.Task[Moves]] = set()
        self._numbering = 0

    async def carry(self, plan: Callable[[], Moves], *, by_address: bool = False) -> Moves:
        """Plan and make a change, and tell what it was; cancelling the caller does not stop it.

        One that is planned `by_address` is refused when addresses change before its turn.

        Raises InventoryError when the plan is refused, StorageFailedError when it could not be
        made durable, and CheckCondition or MediumError from a drive; then nothing has moved.
        """
        numbering = self._numbering if by_address else None
        carrying = asyncio.create_task(self._carry(plan, numbering))
        self._under_way.add(carrying)
        carrying.add_done_callback(self._under_way.discard)
        return await asyncio.shield(carrying)

    async def settle(self) -> None:
        """Wait until nothing is being carried any more."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def renumber(self, geometry: Geometry, keep: Callable[[], Awaitable[object]]) -> None:
        """Give the elements other addresses between two moves, once `keep` has made it durable."""
        async with self._busy:
            await keep()
            before = self.inventory.geometry
            bays = {before.matching(address, geometry): bay for address, bay in self.bays.items()}
            self.inventory.renumber(geometry)
            self.bays = bays
            self._numbering += 1

    async def _carry(self, plan: Callable[[], Moves], numbering: int | None) -> Moves:
        async with self._busy, AsyncExitStack() as undo:
            if numbering not in (None, self._numbering):
                raise NoSuchElementError("the elements have other addresses now")
            moves = plan()
            exported, imported = self._through_the_door(moves)
            moves = {**moves, **dict.fromkeys(exported)}
            leaving, arriving = self._in_bays(moves)
            await self._empty_bays(leaving, undo)
            await self._fill_bays(arriving, undo)
            await asyncio.to_thread(self._keep, moves, exported, imported)
            undo.pop_all()
            self.inventory.apply(moves)
        return moves

    def _through_the_door(self, moves: Moves) -> tuple[list[str], list[str]]:
        """Which volumes leave by the host's hand, and which come in.

        A volume that is moved from one import/export slot to another does neither.
        """
        if self.door is None:
            return [], []
        doors, exported, imported = self.inventory.geometry.import_export, list[str](), list[str]()
        for barcode, place in moves.items():
            if place is None or barcode not in self.inventory:
                continue
            before = self.inventory.place_of(barcode).address in doors
            if place.address in doors and not before and self.door.exports:
                exported.append(barcode)
            elif before and place.address not in doors:
                imported.append(barcode)
        return exported, imported

    def _keep(self, moves: Moves, exported: list[str], imported: list[str]) -> None:
        """In a thread: make moves durable, and what they mean to the door before them."""
        if self.door is None or not (exported or imported):
            self._journal.place(moves)
            return
        self.door.admit(imported)
        self.door.export(exported)
        try:
            self._journal.place(moves)
        except BaseException:
            self.door.keep(exported)
            raise

    def _in_bays(self, moves: Moves) -> tuple[dict[str, Bay], dict[str, Bay]]:
        """Barcodes of what leaves a drive and of what arrives in one, each with the drive."""
        leaving, arriving = dict[str, Bay](), dict[str, Bay]()
        for barcode, place in moves.items():
            now = self.inventory.place_of(barcode) if barcode in self.inventory else None
            before = self.bays.get(now.address) if now else None
            after = self.bays.get(place.address) if place else None
            if before is not after:
                leaving |= {barcode: before} if before else {}
                arriving |= {barcode: after} if after else {}
        return leaving, arriving

    async def _empty_bays(self, leaving: Mapping[str, Bay], undo: AsyncExitStack) -> None:
        """Unload the drives that volumes are taken from, unless one of them prevents it."""
        if any(bay.removal_prevented for bay in leaving.values()):
            raise illegal_request(Asc.MEDIUM_REMOVAL_PREVENTED)
        for barcode, bay in leaving.items():
            await bay.unload()
            undo.push_async_callback(_attempt, bay.load, barcode)

    async def _fill_bays(self, arriving: Mapping[str, Bay], undo: AsyncExitStack) -> None:
        for barcode, bay in arriving.items():
            await bay.load(barcode)
            undo.push_async_callback(_attempt, partial(bay.unload, by_force=True))


async def _attempt(action: Callable[..., Awaitable[None]], *arguments: str) -> None:
    """Undo a step as far as it goes: the failure that led here is the one to be told."""
    with suppress(CheckCondition, MediumError):
        await action(*arguments)


@contextmanager
def told_to_the_host() -> Iterator[None]:
    """Turn what stops a move into sense data; a drive's own sense data passes as it is."""
    try:
        yield
    except InventoryError as refusal:
        raise illegal_request(REFUSALS[type(refusal)]) from refusal
    except MediumError as failure:
        log.warning("move.failed", reason=str(failure))
        raise CheckCondition(
            Sense(SenseKey.HARDWARE_ERROR, Asc.MEDIA_LOAD_OR_EJECT_FAILED)
        ) from failure
