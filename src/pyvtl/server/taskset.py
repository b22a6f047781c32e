"""The task set of one logical unit: commands run one at a time, in order (SAM-5 Task set)."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from functools import partial
from types import coroutine
from typing import Any, Generic, TypeVar

import structlog

from pyvtl.scsi.asc import Asc
from pyvtl.scsi.sense import Sense, SenseKey
from pyvtl.scsi.task import Status, Task, TaskAborted, TaskAttribute

log = structlog.get_logger()


class Job(Task):
    """One command on its way: what the task set runs, and whom it tells of the end."""

    __slots__ = ()

    def run(self) -> Coroutine[Any, Any, None]:
        """Carry out the command; its end is in the task."""
        raise NotImplementedError

    def interrupt(self) -> None:
        """The task is aborted: stop waiting for data, if that is what it does."""
        raise NotImplementedError

    def finish(self) -> None:
        """The task is over: answer it, unless it was aborted."""
        raise NotImplementedError


J = TypeVar("J", bound=Job)


class TaskSet(Generic[J]):
    """Runs jobs one after another, each at once when its turn comes.

    A job is driven by hand until it waits for something; only then an asyncio task takes over.
    """

    def __init__(self) -> None:
        self._waiting: deque[J] = deque()
        self._running: J | None = None
        self._runner: asyncio.Task[None] | None = None
        self._watchers: list[Callable[[], None]] = []

    def submit(self, job: J) -> None:
        """Take a job; head of queue overtakes what has not begun (SAM-5 Task attributes)."""
        if self._running is None and not self._waiting:
            self._start(job)
            return
        if job.attribute is TaskAttribute.HEAD_OF_QUEUE:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)
        self._go_on()

    def jobs(self) -> Iterable[J]:
        """Everything that has not ended, the running job first."""
        return [*([self._running] if self._running else []), *self._waiting]

    def abort(self, chosen: Callable[[J], bool]) -> list[J]:
        """Abort the chosen jobs: those that wait vanish, the running one gets no answer.

        `when_settled` tells when none of them can have an effect any more.  A job that has come to
        its end is answered: what it tells of, it has taken from the unit.
        """
        if self._running is not None and self._runner is not None and self._runner.done():
            self._runner = None
            self._end(self._running)
        aborted = [job for job in self.jobs() if chosen(job)]
        for job in aborted:
            job.aborted = True
            if job is self._running:
                job.interrupt()
            else:
                self._waiting.remove(job)
                job.finish()
        return aborted

    def when_settled(self, then: Callable[[], None]) -> None:
        """Call `then` as soon as no aborted job runs."""
        if self._running is not None and self._running.aborted:
            self._watchers.append(then)
        else:
            then()

    async def close(self) -> None:
        """End what runs, without an answer."""
        self.abort(lambda _job: True)
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])

    # Running

    def _go_on(self) -> None:
        while self._running is None and self._waiting:
            self._start(self._waiting.popleft())

    def _start(self, job: J) -> None:
        self._running = job
        work = job.run()
        try:
            awaited = work.send(None)
        except StopIteration:
            self._end(job)
        except Exception as error:  # noqa: BLE001 - `fail` tells it
            fail(job, error)
            self._end(job)
        else:
            self._runner = asyncio.get_running_loop().create_task(to_its_end(job, work, awaited))
            self._runner.add_done_callback(partial(self._ran, job))

    def _ran(self, job: J, runner: asyncio.Task[None]) -> None:
        if self._runner is runner:
            self._runner = None
            self._end(job)
        self._go_on()

    def _end(self, job: J) -> None:
        self._running = None
        job.finish()
        if self._watchers:
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                watcher()


def fail(job: Job, error: Exception) -> None:
    """What a job raised is how it ends; a fault of ours ends in sense data."""
    if isinstance(error, TaskAborted):
        job.aborted = True
        return
    log.error("task.failed", cdb=bytes(job.cdb).hex(), lun=job.lun, exc_info=error)
    sense = Sense(SenseKey.HARDWARE_ERROR, Asc.INTERNAL_TARGET_FAILURE)
    job.status, job.sense, job.data_in = Status.CHECK_CONDITION, sense.encode_fixed(), ()


async def to_its_end(job: Job, work: Coroutine[Any, Any, None], awaited: Any) -> None:
    """Go on with a job in an asyncio task; only cancellation gets out."""
    try:
        await resumed(work, awaited)
    except Exception as error:  # noqa: BLE001 - `fail` tells it
        fail(job, error)


@coroutine
def resumed(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was driven by hand until it awaited something."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:  # noqa: BLE001 - cancellation too goes to the coroutine
            step = partial(work.throw, error)
        else:
            step = partial(work.send, sent)
        try:
            awaited = step()
        except StopIteration:
            return
