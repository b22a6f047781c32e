"""What is counted."""

from collections import Counter
from itertools import count

import pytest

from pyvtl.cloud.errors import NotFoundError
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.metered import Count, Metered


async def test_calls_bytes_seconds_and_errors_by_operation() -> None:
    store = Metered(MemoryStore(), count().__next__)
    await store.put("key", bytes(10))
    await store.put("key", bytes(20))
    await store.get("key", 5)
    with pytest.raises(NotFoundError):
        await store.get("none")
    assert store.counts == {
        "put": Count(calls=2, seconds=2, sent=30),
        "get": Count(calls=2, seconds=2, received=15, errors=Counter({"NotFoundError": 1})),
    }
