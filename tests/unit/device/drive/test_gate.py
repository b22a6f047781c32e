"""Who may work with a drive: one at a time, in the order in which they came."""

import asyncio

import pytest

from pyvtl.device.drive.gate import Gate


async def test_an_open_gate_is_passed_at_once_and_closed() -> None:
    gate = Gate()
    assert [gate.enter(), gate.enter()] == [True, False]
    gate.leave()
    assert gate.enter()


async def test_those_who_wait_pass_in_order() -> None:
    gate, passed = Gate(), []

    async def visit(name: str) -> None:
        async with gate:
            passed.append(name)
            await asyncio.sleep(0)
            passed.append(name)

    await asyncio.gather(*map(visit, "abc"))
    assert "".join(passed) == "aabbcc"
    assert gate.enter()


async def test_nobody_overtakes_those_who_wait() -> None:
    gate = Gate()
    gate.enter()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.leave()
    assert not gate.enter()
    await waiting


@pytest.mark.parametrize("turn_has_come", [False, True])
async def test_who_stops_waiting_does_not_keep_the_gate_closed(turn_has_come: bool) -> None:
    gate = Gate()
    gate.enter()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    if turn_has_come:
        gate.leave()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    if not turn_has_come:
        gate.leave()
    await waiting[1]
    gate.leave()
    assert gate.enter()


async def test_a_failure_opens_the_gate() -> None:
    gate = Gate()
    with pytest.raises(ZeroDivisionError):
        async with gate:
            _ = 1 // 0
    assert gate.enter()
