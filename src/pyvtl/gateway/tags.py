"""Tags: names and values that people give to tapes, pools and the gateway."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Final

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import (
    InvalidRequestError,
    TagsNotFoundError,
    TapeNotFoundError,
    TooManyTagsError,
)
from pyvtl.gateway.ledger import Ledger

if TYPE_CHECKING:
    from pyvtl.gateway.pools import Pools
    from pyvtl.gateway.tape_shelf import TapeShelf

MOST_TAGS: Final = 50
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256
GATEWAY: Final = "gateway"


class Tags:
    """The tags of a resource: `tape/BARCODE`, `pool/ID`, or `gateway`.

    They are kept by this gateway; an archived tape takes them along and brings them back.
    """

    def __init__(
        self,
        ledger: Ledger,
        pools: "Pools",
        shelf: "TapeShelf | None" = None,
        let_go: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`let_go` waits while this gateway lets go of a tape that is in the archive, `shelf`."""
        self._ledger, self._pools, self._shelf, self._let_go = ledger, pools, shelf, let_go
        self._changing = asyncio.Lock()

    async def list(self, resource: str) -> dict[str, str]:
        """All tags, by key.

        Raises TagsNotFoundError, TapeNotFoundError, PoolNotFoundError, TapeNotArchivedError.
        """
        if (shelf := await self._shelf_of(resource)) is not None:
            return dict(sorted((await shelf.show(_name(resource))).tags.items()))
        return await in_thread(self._ledger.tags, resource)

    async def add(self, resource: str, tags: Mapping[str, str]) -> None:
        """Add tags, or change their values.

        Raises InvalidRequestError, TooManyTagsError, and as `list`; TapeNotArchivedError also for a
        tape that another gateway has retrieved: it has to be tagged there.
        """
        check_tags(tags)
        await self._change(resource, lambda before: {**before, **tags})

    async def replace(self, resource: str, tags: Mapping[str, str]) -> None:
        """Have these tags and no others.  Raises as `add`."""
        await self._change(resource, lambda _: tags)

    async def remove(self, resource: str, keys: Collection[str]) -> None:
        """Remove tags; those that are not there are no error.  Raises as `add`."""
        await self._change(
            resource, lambda before: {key: before[key] for key in before if key not in keys}
        )

    async def _change(
        self, resource: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> None:
        def checked(before: Mapping[str, str]) -> Mapping[str, str]:
            after = change(before)
            check_tags(after)
            return after

        async with self._changing:
            if (shelf := await self._shelf_of(resource)) is not None:
                await shelf.retag(_name(resource), checked)
                return
            before = await in_thread(self._ledger.tags, resource)
            await in_thread(self._ledger.retag, resource, checked(before))

    async def _shelf_of(self, resource: str) -> "TapeShelf | None":
        """What keeps the tags of a tape that is none of this gateway's; None if the ledger does."""
        kind, name = resource.partition("/")[0], _name(resource)
        if kind == "pool":
            await self._pools.show(name)
        elif kind == "tape":
            if self._let_go is not None:
                await self._let_go(name)
            if self._ledger.find(name) is None:
                if self._shelf is None:
                    raise TapeNotFoundError(f"there is no tape {name}")
                return self._shelf
        elif kind != GATEWAY:
            raise TagsNotFoundError(f"{resource} has no tags: name a tape, a pool or the gateway")
        return None


def _name(resource: str) -> str:
    """The barcode of a tape, or the id of a pool."""
    return resource.partition("/")[2]


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidRequestError or TooManyTagsError for what no resource can have."""
    if len(tags) > MOST_TAGS:
        raise TooManyTagsError(f"{len(tags)} tags: {MOST_TAGS} at most; remove some first")
    for key, value in tags.items():
        if not 1 <= len(key) <= LONGEST_KEY or len(value) > LONGEST_VALUE:
            raise InvalidRequestError(
                f"the tag {key!r}: a key has 1 to {LONGEST_KEY} characters, a value up to"
                f" {LONGEST_VALUE}"
            )
