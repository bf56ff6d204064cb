"""What a person watching a call needs to know now, folded from the call's entries."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from copilot.core.events import (
    CallEnded,
    CallStarted,
    Entry,
    Failed,
    Heard,
    ShowCard,
    WithdrawCard,
    Withheld,
)
from copilot.core.floor import Floor, Turn, advance
from copilot.core.policy import Policy
from copilot.core.transcript import Line, Transcript, hear
from copilot.core.vocabulary import TICK_MS, Party

_LATE_WORDS = 25
"""Ticks after a party's last word in which more words of the same line may come: two seconds."""


class Said(NamedTuple):
    """A line of one party is complete."""

    line: Line


class Shown(NamedTuple):
    """A card came, or its text changed."""

    tick: int
    card: ShowCard


class Timed(NamedTuple):
    """It is known how a card lay to the end of the customer's turn."""

    tick: int
    card: ShowCard
    lead_ms: int
    """From the card to the end of the turn; negative: the card came after it."""


class Gone(NamedTuple):
    """A card left the screen."""

    tick: int
    card: ShowCard
    reason: str


class Stayed(NamedTuple):
    """The copilot decided to stay silent."""

    tick: int
    withheld: Withheld


class Mishap(NamedTuple):
    """Background work failed."""

    tick: int
    failed: Failed


class Began(NamedTuple):
    """The call is on."""

    started: CallStarted


class Over(NamedTuple):
    """The call has ended."""

    tick: int
    reason: str


Happening = Said | Shown | Timed | Gone | Stayed | Mishap | Began | Over


class View:
    """Fed every entry of one call in order; knows what is on screen and says what is new."""

    def __init__(self) -> None:
        self.tick = 0
        self.floor = Floor()
        self.transcript = Transcript()
        self.cards: dict[int, Shown] = {}
        """On screen now, by inquiry."""
        self.gone: Gone | None = None
        """The card that left the screen last."""
        self.leads: dict[int, int] = {}
        """Milliseconds from a card to the end of its question, by inquiry, once that is known."""
        self.stays: list[Stayed] = []
        self.ended = ""
        self._policy = Policy()
        self._told: dict[Party, int] = dict.fromkeys(Party, -1)
        self._last_turn: Turn | None = None

    def feed(self, entry: Entry) -> list[Happening]:
        """Take one entry in; what happened with it, in order."""
        self.tick = max(self.tick, entry.tick)
        return list(self._take(entry))

    def _take(self, entry: Entry) -> Iterator[Happening]:
        match entry.event:
            case Heard() as heard:
                yield from self._hear(heard)
            case ShowCard() as card:
                yield from self._show(entry.tick, card)
            case WithdrawCard(inquiry=inquiry, reason=reason):
                if inquiry in self.cards:
                    self.gone = Gone(entry.tick, self.cards.pop(inquiry).card, reason)
                    yield self.gone
            case Withheld() as withheld:
                stayed = Stayed(entry.tick, withheld)
                self.stays.append(stayed)
                yield stayed
            case Failed() as failed:
                yield Mishap(entry.tick, failed)
            case CallStarted() as started:
                self._policy = started.policy
                yield Began(started)
            case CallEnded(reason=reason):
                self.ended = reason
                yield from self._complete(at_end=True)
                yield Over(entry.tick, reason)

    def _hear(self, heard: Heard) -> Iterator[Happening]:
        self.transcript = hear(self.transcript, heard.agent, heard.customer)
        self.floor, over = advance(self.floor, heard, self._policy)
        for turn in over:
            if turn.party is Party.CUSTOMER and not turn.backchannel:
                self._last_turn = turn
                yield from self._time(turn)
        yield from self._complete()

    def _complete(self, at_end: bool = False) -> Iterator[Said]:
        """Words not told yet, of parties that have finished speaking."""
        for line in self.transcript.lines:
            words = tuple(word for word in line.words if word.end > self._told[line.party])
            if words and (at_end or self._finished(line)):
                self._told[line.party] = words[-1].end
                yield Said(replace(line, words=words))

    def _finished(self, line: Line) -> bool:
        agent = line.party is Party.AGENT
        speech = self.floor.agent if agent else self.floor.customer
        partial = self.transcript.agent_partial if agent else self.transcript.customer_partial
        return not speech.speaking and not partial and self.tick - line.end >= _LATE_WORDS

    def _show(self, tick: int, card: ShowCard) -> Iterator[Happening]:
        first = card.inquiry not in self.cards
        shown = Shown(tick, card)
        self.cards[card.inquiry] = shown
        yield shown
        asking = self.floor.customer.turn is not None
        if first and not asking and self._last_turn is not None:
            yield self._lead(shown, self._last_turn)

    def _time(self, turn: Turn) -> Iterator[Timed]:
        for inquiry, shown in self.cards.items():
            if inquiry not in self.leads:
                yield self._lead(shown, turn)

    def _lead(self, shown: Shown, turn: Turn) -> Timed:
        lead_ms = (turn.end - shown.tick - 1) * TICK_MS
        self.leads[shown.card.inquiry] = lead_ms
        return Timed(shown.tick, shown.card, lead_ms)
