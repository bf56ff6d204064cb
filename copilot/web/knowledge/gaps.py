"""Gaps of a team: what its calls asked in vain, and drafts of passages that would answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from copilot.accounts.caller import Caller
from copilot.core.vocabulary import Passage
from copilot.evaluate.corpus import Stored
from copilot.evaluate.gaps import Gap, Unanswered, gaps, unanswered
from copilot.ports import Embedder
from copilot.retrieval.drafts import Unknown
from copilot.retrieval.facets import sentences
from copilot.retrieval.packs.edits import Edit
from copilot.retrieval.packs.model import MAX_SAY_WORDS, slug
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web.jobs import Job, Jobs, Tell
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.forms import now
from copilot.web.knowledge.standing import Base

DAYS = 28
MOST_CALLS = 2000
"""The newest that are looked through."""
_PAGE = 100
_TITLE = 300


class Answer(Struct, frozen=True):
    """The passage that somebody has made of a gap."""

    pack: str
    id: str
    drafted: bool
    """Whether nobody has read it yet."""


class Gaps(Struct, frozen=True):
    """What was asked and not answered."""

    gaps: tuple[Gap, ...]
    calls: int
    """Calls that were looked through."""
    days: int


def look(jobs: Jobs, embedder: Embedder, caller: Caller, calls: TeamCalls, anew: bool) -> Job:
    """Begin to look for them, or give what was found last unless it is wanted `anew`."""
    key = _key(caller)
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


def answers(found: Sequence[Gap], bases: Sequence[Base]) -> list[Answer | None]:
    """For each gap what answers it, or one of the other ways to ask it, by now."""
    made: dict[str, Answer] = {}
    for base in bases:
        draft = base.draft
        for one in draft.passages if draft else ():
            edit = draft.edits.get(one.id) if draft else None
            answer = Answer(base.name, one.id, edit is not None and edit.drafted)
            for words in (one.title, edit.asked if edit else ""):
                made.setdefault(slug(words), answer)
    made.pop("", None)
    return [_first(made, gap) for gap in found]


async def draft(desk: Desk, caller: Caller, pack: str, question: str) -> Answer:
    """Make a passage of a gap, to be read before it is published; the one there is, if any.

    Raises Unknown for a gap that was not found, or another team's knowledge base.
    """
    await desk.mine(caller, pack)
    job = desk.jobs.last(caller.team_id, "gaps", _key(caller))
    known = job.result.gaps if job and isinstance(job.result, Gaps) else ()
    gap = next((one for one in known if one.name == question), None)
    if gap is None:
        raise Unknown("There is no such gap any more: look at the list of gaps again.")
    bases = await desk.bases(caller)
    [answer] = answers([gap], bases)
    if answer is not None:
        return answer
    passages = (one for base in bases if base.draft for one in base.draft.passages)
    near = next((one for one in passages if one.id == gap.nearest), None)
    edit = proposal(gap, near, caller.known_as, now())
    return Answer(pack, await desk.write(caller, pack, edit), True)


def proposal(gap: Gap, near: Passage | None, by: str, at: str) -> Edit:
    """What somebody may begin with: the question, and the words of the passage that came nearest.

    Without one, the answer holds the ways in which customers asked.
    """
    title = gap.name[:_TITLE]
    title = title[:1].upper() + title[1:] + ("" if title.endswith("?") else "?")
    if near is not None:
        line = near.say or next(iter(sentences(near.text)), "")
        say = line if len(line.split()) <= MAX_SAY_WORDS else ""
        return Edit(title, near.text, say, near.entity, by=by, at=at, asked=gap.name, drafted=True)
    asked = "\n".join(("Customers asked:", *(f"- {one}" for one in (gap.name, *gap.quotes))))
    return Edit(title, asked, by=by, at=at, asked=gap.name, drafted=True)


def _first(made: dict[str, Answer], gap: Gap) -> Answer | None:
    found = (made.get(slug(words)) for words in (gap.name, *gap.quotes))
    return next((one for one in found if one is not None), None)


def _key(caller: Caller) -> str:
    """Who may see the same gaps."""
    return "team" if caller.sees_team else caller.person_id


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
