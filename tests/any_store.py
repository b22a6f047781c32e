"""A store of each kind, as a fixture."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud.directory import DirectoryStore
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import ObjectStore
from tests.s3_clients import bucket_on
from tests.seaweed import Seaweed


@pytest.fixture(params=["memory", "directory", "s3"])
async def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "s3":
        server: Seaweed = request.getfixturevalue("s3_server")
        async with bucket_on(server) as store:
            yield store
    elif request.param == "memory":
        yield MemoryStore()
    else:
        (tmp_path / "store").mkdir()
        directory = DirectoryStore(tmp_path / "store")
        yield directory
        await directory.close()
