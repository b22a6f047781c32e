"""Any sequence of commands: the drive agrees with a plain list of objects."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyvtl.device.drive.erase import Erase6
from pyvtl.device.drive.medium import LoadUnload
from pyvtl.device.drive.position import (
    Locate10,
    Locate16,
    LongForm,
    ReadPositionLong,
    Rewind,
    Space6,
    Space16,
    SpaceCode,
)
from pyvtl.device.drive.read import Read6, Verify6
from pyvtl.device.drive.write import Write6, WriteFilemarks6, WriteFilemarks16
from pyvtl.scsi.cdb import Cdb
from pyvtl.scsi.sense import Asc, Sense, SenseKey
from tests.scsi_client import ALICE
from tests.tape_client import empty_drive, end_of, tape

T = TypeVar("T")
End = tuple[bytes, Sense | None]
MARK = None
BLOCK = 4
GOOD: End = (b"", None)

counts = st.integers(-4, 4)
records = st.binary(min_size=1, max_size=6)


def blank_check(missing: int | None) -> Sense:
    return Sense(SenseKey.BLANK_CHECK, Asc.END_OF_DATA_DETECTED, information=missing)


def filemark(missing: int) -> Sense:
    return Sense(asc=Asc.FILEMARK_DETECTED, information=missing, filemark=True)


def beginning(missing: int) -> Sense:
    asc = Asc.BEGINNING_OF_PARTITION_MEDIUM_DETECTED
    return Sense(asc=asc, information=missing, end_of_medium=True)


def incorrect_length(residual: int) -> Sense:
    return Sense(information=residual, incorrect_length=True)


class DriveAgreesWithList(RuleBasedStateMachine):
    """`objects` holds bytes for a record and MARK for a filemark; `head` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.medium = tape()
        self.drive = empty_drive()
        self.objects: list[bytes | None] = []
        self.head = 0
        self._load()

    def teardown(self) -> None:
        self._do(self.drive.close())
        self.loop.close()

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    def _load(self) -> None:
        self._do(self.drive.load(lambda: self.medium, "MEM001L5"))
        self.drive.attentions.take(ALICE)
        self.drive.block_length = BLOCK

    def _expect(self, cdb: Cdb, expected: End, data: bytes = b"") -> None:
        assert self._do(end_of(self.drive, cdb, data)) == expected

    def _write(self, *objects: bytes | None) -> None:
        self.objects[self.head :] = objects
        self.head += len(objects)

    @rule(record=records)
    def write(self, record: bytes) -> None:
        self._expect(Write6(transfer_length=len(record)), GOOD, record)
        self._write(record)

    @rule(blocks=st.lists(st.binary(min_size=BLOCK, max_size=BLOCK), max_size=4))
    def write_fixed(self, blocks: list[bytes]) -> None:
        cdb = Write6(fixed=True, transfer_length=len(blocks))
        self._expect(cdb, GOOD, b"".join(blocks))
        if blocks:
            self._write(*blocks)

    @rule(record=records)
    def offer_less_than_the_command_says(self, record: bytes) -> None:
        cdb = Write6(transfer_length=len(record) + 1)
        sense = Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_INFORMATION_UNIT)
        self._expect(cdb, (b"", sense), record)

    @rule(count=st.integers(0, 3), immed=st.booleans(), long=st.booleans())
    def write_filemarks(self, count: int, immed: bool, long: bool) -> None:
        kind = WriteFilemarks16 if long else WriteFilemarks6
        self._expect(kind(filemark_count=count, immed=immed), GOOD)
        if count:
            self._write(*[MARK] * count)

    @rule(asked=st.integers(0, 7), sili=st.booleans())
    def read(self, asked: int, sili: bool) -> None:
        data, sense = self._met(asked)
        if sense is None and data and len(data) != asked and not (sili and len(data) < asked):
            sense = incorrect_length(asked - len(data))
        self._expect(Read6(transfer_length=asked, sili=sili), (data[:asked], sense))

    @rule(asked=st.integers(0, 7))
    def verify(self, asked: int) -> None:
        data, sense = self._met(asked)
        if sense is None and len(data) != asked:
            sense = incorrect_length(asked - len(data))
        self._expect(Verify6(verification_length=asked), (b"", sense))

    @rule(count=st.integers(0, 5), verify=st.booleans())
    def read_fixed(self, count: int, verify: bool) -> None:
        data, sense = b"", None
        for missing in range(count, 0, -1):
            block, sense = self._met(missing)
            data += block[:BLOCK]
            if sense is None and len(block) != BLOCK:
                sense = incorrect_length(missing)
            if sense is not None:
                break
        if verify:
            self._expect(Verify6(verification_length=count, fixed=True), (b"", sense))
        else:
            self._expect(Read6(transfer_length=count, fixed=True), (data, sense))

    def _met(self, asked: int) -> End:
        """What one step forwards finds, and reports unless it is a record."""
        if asked == 0:
            return GOOD
        if self.head == len(self.objects):
            return b"", blank_check(asked)
        found = self.objects[self.head]
        self.head += 1
        return (b"", filemark(asked)) if found is None else (found, None)

    @rule(count=counts, long=st.booleans())
    def space_records(self, count: int, long: bool) -> None:
        sense = None
        for missing in range(abs(count), 0, -1):
            found, sense = self._step(count, missing)
            if found is MARK and sense is None:
                sense = filemark(missing)
            if sense is not None:
                break
        self._space(SpaceCode.LOGICAL_BLOCKS, count, long, sense)

    @rule(count=counts, long=st.booleans())
    def space_filemarks(self, count: int, long: bool) -> None:
        sense, missing = None, abs(count)
        while missing and sense is None:
            found, sense = self._step(count, missing)
            missing -= found is MARK and sense is None
        self._space(SpaceCode.FILEMARKS, count, long, sense)

    @rule(count=counts, long=st.booleans())
    def space_sequential_filemarks(self, count: int, long: bool) -> None:
        sense, row = None, 0
        while row < abs(count) and sense is None:
            found, sense = self._step(count, abs(count))
            row = row + 1 if found is MARK else 0
        self._space(SpaceCode.SEQUENTIAL_FILEMARKS, count, long, sense)

    @rule(long=st.booleans())
    def space_to_the_end_of_data(self, long: bool) -> None:
        self.head = len(self.objects)
        self._space(SpaceCode.END_OF_DATA, 0, long, None)

    def _step(self, direction: int, missing: int) -> tuple[bytes | None, Sense | None]:
        """What one step passes, or what there is instead of an object."""
        if direction > 0:
            if self.head == len(self.objects):
                return MARK, blank_check(missing)
            self.head += 1
            return self.objects[self.head - 1], None
        if self.head == 0:
            return MARK, beginning(missing)
        self.head -= 1
        return self.objects[self.head], None

    def _space(self, code: SpaceCode, count: int, long: bool, sense: Sense | None) -> None:
        self._expect((Space16 if long else Space6)(code=code, count=count), (b"", sense))

    @rule(number=st.integers(0, 12), long=st.booleans())
    def locate(self, number: int, long: bool) -> None:
        cdb: Cdb = (
            Locate16(logical_identifier=number)
            if long
            else Locate10(logical_object_identifier=number)
        )
        self.head = min(number, len(self.objects))
        self._expect(cdb, (b"", blank_check(None) if number > len(self.objects) else None))

    @rule(number=st.integers(0, 4))
    def locate_file(self, number: int) -> None:
        marks = [at for at, found in enumerate(self.objects, start=1) if found is MARK]
        starts = [0, *marks]
        found = number < len(starts)
        self.head = starts[number] if found else len(self.objects)
        cdb = Locate16(dest_type=0b01, logical_identifier=number)
        self._expect(cdb, (b"", None if found else blank_check(None)))

    @rule(immed=st.booleans())
    def rewind(self, immed: bool) -> None:
        self._expect(Rewind(immed=immed), GOOD)
        self.head = 0

    @precondition(lambda self: self.objects)
    @rule(immed=st.booleans(), long=st.booleans())
    def erase(self, immed: bool, long: bool) -> None:
        self._expect(Erase6(immed=immed, long=long), GOOD)
        del self.objects[self.head :]

    @rule()
    def unload_and_load(self) -> None:
        self._expect(LoadUnload(), GOOD)
        self._expect(LoadUnload(load=True), GOOD)
        self.head = 0

    @rule()
    def take_out_and_put_in(self) -> None:
        self._do(self.drive.unload())
        self._load()
        self.head = 0

    @rule()
    def lose_power_after_a_synchronized_filemark(self) -> None:
        self._expect(WriteFilemarks6(), GOOD)
        self.medium.crash()
        self.take_out_and_put_in()

    @invariant()
    def stands_at_the_same_place(self) -> None:
        data, sense = self._do(end_of(self.drive, ReadPositionLong()))
        file_number = self.objects[: self.head].count(MARK)
        assert (LongForm.decode(data), sense) == (
            LongForm(bop=self.head == 0, logical_object=self.head, logical_file=file_number),
            None,
        )


DriveAgreesWithList.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None
)
TestDrive = DriveAgreesWithList.TestCase
