"""A full library through boto3, in the time that a person waits for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from pyvtl.config.model import Config
from tests.api_client import GATEWAY, GIB, Served, serving_api

TAPES = 1_500


def full_size(config: Config) -> Config:
    return Config.model_validate(config.model_dump() | {"library": {}})


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Served]:
    """A gateway of AWS's size, full of tapes; the loop as it is outside of tests."""
    asyncio.get_running_loop().set_debug(False)
    async with serving_api(tmp_path / "data", full_size) as served:
        await served.gateway.library.create_tapes(prefix="FULL", count=TAPES, size_bytes=GIB)
        yield served


async def seconds_for(work: Callable[[], Any]) -> tuple[float, Any]:
    """What something takes of a processor, server and client together, and what comes of it.

    That is what the clock shows on a machine with nothing else to do.
    """
    start, begun = time.process_time(), time.monotonic()
    result = await asyncio.to_thread(work)
    seconds = time.process_time() - start
    print(f"{seconds:.2f} s of a processor, {time.monotonic() - begun:.2f} s by the clock")
    return seconds, result


@pytest.mark.slow
async def test_1500_tapes_are_paged_through_within_a_second(full: Served) -> None:
    def through() -> set[str]:
        pages = full.client.get_paginator("list_tapes").paginate()
        return {row["TapeBarcode"] for page in pages for row in page["TapeInfos"]}

    seconds, barcodes = await seconds_for(through)
    assert len(barcodes) == TAPES
    assert seconds < 1


@pytest.mark.slow
async def test_ten_tapes_are_made_within_a_second(full: Served) -> None:
    def make() -> int:
        told = full.client.create_tapes(
            GatewayARN=GATEWAY,
            TapeSizeInBytes=100 * GIB,
            ClientToken="a-token",
            NumTapesToCreate=10,
            TapeBarcodePrefix="DEMO",
        )
        return len(told["TapeARNs"])

    seconds, count = await seconds_for(make)
    assert count == 10
    assert seconds < 1
