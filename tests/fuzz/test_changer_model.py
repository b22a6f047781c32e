"""Hypothesis moves tapes about in a changer and in a dict, while drives and journal fail."""

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pyvtl.device.changer.cdb import ExchangeMedium, MoveMedium, ReadElementStatus
from pyvtl.media.inventory import InventoryError
from pyvtl.media.medium import DamagedError
from pyvtl.scsi.task import Status
from tests.protocol.smc.library import SMALL, Library
from tests.scsi_client import ALICE, describe, run, send

PLACES = [*SMALL.drives, *SMALL.slots, *SMALL.import_export]
ADDRESSES = st.sampled_from([*PLACES, 0, 999])
BARCODES = st.sampled_from(["A", "B", "C", "D", "E", "F"])


class ChangerAgainstDict(RuleBasedStateMachine):
    """The model knows only which tape lies where; it asks the changer for nothing."""

    @initialize()
    def build(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.library = Library({})
        self.model: dict[int, str] = {}

    def teardown(self) -> None:
        self.loop.close()

    @rule(barcode=BARCODES)
    def insert(self, barcode: str) -> None:
        free = [address for address in SMALL.import_export if address not in self.model]
        if free and barcode not in self.model.values():
            self.loop.run_until_complete(self.library.changer.insert([barcode]))
            self.model[free[0]] = barcode

    @rule(barcode=BARCODES)
    def remove(self, barcode: str) -> None:
        try:
            self.loop.run_until_complete(self.library.changer.remove(barcode))
        except InventoryError:
            assert barcode not in self.model.values() or self.where(barcode) in SMALL.drives
        else:
            del self.model[self.where(barcode)]

    @rule(source=ADDRESSES, destination=ADDRESSES)
    def move(self, source: int, destination: int) -> None:
        cdb = MoveMedium(source_address=source, destination_address=destination)
        if self.ends_well(cdb):
            assert destination not in self.model
            self.model[destination] = self.model.pop(source)

    @rule(source=ADDRESSES, first=ADDRESSES, second=ADDRESSES)
    def exchange(self, source: int, first: int, second: int) -> None:
        cdb = ExchangeMedium(
            source_address=source,
            first_destination_address=first,
            second_destination_address=second,
        )
        if self.ends_well(cdb):
            taken, displaced = self.model.pop(source), self.model.pop(first)
            assert second not in self.model
            self.model |= {first: taken, second: displaced}

    @rule(source=ADDRESSES, destination=ADDRESSES)
    def move_without_a_journal(self, source: int, destination: int) -> None:
        self.library.journal.broken = True
        cdb = MoveMedium(source_address=source, destination_address=destination)
        assert not self.ends_well(cdb)
        self.library.journal.broken = False

    @rule(drive=st.sampled_from(SMALL.drives), fails=st.booleans(), prevented=st.booleans())
    def trouble_a_drive(self, drive: int, fails: bool, prevented: bool) -> None:
        self.library.bays[drive].failure = DamagedError("made to fail") if fails else None
        self.library.bays[drive].removal_prevented = prevented

    def where(self, barcode: str) -> int:
        (address,) = (a for a, b in self.model.items() if b == barcode)
        return address

    def ends_well(self, cdb: MoveMedium | ExchangeMedium) -> bool:
        self.library.changer.attentions.take(ALICE)
        task = self.loop.run_until_complete(send(self.library.changer, cdb))
        if task.status == Status.GOOD:
            return True
        assert describe(task.sense)[:2] in ("04", "05")
        return False

    @invariant()
    def every_tape_is_in_one_place(self) -> None:
        """Changer, journal and drives agree with the model, and so does what a host sees."""
        places = self.library.places
        assert {place.address: barcode for barcode, place in places.items()} == self.model
        assert self.seen_by_a_host() == self.model

    @invariant()
    def every_home_waits_for_its_tape(self) -> None:
        """The source that READ ELEMENT STATUS tells can be moved to, or is not valid."""
        homes = [p.home for p in self.library.places.values() if p.home is not None]
        assert len(homes) == len(set(homes))
        assert all(home in SMALL.slots and home not in self.model for home in homes)

    def seen_by_a_host(self) -> dict[int, str]:
        """READ ELEMENT STATUS of each type, for every full element its volume tag."""
        seen = {}
        self.library.changer.attentions.take(ALICE)
        for kind in (2, 3, 4):
            cdb = ReadElementStatus(
                volume_tag=True, element_type=kind, element_count=99, allocation_length=4096
            )
            data = self.loop.run_until_complete(run(self.library.changer, cdb))
            for at in range(16, len(data), 52):
                if data[at + 2] & 1:
                    address = int.from_bytes(data[at : at + 2], "big")
                    seen[address] = data[at + 12 : at + 44].decode().rstrip()
        return seen


TestChangerAgainstDict = ChangerAgainstDict.TestCase
TestChangerAgainstDict.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
