"""Gaps of a team: what its calls asked in vain, and where an answer may be begun."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from copilot.accounts.caller import Caller
from copilot.evaluate.corpus import Stored
from copilot.evaluate.gaps import Gap, Unanswered, gaps, unanswered
from copilot.ports import Embedder
from copilot.retrieval.packs.model import slug
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web.jobs import Job, Jobs, Tell

DAYS = 28
MOST_CALLS = 2000
"""The newest that are looked through."""
_PAGE = 100


class Gaps(Struct, frozen=True):
    """What was asked and not answered."""

    gaps: tuple[Gap, ...]
    calls: int
    """Calls that were looked through."""
    days: int


def look(jobs: Jobs, embedder: Embedder, caller: Caller, calls: TeamCalls, anew: bool) -> Job:
    """Begin to look for them, or give what was found last unless it is wanted `anew`."""
    key = "team" if caller.sees_team else caller.person_id
    known = None if anew else jobs.last(caller.team_id, "gaps", key)
    if known is not None:
        return known

    async def work(tell: Tell) -> Gaps:
        found: list[Unanswered] = []
        count = 0
        async for call in _calls(calls):
            count += 1
            found += await asyncio.to_thread(_unanswered, call)
            tell("reading the calls", count, 0)
        tell("putting like questions together", 0, 0)
        return Gaps(await asyncio.to_thread(gaps, found, embedder), count, DAYS)

    return jobs.start(caller.team_id, "gaps", key, "Looking for gaps", work)


def is_written(gap: Gap, titles: set[str]) -> bool:
    """Whether a draft asks it, or one of the other ways to ask it, by now."""
    return any(slug(words) in titles for words in (gap.name, *gap.quotes))


def _unanswered(call: Stored) -> list[Unanswered]:
    return list(unanswered(call))


async def _calls(calls: TeamCalls) -> AsyncIterator[Stored]:
    """The team's ended calls of the last weeks, newest first."""
    since = datetime.now(UTC) - timedelta(days=DAYS)
    before: str | None = None
    seen = 0
    while page := await calls.calls(_PAGE, before):
        for row in page:
            if row.started_at < since or seen >= MOST_CALLS:
                return
            if row.state is State.LIVE:
                continue
            entries = tuple(await calls.read(row.id))
            if not entries:
                continue
            seen += 1
            labels = tuple(await calls.labels(row.id))
            yield Stored(row.id, entries, labels, day=row.started_at.date())
        before = page[-1].id
