"""What a 64 KiB block costs in each part of its path; a round is 64 blocks."""

from typing import Any

import pytest

from benchmarks.parts import PARTS

BLOCKS = 64


@pytest.mark.parametrize("part", PARTS)
def test_64_blocks(benchmark: Any, part: str) -> None:
    """Divide by 64.  The drive's goal is 12 microseconds a block on the event loop."""
    with PARTS[part]() as step:
        benchmark.extra_info["blocks"] = BLOCKS
        benchmark(step, BLOCKS)
