"""Pools, retention locks and tags: what can be, and what each refusal says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyvtl.gateway.errors import (
    InvalidRequestError,
    PoolChangeError,
    PoolInUseError,
    PoolNotFoundError,
    RetentionLockedError,
    TagsNotFoundError,
    TapeNotFoundError,
    TooManyTagsError,
)
from pyvtl.gateway.ledger import Ledger, PoolRecord, Rule, TapeRecord
from pyvtl.gateway.pools import (
    DAY_SECONDS,
    DEFAULT_POOLS,
    Pools,
    check_class_change,
    check_unlocked,
    lock_end,
)
from pyvtl.gateway.states import Status
from pyvtl.gateway.tags import GATEWAY, Tags

GOVERNED: dict[str, Any] = {
    "storage_class": "GLACIER",
    "retention_lock": "GOVERNANCE",
    "lock_days": 10,
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


@pytest.fixture
def pools(ledger: Ledger) -> Pools:
    return Pools(ledger, None)


async def test_a_pool_from_making_to_closing(pools: Pools) -> None:
    pool = await pools.create("kept", **GOVERNED)
    assert pool == PoolRecord(pool.id, "kept", "GLACIER", "GOVERNANCE", 10)
    assert await pools.list() == [*DEFAULT_POOLS.values(), pool]
    assert await pools.active(pool.id) == pool
    await pools.delete(pool.id)
    assert (await pools.show(pool.id)).status == "DELETED"
    with pytest.raises(PoolNotFoundError, match="was deleted: name another"):
        await pools.active(pool.id)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("a/b", {}, "is no name of a pool"),
        (" ", {}, "is no name of a pool"),
        ("x" * 101, {}, "is no name of a pool"),
        ("x", {"storage_class": "STANDARD"}, "'STANDARD' is none of GLACIER, DEEP_ARCHIVE"),
        ("x", {"retention_lock": "MAYBE"}, "'MAYBE' is none of NONE, GOVERNANCE, COMPLIANCE"),
        ("x", {"lock_days": 36_501}, "0 to 36500"),
        ("x", {"lock_days": 0}, "a retention lock needs a number of days"),
        ("x", {"retention_lock": "NONE"}, "days need a lock"),
    ],
)
async def test_what_no_pool_can_be(
    pools: Pools, name: str, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        await pools.create(name, **{**GOVERNED, **change})


async def test_a_pool_in_use_is_not_closed(pools: Pools, ledger: Ledger) -> None:
    pool = await pools.create("kept", **GOVERNED)
    ledger.set_rules([Rule("DEMO", pool.id, 1 << 30, 1)])
    with pytest.raises(PoolInUseError, match="automatic tape creation of DEMO names pool"):
        await pools.delete(pool.id)
    ledger.set_rules([])
    ledger.put([TapeRecord("DEMO0001", Status.AVAILABLE, 1 << 30, 0, pool.id)])
    with pytest.raises(PoolInUseError, match="tape DEMO0001 is in pool"):
        await pools.delete(pool.id)
    with pytest.raises(PoolInUseError, match="GLACIER is a default pool"):
        await pools.delete("GLACIER")


@pytest.mark.parametrize(
    ("lock", "bypass", "held"),
    [
        ("GOVERNANCE", False, True),
        ("GOVERNANCE", True, False),
        ("COMPLIANCE", False, True),
        ("COMPLIANCE", True, True),
        ("NONE", False, False),
    ],
)
def test_who_may_pass_which_lock(lock: str, bypass: bool, held: bool) -> None:
    until = lock_end(PoolRecord("pool-1", "x", "GLACIER", lock, 10), 1000)
    if held:
        with pytest.raises(RetentionLockedError, match=f"{lock} retention lock for 10 more days"):
            check_unlocked("DEMO0001", lock, until, 1000, bypass=bypass)
    else:
        check_unlocked("DEMO0001", lock, until, 1000, bypass=bypass)
    check_unlocked("DEMO0001", lock, until, 1000 + 10 * DAY_SECONDS, bypass=False)


def test_a_tape_does_not_come_up_from_the_deep_archive() -> None:
    shallow, deep = DEFAULT_POOLS["GLACIER"], DEFAULT_POOLS["DEEP_ARCHIVE"]
    check_class_change("DEMO0001", "GLACIER", deep)
    with pytest.raises(PoolChangeError, match="cannot go from there to GLACIER: retrieve it"):
        check_class_change("DEMO0001", "DEEP_ARCHIVE", shallow)


async def test_tags_are_added_changed_and_removed(pools: Pools, ledger: Ledger) -> None:
    tags = Tags(ledger, pools)
    await tags.add(GATEWAY, {"site": "here", "rack": "1"})
    await tags.add(GATEWAY, {"rack": "2"})
    await tags.remove(GATEWAY, ["site", "nothing"])
    assert await tags.list(GATEWAY) == {"rack": "2"}


async def test_what_has_no_tags(pools: Pools, ledger: Ledger) -> None:
    tags = Tags(ledger, pools)
    with pytest.raises(TapeNotFoundError, match="there is no tape NOTHERE1"):
        await tags.list("tape/NOTHERE1")
    with pytest.raises(PoolNotFoundError):
        await tags.list("pool/pool-0")
    with pytest.raises(TagsNotFoundError, match="name a tape, a pool or the gateway"):
        await tags.list("drive/0")


async def test_tags_have_their_limits(pools: Pools, ledger: Ledger) -> None:
    tags = Tags(ledger, pools)
    await tags.add(GATEWAY, {str(number): "x" * 256 for number in range(50)})
    with pytest.raises(TooManyTagsError, match="51 tags: 50 at most"):
        await tags.add(GATEWAY, {"one more": ""})
    for wrong in ({"": ""}, {"k" * 129: ""}, {"k": "v" * 257}):
        with pytest.raises(InvalidRequestError, match="a key has 1 to 128 characters"):
            await tags.add("gateway", wrong)
