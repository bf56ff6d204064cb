"""The background as one value: what composes, answers, remembers, writes up and tells others."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec
from msgspec import Struct

from copilot.core.events import Compose, DraftReady, Entry, Rewrite
from copilot.errors import MindError, UserError
from copilot.mind.ask import Asked, Asker, Part
from copilot.mind.composer import GroundedComposer, Names
from copilot.mind.evidence import Evidence
from copilot.mind.lookup import LookUp
from copilot.mind.memory import Memory, Remembering
from copilot.mind.recap import Recap, Writer, payload
from copilot.mind.rewriter import GroundedRewriter, Words
from copilot.mind.talk import lines
from copilot.mind.tools import Tools
from copilot.mind.webhooks import CONFIRMED, ENDED, Webhooks
from copilot.ports import Composer, Embedder, Mind, Retriever, Rewriter
from copilot.providers.redact import Redactor
from copilot.store.log import Store
from copilot.store.mind.rows import Summary
from copilot.store.models import CallRow, State

log = logging.getLogger(__name__)


Clock = Callable[[], datetime]


class Written(Struct, frozen=True):
    """A call's write-up, and whether an agent has confirmed it."""

    call_id: str
    recap: Recap
    made_at: datetime
    confirmed_at: datetime | None
    by: str


class Background:
    """Shared by all calls of a process; nothing in it is waited for by a call."""

    def __init__(
        self,
        store: Store,
        mind: Mind | None,
        embedder: Embedder,
        memory: Memory,
        webhooks: Webhooks,
        tools: Tools,
        redactor: Redactor,
        now: Clock,
        names: Names = tuple,
        words: Words = frozenset,
    ) -> None:
        self.mind = mind
        self.memory = memory
        self.webhooks = webhooks
        self.tools = tools
        self._embedder = embedder
        self._names = names
        self._words = words
        self._store = store
        self._redactor = redactor
        self._now = now
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Write up calls as they end, and send what is due."""
        for work in (self._after, self.webhooks.run):
            task = asyncio.create_task(work())
            task.add_done_callback(_told)
            self._tasks.append(task)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(self.webhooks.close(), self.tools.close())
        if self.mind is not None:
            await self.mind.close()

    # ---- in a call

    def composes(self, team_id: str) -> bool:
        return self._mind_of(team_id) is not None

    async def take_up(self, team_id: str, call_id: str) -> None:
        """The call of another process goes on in this one: its customer is known here, too."""
        await self.memory.take_up(team_id, call_id)

    def composer(self, call_id: str, team_id: str) -> Composer | None:
        """Who writes better cards in this call; None without a background model."""
        mind = self._mind_of(team_id)
        if mind is None:
            return None
        composer = GroundedComposer(mind, self._embedder, self._names)
        return _Informed(composer, lambda: self.memory.recall(call_id))

    def rewriter(self, call_id: str, team_id: str) -> Rewriter | None:
        """Who puts the customer's words better in this call; None without a background model."""
        mind = self._mind_of(team_id)
        if mind is None:
            return None
        rewriter = GroundedRewriter(mind, self._words)
        return _InformedRewriter(rewriter, lambda: self.memory.recall(call_id))

    def _mind_of(self, team_id: str) -> Mind | None:
        return None if self.mind is None else self.mind.of(team_id)

    def retriever(self, call_id: str, retriever: Retriever) -> Retriever:
        """The same search, by somebody who knows who is calling."""
        return Remembering(retriever, lambda: self.memory.recall(call_id))

    async def ask(
        self,
        team_id: str,
        question: str,
        retriever: Retriever,
        call_id: str = "",
        entries: Sequence[Entry] = (),
    ) -> AsyncGenerator[Part, None]:
        """The agent's question over the packs, this call, its customer and the team's tools."""
        facts = self.memory.recall(call_id)
        mind = self._mind_of(team_id)
        asked = Asked(question, entries, facts)
        asker = Asker(mind, self._embedder, self._names)
        looking = self._look_up(mind, team_id, asked) if self.tools.any_for(team_id) else None
        async with aclosing(asker.answer(asked, retriever, looking)) as parts:
            async for part in parts:
                yield part

    async def _look_up(self, mind: Mind | None, team_id: str, asked: Asked) -> Collection[Evidence]:
        said = await asyncio.to_thread(lines, asked.entries)
        look = LookUp(mind, self.tools)
        return await look.evidence(team_id, asked.question, said, asked.facts)

    # ---- after a call

    async def written(self, team_id: str, call_id: str) -> Written | None:
        """The write-up as it stands."""
        found = await self._store.mind.summaries(team_id, [call_id])
        return _written(found[0]) if found else None

    async def write_up(self, row: CallRow) -> Written:
        """Draft the write-up of a call that is over, unless there is one; tell the webhooks."""
        known = await self.written(row.team_id, row.id)
        if known is not None:
            return known
        writer = Writer(self._mind_of(row.team_id), self._embedder)
        recap = await writer.draft(await self._store.read(row.id))
        if await self._store.call(row.id) is None:
            raise MindError(f"call {row.id} is erased")
        body = msgspec.json.encode(recap).decode()
        summary = Summary(row.id, row.team_id, body, self._now())
        if not await self._store.mind.keep_draft(summary):  # somebody was faster meanwhile
            return await self.written(row.team_id, row.id) or _written(summary)
        await self._announce(ENDED, row, Recap(), "")
        return _written(summary)

    async def confirm(self, row: CallRow, recap: Recap, by: str) -> Written:
        """What the agent makes of the draft counts from now on; tell the webhooks.

        Raises MindError while the call is on.
        """
        if row.state is State.LIVE:
            raise MindError(f"call {row.id} is still on: hang up first")
        known = await self.written(row.team_id, row.id)
        now = self._now()
        made_at = known.made_at if known is not None else now
        body = msgspec.json.encode(recap).decode()
        summary = Summary(row.id, row.team_id, body, made_at, now, by)
        if known is None and await self._store.mind.keep_draft(summary):
            await self._announce(ENDED, row, Recap(), "")
        await self._store.mind.keep_summary(summary)
        await self._announce(CONFIRMED, row, recap, by)
        return _written(summary)

    async def _announce(self, event: str, row: CallRow, recap: Recap, by: str) -> None:
        customer = await self._store.mind.customer(row.team_id, row.id)
        ended = row.ended_at or self._now()
        call: dict[str, object] = {
            "id": row.id,
            "team": row.team_id,
            "agent": row.person_id,
            "customer": customer,
            "started_at": row.started_at.isoformat(),
            "ended_at": ended.isoformat(),
            "seconds": round((ended - row.started_at).total_seconds()),
            "end_reason": row.reason,
            "cards": row.cards,
        }
        clean = self._redactor.clean
        shown = Recap(
            clean(recap.summary),
            clean(recap.reason),
            clean(recap.outcome),
            tuple(map(clean, recap.promised)),
            tuple(map(clean, recap.gaps)),
        )
        body = payload(event, shown, call, by, self._now())
        await self.webhooks.announce(row.team_id, row.id, event, body)

    async def _after(self) -> None:
        async for row in self._store.watch():
            if row.state is State.LIVE:
                continue
            self.memory.let_go(row.id)
            try:
                await self.write_up(row)
            except UserError as error:
                log.warning("call %s is not written up: %s", row.id, error)


class _Informed:
    """A composer that knows the customer of its call."""

    def __init__(self, composer: GroundedComposer, recall: Callable[[], Sequence[str]]) -> None:
        self._composer = composer
        self._recall = recall

    async def compose(self, request: Compose) -> DraftReady:
        return await self._composer.compose(request, self._recall())


class _InformedRewriter:
    """The same, of the customer's words."""

    def __init__(self, rewriter: GroundedRewriter, recall: Callable[[], Sequence[str]]) -> None:
        self._rewriter = rewriter
        self._recall = recall

    async def rewrite(self, request: Rewrite) -> str:
        return await self._rewriter.rewrite(request, self._recall())


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a part of the background has stopped: restart", exc_info=task.exception())


def _written(summary: Summary) -> Written:
    recap = msgspec.json.decode(summary.body, type=Recap)
    return Written(summary.call_id, recap, summary.made_at, summary.confirmed_at, summary.by)
