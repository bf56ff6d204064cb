"""A call in progress: the one task that owns its state, and the work it has asked for."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from time import perf_counter
from typing import NamedTuple

from copilot.audio.frames import MicroTurn, Pcm, frame_samples
from copilot.config.sections import Deadlines
from copilot.core.call import enter
from copilot.core.events import (
    CallEnded,
    CallStarted,
    Compose,
    EarChanged,
    EarState,
    Effect,
    EvidenceFound,
    Failed,
    Input,
    Rewrite,
    Rewritten,
    Search,
    ShowCard,
    Speak,
    StopSpeaking,
    Ticked,
    WhisperPlayed,
    WithdrawCard,
    Withheld,
)
from copilot.core.state import CallState
from copilot.errors import UserError
from copilot.ports import CallLog, Composer, Ear, Found, Mouth, Outlet, Retriever, Rewriter, Voice
from copilot.providers.spoken import spoken

log = logging.getLogger(__name__)

Work = Callable[[], Coroutine[None, None, None]]

PASSAGES = 5
"""How many passages a search brings: the first for the card, the others for doubt."""


class Parts(NamedTuple):
    """What a call is made of."""

    ear: Ear
    retriever: Retriever
    log: CallLog
    outlet: Outlet
    voice: Voice | None = None
    mouth: Mouth | None = None
    composer: Composer | None = None
    rewriter: Rewriter | None = None
    deadlines: Deadlines = Deadlines()


class Session:
    """Takes one input after another, steps, logs, performs; nobody else touches the state."""

    def __init__(self, started: CallStarted, parts: Parts, state: CallState | None = None) -> None:
        """`state`: where the call's log has stopped, for a call that is taken up again."""
        self.state = state or CallState()
        self.lag_ms = 0.0
        """How long the ear took for its slowest micro-turn."""
        self._parts = parts
        self._inbox: asyncio.Queue[Input] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._first = self.state.tick + 1 if state else 0
        """The call's tick at which its sound begins."""
        for event in _left_open(state) if state else (started,):
            self._take(event)

    @property
    def call_id(self) -> str:
        assert self.state.started is not None
        return self.state.started.call_id

    def give(self, event: Input) -> None:
        """Put an input in the queue: the agent's touch, the end of the call."""
        self._inbox.put_nowait(event)

    async def run(self, turns: AsyncIterator[MicroTurn]) -> None:
        """Live: micro-turns as they come, until the call has ended."""
        listening = asyncio.create_task(self._guard("hear", 0, partial(self._listen, turns), None))
        try:
            while not self.state.ended:
                self._take(await self._inbox.get())
        finally:
            await self._close(listening)

    async def play(self, turns: AsyncIterator[MicroTurn]) -> None:
        """Offline: as fast as it goes, each tick waiting for the work that it asked for."""
        try:
            async for turn in turns:
                self._take(await self._parts.ear.hear(turn))
                await self._settle()
            self._take(CallEnded("hang_up"))
        finally:
            await self._close()

    async def _settle(self) -> None:
        while self._tasks or not self._inbox.empty():
            if self._tasks:
                await asyncio.wait(self._tasks.values())
            while not self._inbox.empty():
                self._take(self._inbox.get_nowait())

    async def _listen(self, turns: AsyncIterator[MicroTurn]) -> None:
        async for turn in turns:
            since = perf_counter()
            heard = await self._parts.ear.hear(turn._replace(tick=self._first + turn.tick))
            self.lag_ms = max(self.lag_ms, 1000 * (perf_counter() - since))
            self.give(heard)
        self.give(CallEnded("disconnected"))

    def _take(self, event: Input) -> None:
        if self.state.ended:
            return
        self.state, entries = enter(self.state, event)
        self._parts.log.append(self.call_id, entries)
        for entry in entries[1:]:
            self._perform(entry.event)  # type: ignore[arg-type]  # behind the input come effects only

    def _perform(self, effect: Effect) -> None:
        parts, deadlines = self._parts, self._parts.deadlines
        match effect:
            case Search():
                search = partial(self._search, effect)
                self._start("search", effect.inquiry, search, deadlines.search, effect.revision)
            case Rewrite():
                rewrite = partial(self._rewrite, effect)
                self._start("rewrite", effect.inquiry, rewrite, deadlines.rewrite, effect.revision)
            case Compose():
                compose = partial(self._compose, effect)
                self._start("compose", effect.inquiry, compose, deadlines.compose)
            case Speak():
                speak = partial(self._speak, effect)
                parts.outlet.deliver(effect)
                self._start("speak", effect.whisper, speak, deadlines.speak)
            case StopSpeaking():
                parts.outlet.deliver(effect)
                self._hush()
            case EarChanged(ear=ear):
                if ear is EarState.SOFT and parts.mouth is not None:
                    parts.mouth.soften()
                parts.outlet.deliver(effect)
            case ShowCard() | WithdrawCard() | Withheld() | Ticked():
                if not self._in_shadow(effect):
                    parts.outlet.deliver(effect)

    def _in_shadow(self, effect: Effect) -> bool:
        """Whether it stays in the log; what a supervisor says reaches the agent in any case."""
        advice = isinstance(effect, WithdrawCard) or (isinstance(effect, ShowCard) and effect.by)
        return self.state.policy.shadow and not advice

    async def _search(self, effect: Search) -> None:
        found = await self._parts.retriever.search(effect.query, PASSAGES, effect.turns)
        self.give(EvidenceFound(effect.inquiry, effect.revision, found.passages, found.signals))

    async def _rewrite(self, effect: Rewrite) -> None:
        if self._parts.rewriter is None:
            raise LookupError("nobody is configured to rewrite")
        query = await self._parts.rewriter.rewrite(effect)
        found = Found(())
        if query:
            found = await self._parts.retriever.search(query, PASSAGES, effect.turns)
        told = Rewritten(effect.inquiry, effect.revision, query, found.passages, found.signals)
        self.give(told)

    async def _compose(self, effect: Compose) -> None:
        if self._parts.composer is None:
            raise LookupError("no composer is configured")
        self.give(await self._parts.composer.compose(effect))

    async def _speak(self, effect: Speak) -> None:
        voice, mouth = self._parts.voice, self._parts.mouth
        if voice is None or mouth is None:
            raise LookupError("no voice is configured")
        most = self.state.policy.max_spoken_ticks * frame_samples(voice.rate)
        chunks = _at_most(voice.say(spoken(effect.text)), most)
        ticks = await mouth.play(effect.whisper, chunks, voice.rate)
        self.give(WhisperPlayed(effect.whisper, ticks))

    def _hush(self) -> None:
        """Fall silent, also if the whisper has not begun yet."""
        if self._parts.mouth is not None:
            self._parts.mouth.stop()
        if "speak" in self._tasks:
            self._tasks["speak"].cancel()

    def _start(
        self, what: str, inquiry: int, work: Work, seconds: float, revision: int = 0
    ) -> None:
        """Begin background work; a newer one of its kind replaces an older one."""
        older = self._tasks.get(what)
        if older is not None:
            older.cancel()
        task = asyncio.create_task(self._guard(what, inquiry, work, seconds, revision))
        self._tasks[what] = task
        task.add_done_callback(lambda done: self._forget(what, done))

    def _forget(self, what: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(what) is done:
            del self._tasks[what]

    async def _guard(
        self, what: str, inquiry: int, work: Work, seconds: float | None, revision: int = 0
    ) -> None:
        """Whatever goes wrong out there becomes an event in here."""
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                await work()
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            if deadline.expired():
                told = f"no answer within {seconds:g} s"
            elif isinstance(error, UserError):
                log.warning("call %s: %s failed: %s", self.call_id, what, error)
            else:
                log.exception("call %s: %s failed", self.call_id, what)
            self.give(Failed(inquiry, what, told, revision))
            if what == "hear":
                self.give(CallEnded("failed"))

    async def _close(self, *more: asyncio.Task[None]) -> None:
        self._hush()
        tasks = [*self._tasks.values(), *more]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._parts.ear.close()


def _left_open(state: CallState) -> Iterator[Input]:
    """What was under way when the call's process died, and will not be answered any more."""
    inquiry, why = state.inquiry, "the copilot was restarted"
    if inquiry is not None and inquiry.answered < inquiry.revision:
        yield Failed(inquiry.id, "search", why, inquiry.revision)
    if state.playing is not None:
        yield Failed(state.playing.whisper, "speak", why)


async def _at_most(chunks: AsyncIterator[Pcm], samples: int) -> AsyncIterator[Pcm]:
    """The beginning of a whisper; whoever leaves early leaves its voice too."""
    try:
        async for chunk in chunks:
            yield chunk[:samples]
            samples -= len(chunk)
            if samples <= 0:
                return
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
