"""A store that asks again when the one below gave no answer."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from pyvtl.cloud.errors import CorruptDataError, UnavailableError
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.patience import Patience
from pyvtl.cloud.wrapping import Call, Result, Wrapper

log = structlog.get_logger()

USUAL = Patience()


class Retrying(Wrapper):
    """Repeats what met UnavailableError or CorruptDataError, after a random wait.

    So many gateways that lost one store do not come back in step.  A conditional write whose first
    answer was lost may then meet PreconditionFailedError because of itself, as the promises say.
    """

    def __init__(
        self,
        inner: ObjectStore,
        patience: Patience = USUAL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(inner)
        self._patience = patience
        self._sleep = sleep

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        for again in range(1, self._patience.attempts):
            try:
                return await attempt()
            except (UnavailableError, CorruptDataError) as error:
                wait = random.uniform(0, self._patience.wait_before(again))  # noqa: S311 - jitter
                log.debug(
                    "object_store.retried",
                    operation=call.operation,
                    subject=call.subject,
                    attempt=again,
                    wait_seconds=round(wait, 3),
                    reason=str(error),
                )
            await self._sleep(wait)
        return await attempt()
