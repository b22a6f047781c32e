"""Making tapes: all that were asked for or none, and after a crash as if it had not happened.

First the ledger notes which tapes are being made, then their volumes are, then they get their
places.  What a crash interrupts is finished at the next start.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import NamedTuple

from pyvtl.cloud.threads import in_thread
from pyvtl.device.changer.changer import MediumChanger
from pyvtl.gateway.barcode import BarcodeError, check_barcode, made_up
from pyvtl.gateway.errors import (
    BarcodeTakenError,
    GatewayError,
    InvalidRequestError,
    NoFreeSlotError,
    told_as_gateway_errors,
)
from pyvtl.gateway.ledger import Ledger, TapeRecord
from pyvtl.gateway.pools import DEFAULT_POOL
from pyvtl.gateway.states import Happening, Status
from pyvtl.gateway.tags import check_tags
from pyvtl.gateway.tape_shelf import TapeShelf
from pyvtl.media.inventory import ElementFullError
from pyvtl.media.vault import Vault

SMALLEST_TAPE = 1 << 20
LARGEST_TAPE = 1 << 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tapes are to be made: `count` with made-up barcodes, or one of `barcode`."""

    size_bytes: int
    prefix: str | None = None
    barcode: str | None = None
    count: int = 1
    pool: str = DEFAULT_POOL
    worm: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise InvalidRequestError or TooManyTagsError for what no tape has."""
        check_tags(self.tags)
        if not SMALLEST_TAPE <= self.size_bytes <= LARGEST_TAPE:
            raise InvalidRequestError(
                f"a tape of {self.size_bytes} bytes: sizes go from 1MiB to 1EiB"
            )

    def as_text(self) -> str:
        """What a client token stands for: the same request has the same text."""
        return json.dumps(asdict(self), sort_keys=True)


class Made(NamedTuple):
    """Tapes that were made, just now or, for the same client token, before."""

    barcodes: list[str]
    new: bool = True


class Creation:
    """Makes tapes, one request at a time.

    With an object store, `shelf`, no barcode is taken that any gateway uses or used there.
    """

    def __init__(
        self, vault: Vault, changer: MediumChanger, ledger: Ledger, shelf: TapeShelf | None
    ) -> None:
        self._vault, self._changer, self._ledger, self._shelf = vault, changer, ledger, shelf

    async def made_before(self, wanted: Wanted, token: str | None) -> list[str] | None:
        """What the same request with the same client token has made; TokenReusedError."""
        return await in_thread(self._ledger.made_for, token, wanted.as_text())

    async def make(self, wanted: Wanted, token: str | None = None) -> Made:
        """Make blank tapes in the first free import/export slots.

        The same request with the same client token makes nothing more.  Raises
        InvalidRequestError, TooManyTagsError, BarcodeTakenError, NoFreeSlotError,
        TokenReusedError, StoreUnavailableError.
        """
        known = await self.made_before(wanted, token)
        if known is not None:
            return Made(known, new=False)
        wanted.check()
        barcodes = await self._new_barcodes(wanted)
        self._check_room(barcodes)
        records = [_record(barcode, wanted) for barcode in barcodes]
        begin = self._ledger.begin
        await in_thread(begin, records, wanted.tags, token, wanted.as_text())
        try:
            await in_thread(self._make_volumes, records)
            await self._place(barcodes)
        except GatewayError:
            await in_thread(self._ledger.undo, barcodes)
            raise
        await in_thread(self._finish, barcodes)
        return Made(barcodes)

    async def check_barcode(self, barcode: str) -> None:
        """Raise what keeps a tape from being made with that barcode."""
        wanted = Wanted(SMALLEST_TAPE, barcode=barcode)
        self._check_room(await self._new_barcodes(wanted))

    async def resume(self) -> list[str]:
        """Finish what a crash interrupted, or undo it; the barcodes.  Some may have no place yet.

        What has a place was made, and a host may have written it.  The others are of one request;
        where one was deleted already, that had failed.
        """
        records = [r for r in self._ledger.tapes().values() if r.status is Status.CREATING]
        used = await in_thread(self._vault.barcodes)
        there = {volume.barcode for volume in await in_thread(self._vault.volumes)}
        placed = {barcode for barcode, _ in self._changer.inventory} & there
        unplaced = {record.barcode for record in records} - placed
        if not there.issuperset(used & unplaced):
            await in_thread(self._delete_volumes, sorted(there & unplaced))
            await in_thread(self._ledger.undo, sorted(unplaced))
            records = [record for record in records if record.barcode in placed]
        await in_thread(self._make_volumes, [r for r in records if r.barcode not in there])
        barcodes = [record.barcode for record in records]
        await in_thread(self._finish, barcodes)
        return barcodes

    async def _new_barcodes(self, wanted: Wanted) -> list[str]:
        taken = await in_thread(self._vault.barcodes)
        taken |= self._ledger.tapes().keys()
        try:
            if wanted.barcode is None:
                return await self._made_up(wanted.prefix or "", wanted.count, taken)
            check_barcode(wanted.barcode)
        except BarcodeError as error:
            raise InvalidRequestError(str(error)) from None
        if wanted.barcode in taken or await self._used_elsewhere([wanted.barcode]):
            raise BarcodeTakenError(
                f"the barcode {wanted.barcode} is taken: no two tapes ever have the same, not even"
                " after the first is deleted, and neither have those of two gateways on one store"
            )
        return [wanted.barcode]

    async def _made_up(self, prefix: str, count: int, taken: set[str]) -> list[str]:
        """BarcodeError once the prefix is used up."""
        found: list[str] = []
        while len(found) < count:
            drawn = list(islice(made_up(prefix, taken), count - len(found)))
            taken |= set(drawn)
            used = await self._used_elsewhere(drawn)
            found += [barcode for barcode in drawn if barcode not in used]
        return found

    async def _used_elsewhere(self, barcodes: Collection[str]) -> Collection[str]:
        return () if self._shelf is None else await self._shelf.known(barcodes)

    def _check_room(self, barcodes: Sequence[str]) -> None:
        try:
            self._changer.inventory.plan_insertion(barcodes)
        except ElementFullError as error:
            raise no_free_slot(self._changer, error) from None

    def _make_volumes(self, records: Sequence[TapeRecord]) -> None:
        """All or none; StorageError."""
        with told_as_gateway_errors(), ExitStack() as undo:
            for record in records:
                self._vault.create(record.barcode, record.capacity_bytes, worm=record.worm)
                undo.callback(self._vault.delete, record.barcode)
            undo.pop_all()

    async def _place(self, barcodes: Sequence[str]) -> None:
        try:
            with told_as_gateway_errors():
                await self._changer.insert(barcodes)
        except GatewayError as error:
            await in_thread(self._delete_volumes, barcodes)
            if isinstance(error.__cause__, ElementFullError):
                raise no_free_slot(self._changer, error.__cause__) from None
            raise

    def _delete_volumes(self, barcodes: Sequence[str]) -> None:
        with told_as_gateway_errors():
            for barcode in barcodes:
                self._vault.delete(barcode)

    def _finish(self, barcodes: Sequence[str]) -> None:
        for barcode in barcodes:
            self._ledger.move(barcode, Happening.CREATED)


def no_free_slot(changer: MediumChanger, error: ElementFullError) -> NoFreeSlotError:
    """What is told when a tape finds no place, and what to do."""
    doors = changer.inventory.geometry.import_export
    full = sum(place.address in doors for _, place in changer.inventory)
    return NoFreeSlotError(
        f"{error}: {full} of {len(doors)} are full; move tapes to storage slots, or delete some"
    )


def _record(barcode: str, wanted: Wanted) -> TapeRecord:
    now = int(time.time())
    return TapeRecord(
        barcode,
        Status.CREATING,
        wanted.size_bytes,
        now,
        wanted.pool,
        worm=wanted.worm,
        pool_entered_at=now,
    )
