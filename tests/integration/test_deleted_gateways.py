"""To a gateway that is deleted or lost nobody has a tape retrieved, and none gets stuck there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pyvtl.cloud.adopting import adopt
from pyvtl.cloud.memory import MemoryStore
from pyvtl.cloud.objects import listing
from pyvtl.gateway.errors import OtherGatewayNotFoundError
from tests.sites import TAPE, Site, never


@pytest.fixture
async def sites(tmp_path: Path) -> AsyncIterator[tuple[Site, Site]]:
    """One that has archived a tape, and another one that looks for requests when it is told to."""
    store = MemoryStore()
    one, other = Site(tmp_path / "one", store), Site(tmp_path / "other", store, never)
    async with one.running(), other.running():
        await one.create(TAPE)
        await one.export()
        await one.settled()
        yield one, other


async def test_no_tape_is_retrieved_to_a_deleted_gateway_until_it_is_there_again(
    sites: tuple[Site, Site],
) -> None:
    one, other = sites
    other.deleted = True
    await other.life.look_for_requests()
    with pytest.raises(OtherGatewayNotFoundError, match="is deleted: activate it again first"):
        await one.life.retrieve(TAPE, other.id)
    assert await one.archived() == "ARCHIVED"
    other.deleted = False
    await other.life.look_for_requests()
    await one.life.retrieve(TAPE, other.id)
    await other.life.look_for_requests()
    await other.settled()
    assert other.status() == "RETRIEVED"


async def test_a_tape_that_was_asked_for_just_before_the_gateway_was_deleted_is_archived_again(
    sites: tuple[Site, Site],
) -> None:
    one, other = sites
    await one.life.retrieve(TAPE, other.id)
    other.deleted = True
    await other.life.look_for_requests()
    assert (other.status(), await one.archived()) == (None, "ARCHIVED")
    assert one.store is not None
    assert [entry.key async for entry in listing(one.store, "retrievals/")] == []


async def test_no_tape_is_retrieved_to_a_gateway_that_was_taken_for_lost(
    sites: tuple[Site, Site],
) -> None:
    one, other = sites
    assert one.store is not None
    await adopt(one.store, one.id, other.id)
    with pytest.raises(OtherGatewayNotFoundError, match=f"lost and adopted by {one.id}"):
        await one.life.retrieve(TAPE, other.id)
    assert await one.archived() == "ARCHIVED"
