"""An object store that fails once, and one that looks at every call."""

import asyncio
from collections.abc import Awaitable, Callable

from pyvtl.cloud.errors import UnavailableError
from pyvtl.cloud.objects import ObjectStore
from pyvtl.cloud.wrapping import Call, Result, Wrapper


class FailsOnce(Wrapper):
    """The n-th call, counted from 1, is not answered; with `lose_answer` it was done all the same.

    `calls` counts; a store that never fails has `fail_at` 0.
    """

    def __init__(self, inner: ObjectStore, fail_at: int = 0, *, lose_answer: bool = False) -> None:
        super().__init__(inner)
        self._fail_at, self._lose_answer = fail_at, lose_answer
        self.calls = 0

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        self.calls += 1
        if self.calls != self._fail_at:
            return await attempt()
        if self._lose_answer:
            await attempt()
        raise UnavailableError(f"no answer to {call.operation} of {call.subject}")


class Halt:
    """For `Recorded`: halts the calls that are `meant`, until `go`; `halted` says there is one."""

    def __init__(self, meant: Callable[[Call], bool] = lambda _call: False) -> None:
        self.meant = meant
        self.halted, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, call: Call) -> None:
        if self.meant(call):
            self.halted.set()
            await self.go.wait()


class Recorded(Wrapper):
    """Notes every call, and lets something happen before some of them."""

    def __init__(
        self, inner: ObjectStore, before: Callable[[Call], Awaitable[None]] | None = None
    ) -> None:
        super().__init__(inner)
        self._before = before
        self.made: list[Call] = []

    async def _run(self, call: Call, attempt: Callable[[], Awaitable[Result]]) -> Result:
        self.made.append(call)
        if self._before is not None:
            await self._before(call)
        return await attempt()

    def sent(self, prefix: str) -> list[Call]:
        """The calls that sent bytes to keys that begin so."""
        return [call for call in self.made if call.sent and call.subject.startswith(prefix)]
