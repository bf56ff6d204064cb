"""A stored call run again under another policy: the same words, touches and answers of search."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from statistics import median_low

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.call import enter
from copilot.core.events import (
    Advised,
    CallEnded,
    CallStarted,
    CardTouched,
    Compose,
    CustomerKnown,
    DraftReady,
    Effect,
    Entry,
    EvidenceFound,
    Failed,
    Heard,
    Input,
    Rewrite,
    Rewritten,
    Search,
    ShowCard,
    Speak,
    StopSpeaking,
    WhisperPlayed,
)
from copilot.core.state import CallState
from copilot.ports import Retriever
from copilot.session import PASSAGES

Seek = Callable[[CallStarted, Search], Awaitable[EvidenceFound | None]]
"""Searches the packs of a call for a query that its log has no answer to; None where they, in the
versions that the call had, are not at hand."""

Change = Callable[[CallStarted], CallStarted]
"""The same call, started under other rules."""

WORD_TICKS = 5
"""How long a spoken word takes where the log does not tell: 150 words a minute."""

SEARCH_TICKS = 1
"""How long a search takes where the log has none: answered by the next tick."""

Ask = Search | Rewrite | Compose | Speak
"""Effects that are answered by an input."""
Answer = EvidenceFound | Rewritten | DraftReady | WhisperPlayed | Failed


class Rerun(Struct, frozen=True):
    """What came of it."""

    entries: tuple[Entry, ...]
    reused: int
    """Searches answered from the log."""
    searched: int
    """Searches made anew."""
    unanswered: int
    """Searches that the log has no answer to, while nothing was at hand to search with."""
    touches_lost: int
    """Touches of cards that were not on the screen this time."""


async def rerun(entries: Sequence[Entry], change: Change, seek: Seek | None = None) -> Rerun:
    """Run a whole log's inputs through the core, but for a changed start.

    Unchanged, the core that made the log makes the same log again.
    """
    run = _Run(entries, seek)
    for entry in entries:
        if isinstance(entry.event, CallStarted):
            await run.give(change(entry.event))
        else:
            await run.take(entry)
    return Rerun(tuple(run.log), run.reused, run.searched, run.unanswered, run.touches_lost)


def text_only(entries: Sequence[Entry]) -> list[Entry]:
    """The log of a call that no duplex model listened to: without its wish, and its guess of what
    the agent is about to say."""
    return [
        replace(entry, event=replace(entry.event, wish=0, upcoming=""))
        if isinstance(entry.event, Heard)
        else entry
        for entry in entries
    ]


async def search_anew(retriever: Retriever, search: Search) -> EvidenceFound:
    """Search as a live call does."""
    found = await retriever.search(search.query, PASSAGES, search.turns)
    return EvidenceFound(search.inquiry, search.revision, found.passages, found.signals)


def effects_of(entries: Iterable[Entry]) -> list[tuple[int, Effect]]:
    """The effects of a log with their ticks."""
    return [(entry.tick, entry.event) for entry in entries if not isinstance(entry.event, Input)]


class _Logged(Struct):
    """Something that the logged call asked for, and the answer that it got."""

    tick: int
    answer: Answer | None = None
    seq: int = -1
    """Of the answer."""
    answered: int = 0
    """Tick of the answer."""


class _Due(Struct, frozen=True):
    """An answer on its way."""

    tick: int
    ask: Ask
    answer: Answer


class _Run:
    """One call that is run again."""

    def __init__(self, entries: Sequence[Entry], seek: Seek | None) -> None:
        self.log: list[Entry] = []
        self.reused = self.searched = self.unanswered = self.touches_lost = 0
        self._state = CallState()
        self._seek = seek
        self._logged = _read(entries)
        waits = [
            one.answered - one.tick
            for key, found in self._logged.items()
            for one in found
            if isinstance(key, Search) and one.answer is not None
        ]
        self._wait = median_low(waits) if waits else SEARCH_TICKS
        """Ticks that a new search takes: what most searches of the call took."""
        self._at: dict[int, Ask] = {}
        """What this run asked when the logged call did, by the seq of the logged answer."""
        self._due: list[_Due] = []
        self._cards: dict[int, str] = {}
        """The logged call's cards: inquiry and passage."""

    async def take(self, entry: Entry) -> None:
        """One entry of the log: inputs are given again, effects only remembered."""
        match entry.event:
            case Failed(what="hear") | Heard() | Advised() | CustomerKnown() | CallEnded():
                await self.give(entry.event)
            case EvidenceFound() | Rewritten() | DraftReady() | WhisperPlayed() | Failed():
                ask = self._at.pop(entry.seq, None)
                if ask is not None:
                    await self.give(_address(entry.event, ask))
            case CardTouched() as touched:
                await self._touch(touched)
            case ShowCard(inquiry=inquiry, cites=cites):
                self._cards[inquiry] = cites[0] if cites else ""

    async def give(self, event: Input) -> None:
        """Step, and get answers for what the core asks for; those that are due follow at once."""
        waiting = [event]
        while waiting:
            self._state, new = enter(self._state, waiting.pop(0))
            self.log += new
            for entry in new:
                await self._perform(entry.event)
            due = [one for one in self._due if one.tick <= self._state.tick]
            if due:
                self._due = [one for one in self._due if one.tick > self._state.tick]
                waiting += [_address(one.answer, one.ask) for one in due]

    async def _perform(self, event: object) -> None:
        match event:
            case Search() | Rewrite() | Compose() | Speak():
                await self._ask(event)
            case StopSpeaking():
                self._drop(Speak)

    async def _ask(self, ask: Ask) -> None:
        """Answer as the log does, when it does; else after as long as it took there, or anew."""
        tick = self._state.tick
        logged = self._logged.get(_neutral(ask), [])
        same = next((one for one in logged if one.tick == tick), None)
        if same is not None:
            if same.answer is not None:
                self._at[same.seq] = ask
                self.reused += isinstance(ask, Search)
            return
        self._drop(type(ask))  # a newer request replaces an older one of its kind
        answers = [one for one in logged if one.answer is not None]
        if answers:
            near = min(answers, key=lambda one: abs(one.tick - tick))
            assert near.answer is not None
            self._due.append(_Due(tick + near.answered - near.tick, ask, near.answer))
            self.reused += isinstance(ask, Search)
        else:
            self._due.append(await self._anew(ask, tick))

    async def _anew(self, ask: Ask, tick: int) -> _Due:
        match ask:
            case Search():
                return await self._search(ask, tick)
            case Speak(text=text):
                ticks = WORD_TICKS * len(text.split())
                return _Due(tick + ticks, ask, WhisperPlayed(0, ticks))
            case Rewrite():
                return _Due(tick, ask, Failed(0, "rewrite", "the log has no such question"))
            case Compose():
                return _Due(tick, ask, Failed(0, "compose", "the log has no draft of this card"))

    async def _search(self, search: Search, tick: int) -> _Due:
        started = self._state.started
        assert started is not None
        found = await self._seek(started, search) if self._seek else None
        if found is None:
            self.unanswered += 1
            return _Due(tick, search, Failed(0, "search", "the log has no answer to this query"))
        self.searched += 1
        return _Due(tick + self._wait, search, found)

    def _drop(self, kind: type[Ask]) -> None:
        self._due = [one for one in self._due if not isinstance(one.ask, kind)]
        self._at = {seq: ask for seq, ask in self._at.items() if not isinstance(ask, kind)}

    async def _touch(self, touched: CardTouched) -> None:
        """The agent touches a card only while it is on the screen."""
        card = self._state.card
        if card is None or card.passage != self._cards.get(touched.inquiry):
            self.touches_lost += 1
            return
        await self.give(replace(touched, inquiry=card.inquiry))


def _read(entries: Sequence[Entry]) -> dict[Ask, list[_Logged]]:
    """What a log asked for, by its content alone, with the answers."""
    found: dict[Ask, list[_Logged]] = {}
    open_: dict[tuple[object, ...], _Logged] = {}
    for entry in entries:
        match entry.event:
            case Search() | Rewrite() | Compose() | Speak() as ask:
                logged = _Logged(entry.tick)
                found.setdefault(_neutral(ask), []).append(logged)
                open_[_place(ask)] = logged
            case (
                EvidenceFound() | Rewritten() | DraftReady() | WhisperPlayed() | Failed() as answer
            ):
                asked = open_.get(_place(answer))
                if asked is not None and asked.answer is None:
                    asked.answer, asked.seq, asked.answered = answer, entry.seq, entry.tick
    return found


def _place(event: Ask | Answer) -> tuple[object, ...]:
    """What tells which answer belongs to which request."""
    match event:
        case Search(inquiry=inquiry, revision=revision):
            return "search", inquiry, revision
        case EvidenceFound(inquiry=inquiry, revision=revision):
            return "search", inquiry, revision
        case Failed(inquiry=inquiry, what=what, revision=revision):
            return what, inquiry, revision
        case Rewrite(inquiry=inquiry, revision=revision):
            return "rewrite", inquiry, revision
        case Rewritten(inquiry=inquiry, revision=revision):
            return "rewrite", inquiry, revision
        case Compose(inquiry=inquiry) | DraftReady(inquiry=inquiry):
            return "compose", inquiry, 0
        case Speak(whisper=whisper) | WhisperPlayed(whisper=whisper):
            return "speak", whisper, 0


def _neutral(ask: Ask) -> Ask:
    """The request without its number: the same in every run."""
    match ask:
        case Search() | Rewrite():
            return replace(ask, inquiry=0, revision=0)
        case Compose():
            return replace(ask, inquiry=0)
        case Speak():
            return replace(ask, whisper=0)


def _address(answer: Answer, ask: Ask) -> Answer:
    """The answer, to the request of this run."""
    match answer, ask:
        case ((EvidenceFound() | Failed()), Search(inquiry=inquiry, revision=revision)):
            return replace(answer, inquiry=inquiry, revision=revision)
        case ((Rewritten() | Failed()), Rewrite(inquiry=inquiry, revision=revision)):
            return replace(answer, inquiry=inquiry, revision=revision)
        case ((DraftReady() | Failed()), Compose(inquiry=inquiry)):
            return replace(answer, inquiry=inquiry)
        case WhisperPlayed(), Speak(whisper=whisper):
            return replace(answer, whisper=whisper)
        case Failed(), Speak(whisper=whisper):
            return replace(answer, inquiry=whisper)
    raise AssertionError(f"{answer} answers no {ask}")
