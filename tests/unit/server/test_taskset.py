"""The task set: a job that has come to its end is answered, whatever comes in that moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from pyvtl.server.taskset import Job, TaskSet
from tests.scsi_client import ALICE, READY


class Waiting(Job):
    """Waits once for what the test gives it, and notes how it is finished."""

    __slots__ = ("finished", "go")

    def __init__(self) -> None:
        super().__init__(ALICE, READY.encode())
        self.go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finished: list[str] = []

    def run(self) -> Coroutine[Any, Any, None]:
        return self._run()

    async def _run(self) -> None:
        await self.go

    def interrupt(self) -> None:
        """Nothing can."""

    def finish(self) -> None:
        self.finished.append("aborted" if self.aborted else "answered")


async def test_a_job_that_has_ended_is_not_aborted_before_it_is_answered() -> None:
    """SAM-5 ABORT TASK: its sense data is taken from the unit, and would be told to nobody."""
    tasks, job, done = TaskSet[Waiting](), Waiting(), asyncio.Event()
    tasks.submit(job)
    order = job.finished

    def abort() -> None:
        order.append(f"{len(tasks.abort(lambda _job: True))} aborted")
        tasks.when_settled(lambda: order.append("settled"))
        done.set()

    await asyncio.sleep(0)
    job.go.set_result(None)
    asyncio.get_running_loop().call_soon(abort)
    await done.wait()
    await asyncio.sleep(0)
    assert order == ["answered", "0 aborted", "settled"]
    following = Waiting()
    following.go.set_result(None)
    tasks.submit(following)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert following.finished == ["answered"]
