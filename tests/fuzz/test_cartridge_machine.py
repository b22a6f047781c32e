"""A Cartridge is a list: whatever is done to it, and wherever the power goes away."""

import os
from contextlib import suppress
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pyvtl.media.medium import Position
from pyvtl.media.memory import MemoryMedium
from tests.disks import PowerLostError, RamDisk
from tests.tapes import BEGINNING, Objects, as_medium, contents, load_tape

objects = st.lists(
    st.none()
    | st.integers(1, 3)
    | st.sampled_from([512, 10_240, 65_536, 65_537, 131_072, 200_000]),
    min_size=1,
    max_size=8,
)
numbers = st.integers(0, 1 << 16)


class CartridgeMachine(RuleBasedStateMachine):
    """`model` is what the tape holds; `possible` is what it may hold after a power loss."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = RamDisk()
        self.cartridge = load_tape(self.disk)
        self.model: Objects = []
        self.possible: list[Objects] = [[]]
        self.counter = 0

    def made(self, shapes: list[int | None]) -> Objects:
        self.counter += 1
        fill = bytes([self.counter % 5 and self.counter % 251])
        return [None if size is None else fill * size for size in shapes]

    def note(self, base: Objects, added: Objects) -> None:
        """Any row of whole objects may have been made durable."""
        self.possible += [base + added[:count] for count in range(len(added) + 1)]
        self.model = base + added

    def synced(self) -> None:
        self.possible = [self.model]

    @rule(shapes=objects)
    def append(self, shapes: list[int | None]) -> None:
        added = self.made(shapes)
        self.cartridge.start_writing(self.cartridge.end_of_data(0))
        self.cartridge.append(as_medium(added))
        self.note(self.model, added)

    @rule(shapes=objects, number=numbers)
    def overwrite(self, shapes: list[int | None], number: int) -> None:
        added = self.made(shapes)
        kept = number % (len(self.model) + 1)
        self.cartridge.start_writing(self.cartridge.locate(0, kept))
        self.cartridge.append(as_medium(added))
        self.note(self.model[:kept], added)

    @rule(number=numbers)
    def truncate(self, number: int) -> None:
        kept = number % (len(self.model) + 1)
        self.cartridge.truncate(self.cartridge.locate(0, kept))
        self.model = self.model[:kept]
        self.synced()

    @rule(byte_count=st.sampled_from([1, 100_000, 1 << 20]))
    def reserve(self, byte_count: int) -> None:
        self.cartridge.reserve(byte_count)

    @rule()
    def sync(self) -> None:
        self.cartridge.sync()
        self.synced()

    @rule()
    def seal(self) -> None:
        self.cartridge.seal()
        self.synced()

    @rule(shapes=objects, after=st.integers(0, 12), seed=numbers)
    def lose_power_in_sealing(self, shapes: list[int | None], after: int, seed: int) -> None:
        """Power goes away in writing, in sealing, or in what is written after that."""
        added, more = self.made(shapes), self.made(shapes)
        self.cartridge.start_writing(self.cartridge.end_of_data(0))
        self.note(self.model, added)
        self.disk.power_after = after
        with suppress(PowerLostError):
            self.cartridge.append(as_medium(added))
            self.cartridge.seal()
            self.synced()
            self.note(self.model, more)
            self.cartridge.append(as_medium(more))
        self.lose_power(seed)

    @rule()
    def reopen(self) -> None:
        self.cartridge.close()
        assert self.disk.open_files == 0
        self.synced()
        self.cartridge = load_tape(self.disk)

    @rule()
    def be_killed(self) -> None:
        """What is found afterwards is durable: the next power loss takes none of it."""
        self.disk.kill()
        self.found_again()

    @rule(seed=numbers)
    def lose_power(self, seed: int) -> None:
        self.disk = self.disk.after_power_loss(Random(seed))
        self.found_again()

    @rule(shapes=objects, after=st.integers(0, 12), seed=numbers)
    def lose_power_in_a_sync(self, shapes: list[int | None], after: int, seed: int) -> None:
        added = self.made(shapes)
        self.cartridge.start_writing(self.cartridge.end_of_data(0))
        self.note(self.model, added)
        self.disk.power_after = after
        with suppress(PowerLostError):
            self.cartridge.append(as_medium(added))
            self.cartridge.sync()
            self.synced()
        self.lose_power(seed)

    @rule(after=st.integers(0, 12), seed=numbers)
    def lose_power_in_overwriting_all(self, after: int, seed: int) -> None:
        added = self.made([70_000, None, 5])
        self.note([], added)
        self.disk.power_after = after
        with suppress(PowerLostError):
            self.cartridge.start_writing(BEGINNING)
            self.cartridge.append(as_medium(added))
            self.cartridge.close()
            self.synced()
        self.lose_power(seed)

    @rule(after=st.integers(0, 6), seed=numbers)
    def lose_power_in_recovery(self, after: int, seed: int) -> None:
        self.disk = self.disk.after_power_loss(Random(seed))
        self.disk.power_after = after
        with suppress(PowerLostError):
            load_tape(self.disk)
        self.lose_power(seed + 1)

    def found_again(self) -> None:
        self.cartridge = load_tape(self.disk)
        assert self.cartridge.damage is None
        self.model = contents(self.cartridge)
        assert self.model in self.possible
        self.synced()

    @rule(number=numbers, count=st.integers(-6, 6))
    def move(self, number: int, count: int) -> None:
        """Every motion ends where it ends on the list."""
        reference = MemoryMedium()
        reference.append(as_medium(self.model))
        at = reference.locate(0, number % (len(self.model) + 1))
        assert self.cartridge.locate(0, at.object_number) == at
        tape = self.cartridge
        assert tape.locate_file(0, abs(count)) == reference.locate_file(0, abs(count))
        assert tape.space_records(at, count) == reference.space_records(at, count)
        assert tape.space_filemarks(at, count) == reference.space_filemarks(at, count)
        assert tape.space_sequential_filemarks(at, count) == reference.space_sequential_filemarks(
            at, count
        )

    @rule(number=numbers, limit=st.sampled_from([0, 1000, 65_536, 1 << 20]))
    def read_from(self, number: int, limit: int) -> None:
        kept = number % (len(self.model) + 1)
        assert contents(self.cartridge, self.cartridge.locate(0, kept), limit) == self.model[kept:]

    @invariant()
    def end_of_data_is_the_model_s(self) -> None:
        end = self.cartridge.end_of_data(0)
        bytes_written = sum(len(item) for item in self.model if item is not None)
        assert end == Position(0, len(self.model), self.model.count(None), bytes_written)

    def teardown(self) -> None:
        self.cartridge.close()
        self.cartridge = load_tape(self.disk)
        assert contents(self.cartridge) == self.model
        self.cartridge.close()


TestCartridge = CartridgeMachine.TestCase
TestCartridge.settings = settings(
    max_examples=int(os.environ.get("PYVTL_TAPE_EXAMPLES", "40")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
