"""Jobs that run at once."""

import asyncio

import pytest

from pyvtl.cloud.spans import at_once


async def test_the_first_failure_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise ValueError("the first")

    with pytest.raises(ValueError, match="the first"):
        await at_once([fail, asyncio.Event().wait])


async def test_a_caller_that_is_cancelled_while_a_job_fails_is_cancelled() -> None:
    async def fail() -> None:
        caller.cancel()
        raise ValueError("at the same time")

    caller = asyncio.create_task(at_once([fail]))
    await asyncio.wait([caller])
    assert caller.cancelled()
