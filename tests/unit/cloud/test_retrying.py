"""What is asked again, how often, and after which wait."""

import pytest

from pyvtl.cloud.errors import (
    AccessDeniedError,
    CorruptDataError,
    NotFoundError,
    ObjectStoreError,
    PreconditionFailedError,
    UnavailableError,
)
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import Absent, Condition, ObjectInfo
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.retrying import Retrying
from pyvtl.wire.layout import Buffer


class Failing(MemoryStore):
    """Writes well, but loses the answer of the first few puts, or fails before writing."""

    def __init__(self, errors: list[ObjectStoreError], *, after_writing: bool = False) -> None:
        super().__init__()
        self.errors = errors
        self.after_writing = after_writing

    async def put(
        self, key: str, data: Buffer, when: Condition = None, *, storage_class: str | None = None
    ) -> ObjectInfo:
        if self.errors and not self.after_writing:
            raise self.errors.pop(0)
        info = await super().put(key, data, when)
        if self.errors:
            raise self.errors.pop(0)
        return info


class Waits:
    """Waits that only are written down, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize("error", [UnavailableError("busy"), CorruptDataError("flipped")])
async def test_what_may_go_better_is_asked_again(error: ObjectStoreError) -> None:
    waits = Waits()
    store = Failing([error, error])
    info = await Retrying(store, Patience(attempts=3), waits).put("key", b"data")
    assert info == await store.head("key")
    assert len(waits.seconds) == 2


async def test_the_last_error_is_told() -> None:
    waits = Waits()
    store = Retrying(Failing([UnavailableError(str(n)) for n in range(9)]), Patience(4), waits)
    with pytest.raises(UnavailableError, match="3"):
        await store.put("key", b"data")
    assert len(waits.seconds) == 3


@pytest.mark.parametrize("error", [AccessDeniedError("no"), NotFoundError("not there")])
async def test_what_stays_as_it_is_is_not_asked_again(error: ObjectStoreError) -> None:
    waits = Waits()
    with pytest.raises(type(error)):
        await Retrying(Failing([error]), Patience(), waits).put("key", b"data")
    assert waits.seconds == []


async def test_waits_are_random_and_grow_to_a_bound() -> None:
    patience = Patience(attempts=10, first_seconds=1, longest_seconds=8)
    longest = [patience.wait_before(attempt) for attempt in range(1, 6)]
    assert longest == [1, 2, 4, 8, 8]
    waits = Waits()
    with pytest.raises(UnavailableError):
        await Retrying(Failing([UnavailableError("")] * 10), patience, waits).put("key", b"")
    bounds = [patience.wait_before(attempt) for attempt in range(1, 10)]
    assert all(0 <= wait <= bound for wait, bound in zip(waits.seconds, bounds, strict=True))
    assert len(set(waits.seconds)) > 1


async def test_a_lost_answer_may_come_back_as_a_condition_that_failed() -> None:
    store = Failing([UnavailableError("answer lost")], after_writing=True)
    with pytest.raises(PreconditionFailedError):
        await Retrying(store, Patience(), Waits()).put("key", b"mine", Absent())
    assert (await store.get("key")).data == b"mine"
