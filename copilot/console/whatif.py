"""What a draft would have done: the team's last calls run again, beside today's policy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from copilot.console.policy import TeamPolicy, terms
from copilot.console.rules import Rules
from copilot.core.events import CallStarted, EvidenceFound, Search
from copilot.core.policy import Policy
from copilot.errors import UnknownCall, UserError
from copilot.evaluate.corpus import Stored
from copilot.evaluate.experiment import Experiment, experiment
from copilot.evaluate.sides import figures
from copilot.evaluate.whatif import Change, Seek, search_anew
from copilot.ports import Shelves
from copilot.store.console.rows import Draft
from copilot.store.log import Store
from copilot.store.models import CallRow, State, Within

CALLS = 20
"""Past calls that a draft is tried on."""
SHOWN = 60
"""Changed moments that are kept with a draft."""


class Trial(Struct):
    """A what-if that runs, or has run."""

    body: str
    """The draft that is tried."""
    done: int = 0
    of: int = 0
    fault: str = ""
    report: str = ""
    """What it told, as JSON; empty while it runs."""

    @property
    def running(self) -> bool:
        return not (self.fault or self.report)


class Trials:
    """The what-ifs of this process, one at a time for each team."""

    def __init__(self, store: Store, rules: Rules, shelves: Shelves | None = None) -> None:
        self._store, self._rules, self._shelves = store, rules, shelves
        self._trials: dict[str, Trial] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def of(self, draft: Draft) -> Trial | None:
        """The trial of just this draft."""
        trial = self._trials.get(draft.team_id)
        return trial if trial is not None and trial.body == draft.body else None

    def begin(
        self, draft: Draft, policy: TeamPolicy, today: TeamPolicy, calls: int = CALLS
    ) -> Trial:
        """Try the draft; one that runs already goes on, one of an older draft is given up."""
        known = self.of(draft)
        if known is not None and known.running:
            return known
        self._stop(draft.team_id)
        trial = self._trials[draft.team_id] = Trial(draft.body)
        work = self._run(trial, draft, policy, today, calls)
        self._tasks[draft.team_id] = asyncio.create_task(work)
        return trial

    async def wait(self, team_id: str) -> None:
        """Until the team's trial is over."""
        task = self._tasks.get(team_id)
        if task is not None:
            await asyncio.wait([task])

    def forget(self, team_id: str) -> None:
        """What a what-if has told quotes calls: a call of the team was erased."""
        self._stop(team_id)
        self._trials.pop(team_id, None)

    def close(self) -> None:
        for team_id in list(self._tasks):
            self._stop(team_id)

    def _stop(self, team_id: str) -> None:
        task = self._tasks.pop(team_id, None)
        if task is not None:
            task.cancel()

    async def _run(
        self, trial: Trial, draft: Draft, policy: TeamPolicy, today: TeamPolicy, calls: int
    ) -> None:
        try:
            found = await self._past(draft.team_id, calls)
            trial.of = len(found)
            told = await self._try(trial, found, policy, today)
            report = msgspec.json.encode(told).decode()
            await self._rules.tried(draft, report)
            trial.report = report
        except UserError as error:
            trial.fault = str(error)
        except BaseException:
            trial.fault = "the what-if broke off: try again"
            raise

    async def _past(self, team_id: str, calls: int) -> list[tuple[CallRow, Stored]]:
        within = Within(team_id)
        found: list[tuple[CallRow, Stored]] = []
        before: str | None = None
        while len(found) < calls and (rows := await self._store.calls(100, before, within)):
            before = rows[-1].id
            for row in rows:
                if row.state is State.LIVE or not row.entries or len(found) == calls:
                    continue
                try:
                    entries = tuple(await self._store.read(row.id))
                except UnknownCall:  # erased meanwhile
                    continue
                labels = tuple(await self._store.labels.of(row.id))
                day = row.started_at.date()
                found.append((row, Stored(row.id, entries, labels, day=day)))
        return found

    async def _try(
        self,
        trial: Trial,
        found: Sequence[tuple[CallRow, Stored]],
        policy: TeamPolicy,
        today: TeamPolicy,
    ) -> dict[str, object]:
        rows = {stored.started.call_id: row for row, stored in found}
        seek = self._seek()

        def progress(done: int) -> None:
            trial.done = done

        def run() -> Experiment:
            calls = _each([stored for _, stored in found])
            change, against = (_under(one, self._rules.base, rows) for one in (policy, today))
            return asyncio.run(experiment(calls, change, against, seek, progress))

        # In a thread: live calls go on meanwhile.
        told = figures(await asyncio.to_thread(run))
        moments = told["moments"]
        assert isinstance(moments, list)
        return {**told, "moments": moments[:SHOWN], "changed": len(moments)}

    def _seek(self) -> Seek | None:
        """Searches on this loop, on behalf of a rerun in a thread."""
        shelves, loop = self._shelves, asyncio.get_running_loop()
        if shelves is None:
            return None

        async def search(started: CallStarted, asked: Search) -> EvidenceFound | None:
            try:
                pinned = shelves.pin(tuple(ref.split("@")[0] for ref in started.packs))
            except UserError:
                return None
            if set(started.packs) - set(pinned.refs) or pinned.need != started.need:
                return None  # another version of the packs would answer otherwise
            return await search_anew(pinned.retriever, asked)

        def seek(started: CallStarted, asked: Search) -> Awaitable[EvidenceFound | None]:
            return asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(search(started, asked), loop)
            )

        return seek


def _under(policy: TeamPolicy, base: Policy, rows: dict[str, CallRow]) -> Change:
    """Each call as if it had begun under this policy."""

    def change(started: CallStarted) -> CallStarted:
        row = rows[started.call_id]
        found = terms(policy, base, row.started_at, row.person_id)
        return replace(started, policy=found.policy, level=found.level)

    return change


async def _each(calls: Sequence[Stored]) -> AsyncIterator[Stored]:
    for call in calls:
        yield call
