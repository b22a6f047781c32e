"""Tags: names and values that people give to tapes, pools and the gateway."""

from collections.abc import Collection, Mapping
from typing import Final

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.errors import InvalidRequestError, TagsNotFoundError, TooManyTagsError
from pyvtl.gateway.ledger import Ledger
from pyvtl.gateway.pools import Pools

MOST_TAGS: Final = 50
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256
GATEWAY: Final = "gateway"


class Tags:
    """The tags of a resource: `tape/BARCODE`, `pool/ID`, or `gateway`.

    They are kept by this gateway; an archived tape takes them along and brings them back.
    """

    def __init__(self, ledger: Ledger, pools: Pools) -> None:
        self._ledger, self._pools = ledger, pools

    async def list(self, resource: str) -> dict[str, str]:
        """All tags, by key; TagsNotFoundError."""
        await self._check_resource(resource)
        return await in_thread(self._ledger.tags, resource)

    async def add(self, resource: str, tags: Mapping[str, str]) -> None:
        """Add tags, or change their values.

        Raises InvalidRequestError, TooManyTagsError, TagsNotFoundError.
        """
        check_tags(tags)
        await self._check_resource(resource)
        before = await in_thread(self._ledger.tags, resource)
        check_tags({**before, **tags})
        await in_thread(self._ledger.tag, resource, tags)

    async def replace(self, resource: str, tags: Mapping[str, str]) -> None:
        """Have these tags and no others.  Raises as `add`."""
        check_tags(tags)
        await self._check_resource(resource)
        await in_thread(self._ledger.retag, resource, tags)

    async def remove(self, resource: str, keys: Collection[str]) -> None:
        """Remove tags; those that are not there are no error."""
        await self._check_resource(resource)
        await in_thread(self._ledger.untag, resource, keys)

    async def _check_resource(self, resource: str) -> None:
        kind, _, name = resource.partition("/")
        if kind == "pool":
            await self._pools.show(name)
        elif kind == "tape" and self._ledger.find(name) is None:
            raise TagsNotFoundError(f"there is no tape {name} here")
        elif kind not in ("tape", GATEWAY):
            raise TagsNotFoundError(f"{resource} has no tags: name a tape, a pool or the gateway")


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
