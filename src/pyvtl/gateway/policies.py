"""Automatic tape creation: new tapes for those that hosts take from import/export slots."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pyvtl.cloud.threads import in_thread
from pyvtl.gateway.creation import LARGEST_TAPE, SMALLEST_TAPE
from pyvtl.gateway.errors import (
    GatewayError,
    InvalidRequestError,
    PolicyNotFoundError,
    StoreUnavailableError,
)
from pyvtl.gateway.events import Events
from pyvtl.gateway.ledger import CREATION_DUE, Ledger, Rule
from pyvtl.gateway.library import Library
from pyvtl.gateway.pools import Pools

PREFIX: Final = re.compile("[A-Z]{1,4}")
MOST_RULES: Final = 10
LARGEST_MINIMUM: Final = 10


class Policies:
    """The rules of the gateway, and what they make.

    As AWS counts: a host that moves a tape from an import/export slot to a slot or a drive has
    tapes made until as many lie in import/export slots as each rule wants, of those whose barcodes
    begin with its prefix.  Exporting neither counts nor triggers.
    """

    def __init__(self, ledger: Ledger, library: Library, pools: Pools, events: Events) -> None:
        self._ledger, self._library, self._pools, self._events = ledger, library, pools, events
        self._making = asyncio.Lock()

    async def show(self) -> list[Rule]:
        """The rules, by prefix; none if there is no policy."""
        return await in_thread(self._ledger.rules)

    async def set(self, rules: Sequence[Rule]) -> None:
        """Replace all rules.  Raises InvalidRequestError, PoolNotFoundError."""
        if not 1 <= len(rules) <= MOST_RULES:
            raise InvalidRequestError(f"{len(rules)} rules: a policy has 1 to {MOST_RULES}")
        prefixes = [rule.prefix for rule in rules]
        if len(set(prefixes)) < len(prefixes):
            raise InvalidRequestError("two rules have the same prefix")
        for rule in rules:
            _check(rule)
            await self._pools.active(rule.pool)
        await in_thread(self._ledger.set_rules, rules)

    async def delete(self) -> None:
        """Make no more tapes; PolicyNotFoundError without a policy."""
        if not await self.show():
            raise PolicyNotFoundError("no automatic tape creation is set up")
        await in_thread(self._ledger.set_rules, [])

    async def apply(self) -> bool:
        """Make the tapes that are missing since the last import; called after each.

        A crash in the middle leaves it due, and False says that an object store without answer did.
        """
        async with self._making:
            rules = await self.show()
            done = all([await self._tell_failure(rule, self._make_missing) for rule in rules])
            if done:
                await in_thread(self._ledger.settled, CREATION_DUE)
        return done

    async def is_due(self) -> bool:
        """Whether a crash came between an import and what it triggers."""
        return await in_thread(self._ledger.holds, CREATION_DUE)

    async def _make_missing(self, rule: Rule) -> None:
        lying = await self._library.in_import_export()
        missing = rule.minimum - sum(barcode.startswith(rule.prefix) for barcode in lying)
        if missing > 0:
            await self._library.create_tapes(
                size_bytes=rule.size_bytes,
                prefix=rule.prefix,
                count=missing,
                pool=rule.pool,
                worm=rule.worm,
            )

    async def _tell_failure(self, rule: Rule, make: Callable[[Rule], Awaitable[None]]) -> bool:
        """One rule's failure keeps no other back; False if it is to be tried again by itself."""
        try:
            await make(rule)
        except GatewayError as error:
            self._events.tapes_not_created(rule.prefix, str(error))
            return not isinstance(error, StoreUnavailableError)
        return True


def _check(rule: Rule) -> None:
    if not PREFIX.fullmatch(rule.prefix):
        raise InvalidRequestError(f"{rule.prefix!r} is no prefix of a rule: 1 to 4 letters A-Z")
    if not 1 <= rule.minimum <= LARGEST_MINIMUM:
        raise InvalidRequestError(f"a minimum of {rule.minimum} tapes: 1 to {LARGEST_MINIMUM}")
    if not SMALLEST_TAPE <= rule.size_bytes <= LARGEST_TAPE:
        raise InvalidRequestError(f"a tape of {rule.size_bytes} bytes: from 1MiB to 1EiB")
