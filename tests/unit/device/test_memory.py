"""The memory that the drives share: guarantees, shares, and the order of those who wait."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pyvtl.device.memory import MemoryPool


async def started(waiting: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that has run until it waits."""
    task = asyncio.create_task(waiting)
    await asyncio.sleep(0)
    return task


def pool() -> MemoryPool:
    return MemoryPool(limit_bytes=100, guaranteed_bytes=10, most_bytes=60)


async def test_a_guarantee_holds_whatever_others_take() -> None:
    memory = pool()
    greedy, modest, third = (memory.open_account() for _ in range(3))
    assert memory.try_take(greedy, 60)
    assert memory.try_take(third, 30)
    assert not memory.try_take(third, 1)
    assert memory.try_take(modest, 10)
    assert memory.free_bytes == 0


async def test_nobody_has_more_than_the_most() -> None:
    memory = pool()
    account = memory.open_account()
    assert memory.try_take(account, 60)
    assert not memory.try_take(account, 1)


async def test_whoever_holds_nothing_may_take_more_than_the_most() -> None:
    memory = pool()
    assert memory.try_take(memory.open_account(), 90)


async def test_waiters_are_served_in_order_and_newcomers_stand_behind() -> None:
    memory = pool()
    first, second, third = (memory.open_account() for _ in range(3))
    assert memory.try_take(first, 60)
    assert memory.try_take(second, 30)
    waiting = await started(memory.take(third, 40))
    first.give_back(5)
    assert not memory.try_take(second, 4)
    assert not waiting.done()
    first.give_back(25)
    await waiting
    assert third.held_bytes == 40


async def test_one_at_its_own_most_holds_up_nobody() -> None:
    memory = pool()
    full, other = memory.open_account(), memory.open_account()
    assert memory.try_take(full, 60)
    blocked = await started(memory.take(full, 10))
    served = await started(memory.take(other, 20))
    full.give_back(1)
    await served
    assert not blocked.done()
    full.give_back(9)
    await blocked


async def test_a_release_in_a_thread_wakes_a_waiter() -> None:
    memory = pool()
    account = memory.open_account()
    await memory.take(account, 60)
    waiting = await started(memory.take(account, 20))
    await asyncio.to_thread(account.release, 20)
    await waiting
    assert account.held_bytes == 60


async def test_what_a_cancelled_waiter_was_given_goes_back() -> None:
    memory = pool()
    account = memory.open_account()
    await memory.take(account, 60)
    waiting = await started(memory.take(account, 20))
    account.give_back(20)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert account.held_bytes == 40


async def test_a_cancelled_waiter_is_forgotten() -> None:
    memory = pool()
    account = memory.open_account()
    await memory.take(account, 60)
    waiting = await started(memory.take(account, 20))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    account.give_back(60)
    assert account.held_bytes == 0


async def test_a_closed_account_is_guaranteed_nothing() -> None:
    memory = pool()
    account = memory.open_account()
    assert memory.free_bytes == 90
    memory.close_account(account)
    memory.close_account(account)
    assert memory.free_bytes == 100
