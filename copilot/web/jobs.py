"""Work that takes longer than a page may: begun by a request, looked at by others until it is done.

Jobs live in the process; after a restart there are none, and what they did is where they put it.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

from copilot.accounts.secrets import new_id
from copilot.errors import UserError

log = logging.getLogger(__name__)

KEPT = 200
"""Finished jobs that can still be looked at."""
AT_ONCE = 2
"""Jobs that run at the same time, beside live calls; the others wait."""
EACH = 3
"""Jobs of one team that may wait or run."""


class Busy(UserError):
    """The team has enough under way."""


class UnknownJob(UserError):
    """A job that is not there, or is another team's."""


class Stage(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much; from any thread."""
Work = Callable[[Tell], Awaitable[object]]


class Job:
    """One piece of work."""

    def __init__(self, team_id: str, kind: str, key: str, label: str) -> None:
        self.id = new_id()
        self.team_id = team_id
        self.kind = kind
        self.key = key
        """Of one kind and key a team has one job at a time."""
        self.label = label
        """What it does, for people."""
        self.stage = Stage.WAITING
        self.doing = ""
        self.done = 0
        self.of = 0
        self.result: object = None
        self.error = ""
        self.failure: UserError | None = None
        self._over = asyncio.Event()

    @property
    def over(self) -> bool:
        return self.stage in (Stage.DONE, Stage.FAILED)

    @property
    def percent(self) -> int:
        return min(100, 100 * self.done // self.of) if self.of else 0

    async def wait(self, seconds: float) -> bool:
        """Whether it is over, after so long at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self.over

    def end(self, stage: Stage) -> None:
        self.stage = stage
        self._over.set()

    def tell(self, doing: str, done: int, of: int) -> None:
        self.doing, self.done, self.of = doing, done, of


class Jobs:
    """The jobs of a process."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._room: asyncio.Semaphore | None = None

    def start(self, team_id: str, kind: str, key: str, label: str, work: Work) -> Job:
        """Begin it, or give the one that is under way already; raises Busy."""
        mine = [job for job in self._jobs.values() if job.team_id == team_id and not job.over]
        for job in mine:
            if (job.kind, job.key) == (kind, key):
                return job
        if len(mine) >= EACH:
            raise Busy("Your team has several things under way. Wait until one is done.")
        job = Job(team_id, kind, key, label)
        self._jobs[job.id] = job
        task = asyncio.get_running_loop().create_task(self._run(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._forget()
        return job

    def get(self, team_id: str, job_id: str) -> Job:
        """Raises UnknownJob."""
        job = self._jobs.get(job_id)
        if job is None or job.team_id != team_id:
            raise UnknownJob("There is no such piece of work (any more). Begin it again.")
        return job

    def last(self, team_id: str, kind: str, key: str) -> Job | None:
        """The newest of this kind and key that has not failed."""
        for job in reversed(self._jobs.values()):
            if (job.team_id, job.kind, job.key) == (team_id, kind, key) and (
                job.stage is not Stage.FAILED
            ):
                return job
        return None

    def drop(self, team_id: str) -> None:
        """Forget what is over: results quote calls, and one of the team's was erased."""
        for job in [one for one in self._jobs.values() if one.team_id == team_id and one.over]:
            del self._jobs[job.id]

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: Job, work: Work) -> None:
        if self._room is None:
            self._room = asyncio.Semaphore(AT_ONCE)
        try:
            async with self._room:
                job.stage = Stage.RUNNING
                job.result = await work(job.tell)
            job.end(Stage.DONE)
        except UserError as error:
            job.failure, job.error = error, str(error)
            job.end(Stage.FAILED)
        except BaseException as error:
            job.error = "The copilot made a mistake. Its log says more."
            job.end(Stage.FAILED)
            if not isinstance(error, asyncio.CancelledError):
                log.error("%s failed", job.label, exc_info=error)
                return
            raise

    def _forget(self) -> None:
        over = [job.id for job in self._jobs.values() if job.over]
        for job_id in over[: max(0, len(over) - KEPT)]:
            del self._jobs[job_id]
