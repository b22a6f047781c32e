"""Making tapes once, however often it is asked for: requests that carry a token.

The barcodes are made up and kept with the token before the first tape is made.  So a request
that comes again after a crash finds what there is, and makes what is missing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pyvtl.gateway.errors import GatewayError, InvalidRequestError
from pyvtl.gateway.kept import Kept

MOST_REQUESTS: Final = 1000
"""How many are remembered; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its token, what was asked for, and the barcodes that it is answered with."""

    token: str
    asked: str
    barcodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllRequests:
    """All that are remembered, the oldest first."""

    requests: tuple[Request, ...] = ()


class Requests:
    """Remembers requests by token."""

    def __init__(self, kept: Kept[AllRequests]) -> None:
        self._kept = kept
        self._one_at_a_time = asyncio.Lock()

    async def once(
        self,
        token: str,
        asked: str,
        name: Callable[[], Awaitable[Sequence[str]]],
        make: Callable[[Sequence[str]], Awaitable[object]],
    ) -> Sequence[str]:
        """The barcodes of a request: those of the first time, and else `name` makes them up.

        `asked` says all that was asked for: the same token with something else is refused with
        InvalidRequestError.  `make` makes those tapes that there are not; when it refuses, the
        token is free again.
        """
        async with self._one_at_a_time:
            request = self._find(token)
            if request is None:
                request = Request(token, asked, tuple(await name()))
                await self._kept.change(lambda was: _with(was, request))
            elif request.asked != asked:
                raise InvalidRequestError(
                    f"the client token {token} was used to ask for something else"
                )
            try:
                await make(request.barcodes)
            except GatewayError:
                await self._kept.change(lambda was: _without(was, request))
                raise
            return request.barcodes

    def _find(self, token: str) -> Request | None:
        return next((r for r in self._kept.value.requests if r.token == token), None)


def _with(was: AllRequests, request: Request) -> AllRequests:
    return AllRequests((*was.requests, request)[-MOST_REQUESTS:])


def _without(was: AllRequests, request: Request) -> AllRequests:
    return AllRequests(tuple(r for r in was.requests if r != request))
