"""A call's log as a story: who spoke when, what was said, which cards came and which did not."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from copilot.core.events import (
    CallEnded,
    CallStarted,
    CardTouched,
    Entry,
    EvidenceFound,
    Failed,
    Heard,
    Rewritten,
    ShowCard,
    Speak,
    StopSpeaking,
    Ticked,
    WhisperPlayed,
    WithdrawCard,
    Withheld,
)
from copilot.core.floor import Floor, Speech, advance
from copilot.core.policy import Item, Policy
from copilot.core.transcript import Line
from copilot.core.vocabulary import Party, Passage, Silence, Touch, Word

LINE_GAP = 12
"""Ticks between two words of a party after which a new line begins, as in core/transcript."""


class Stretch(Struct, frozen=True):
    """Uninterrupted speech of one party."""

    party: Party
    start: int
    end: int
    """Tick after its last."""


class Pause(Struct, frozen=True):
    """Nobody speaks."""

    start: int
    end: int


class CardStory(Struct):
    """One card from its first showing to its end."""

    inquiry: int
    shown: int
    """Tick of its first showing."""
    title: str
    text: str
    cites: tuple[str, ...]
    support: int
    query: str
    source: Passage | None = None
    """The first cited passage as search found it, kept in the log."""
    revisions: int = 0
    gone: int | None = None
    why_gone: str = ""
    touches: list[Touch] = []
    spoken: int | None = None
    """Tick at which its whisper began."""
    cut: int | None = None
    """Tick at which its whisper was stopped."""
    played: int | None = None
    """Tick at which its whisper came to its end."""
    by: str = ""
    """The supervisor whose words it shows; empty: the copilot's own."""

    @property
    def used(self) -> bool:
        return Touch.USED in self.touches


class SilenceStory(Struct, frozen=True):
    """One decision to stay silent."""

    inquiry: int
    tick: int
    reason: Silence
    query: str
    support: int
    source: Passage | None


class FailureStory(Struct, frozen=True):
    """Background work that failed."""

    tick: int
    what: str
    error: str


class TickStory(Struct, frozen=True):
    """A line of the playbook that was done or broken."""

    tick: int
    item: str
    words: str


class Story(Struct):
    """Everything that a call's page tells."""

    started: CallStarted | None = None
    ticks: int = 0
    stretches: list[Stretch] = []
    lines: list[Line] = []
    cards: list[CardStory] = []
    silences: list[SilenceStory] = []
    failures: list[FailureStory] = []
    ticked: list[TickStory] = []
    ended: str = ""
    """Why the call ended; empty while it is on."""

    def share(self, party: str) -> int:
        """How much of the call the party spoke, percent."""
        spoken = sum(one.end - one.start for one in self.stretches if one.party == party)
        return round(100 * spoken / self.ticks) if self.ticks else 0

    @property
    def overlaps(self) -> list[tuple[int, int]]:
        """From and to which tick both speak."""
        agent, customer = ([one for one in self.stretches if one.party is party] for party in Party)
        both = ((max(a.start, c.start), min(a.end, c.end)) for a in agent for c in customer)
        return sorted((start, end) for start, end in both if start < end)

    @property
    def playbook(self) -> list[tuple[Item, TickStory | None]]:
        """The call's playbook, each line with its tick."""
        found = {one.item: one for one in self.ticked}
        items = self.started.policy.playbook if self.started else ()
        return [(item, found.get(item.name)) for item in items]

    @property
    def pauses(self) -> list[Pause]:
        """Two seconds or more in which nobody speaks, between the first and the last speech."""
        found, quiet_since = [], None
        for one in sorted(self.stretches, key=lambda one: one.start):
            if quiet_since is not None and one.start - quiet_since >= _LONG_PAUSE:
                found.append(Pause(quiet_since, one.start))
            quiet_since = one.end if quiet_since is None else max(quiet_since, one.end)
        return found


_LONG_PAUSE = 25
"""Ticks: two seconds, twice what a gap between turns commonly takes."""


def tell(entries: Iterable[Entry]) -> Story:
    """The story of a log, whole or up to now."""
    teller = _Teller()
    for entry in entries:
        teller.take(entry)
    return teller.finish()


def lines(words: Sequence[tuple[Party, Word]]) -> list[Line]:
    """Words as lines of one party each, in order of their start."""
    found: list[Line] = []
    for party in Party:
        run: list[Word] = []
        for word in sorted((w for p, w in words if p is party), key=lambda word: word.start):
            if run and word.start - run[-1].end >= LINE_GAP:
                found.append(Line(party, tuple(run)))
                run = []
            run.append(word)
        if run:
            found.append(Line(party, tuple(run)))
    return sorted(found, key=lambda line: line.start)


class _Teller:
    """Folds entries into a story."""

    def __init__(self) -> None:
        self.story = Story()
        self.policy = Policy()
        self.floor = Floor()
        self.words: list[tuple[Party, Word]] = []
        self.passages: dict[str, Passage] = {}
        self.cards: dict[int, CardStory] = {}

    def take(self, entry: Entry) -> None:
        story = self.story
        story.ticks = max(story.ticks, entry.tick + 1)
        match entry.event:
            case Heard() as heard:
                self._hear(heard)
            case CallStarted() as started:
                story.started, self.policy = started, started.policy
            case EvidenceFound(passages=passages) | Rewritten(passages=passages):
                self.passages.update((passage.id, passage) for passage in passages)
            case Withheld() as held:
                self._withhold(entry.tick, held)
            case Failed(what=what, error=error):
                story.failures.append(FailureStory(entry.tick, what, error))
            case CallEnded(reason=reason):
                story.ended = reason
            case Ticked(item=item, words=words):
                story.ticked.append(TickStory(entry.tick, item, words))
            case event:
                self._card(entry.tick, event)

    def finish(self) -> Story:
        for party, speech in (
            (Party.AGENT, self.floor.agent),
            (Party.CUSTOMER, self.floor.customer),
        ):
            if speech.speaking:
                self.story.stretches.append(Stretch(party, speech.start, speech.end))
        self.story.lines = lines(self.words)
        return self.story

    def _hear(self, heard: Heard) -> None:
        before = self.floor
        self.floor, _ = advance(before, heard, self.policy)
        self._stretch(Party.AGENT, before.agent, self.floor.agent)
        self._stretch(Party.CUSTOMER, before.customer, self.floor.customer)
        self.words.extend((Party.AGENT, word) for word in heard.agent.words)
        self.words.extend((Party.CUSTOMER, word) for word in heard.customer.words)

    def _stretch(self, party: Party, before: Speech, now: Speech) -> None:
        if before.speaking and not now.speaking:
            self.story.stretches.append(Stretch(party, before.start, now.end))

    def _withhold(self, tick: int, held: Withheld) -> None:
        source = self._source(held.cites)
        self.story.silences.append(
            SilenceStory(held.inquiry, tick, held.reason, held.query, held.support, source)
        )

    def _card(self, tick: int, event: object) -> None:
        match event:
            case ShowCard() as shown:
                self._show(tick, shown)
            case WithdrawCard(inquiry=inquiry, reason=reason) if inquiry in self.cards:
                card = self.cards[inquiry]
                card.gone, card.why_gone = tick, reason
            case CardTouched(inquiry=inquiry, how=how) if inquiry in self.cards:
                self.cards[inquiry].touches.append(how)
            case Speak(whisper=inquiry) if inquiry in self.cards:
                self.cards[inquiry].spoken = tick
            case StopSpeaking(whisper=inquiry) if inquiry in self.cards:
                self.cards[inquiry].cut = tick
            case WhisperPlayed(whisper=inquiry) if inquiry in self.cards:
                self.cards[inquiry].played = tick

    def _show(self, tick: int, shown: ShowCard) -> None:
        card = self.cards.get(shown.inquiry)
        if card is None:
            card = CardStory(
                shown.inquiry,
                tick,
                shown.title,
                "",
                (),
                shown.support,
                shown.query,
                by=shown.by,
            )
            self.cards[shown.inquiry] = card
            self.story.cards.append(card)
        card.title, card.text, card.cites = shown.title, shown.text, shown.cites
        card.support, card.revisions = shown.support, shown.revision
        card.source = self._source(shown.cites)

    def _source(self, cites: Sequence[str]) -> Passage | None:
        return self.passages.get(cites[0]) if cites else None
