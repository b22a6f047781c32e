"""A store that counts what is asked of it."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pyvtl.cloud.errors import ObjectStoreError
from pyvtl.cloud.objects import Content, ObjectStore
from pyvtl.cloud.wrapping import Call, Result, Wrapper


@dataclass(slots=True)
class Count:
    """One operation: how often, for how many seconds, how many bytes, and which errors it met."""

    calls: int = 0
    seconds: float = 0.0
    sent: int = 0
    received: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Metered(Wrapper):
    """`counts` has each operation by its name; errors are counted by the name of their class.

    Bytes are those of the calls that succeeded.  Placed below `Retrying` it counts every attempt.
    """

    def __init__(
        self, inner: ObjectStore, seconds: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__(inner)
        self._seconds = seconds
        self.counts: dict[str, Count] = {}

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        count = self.counts.setdefault(call.operation, Count())
        count.calls += 1
        started = self._seconds()
        try:
            result = await attempt()
        except ObjectStoreError as error:
            count.errors[type(error).__name__] += 1
            raise
        finally:
            count.seconds += self._seconds() - started
        count.sent += call.sent
        if isinstance(result, Content):
            count.received += len(result.data)
        return result
