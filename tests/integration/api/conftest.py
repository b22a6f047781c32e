"""A gateway with its API for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api_client import Served, serving_api


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving_api(tmp_path / "data") as served:
        yield served
