"""The cases of a call: each of its inquiries with the card or the silence that it came to."""

from collections.abc import Iterable

from msgspec import Struct

from copilot.core.events import (
    CallStarted,
    CardTouched,
    Entry,
    EvidenceFound,
    Heard,
    Rewritten,
    Search,
    ShowCard,
    WithdrawCard,
    Withheld,
)
from copilot.core.floor import Floor, advance
from copilot.core.policy import Policy
from copilot.core.vocabulary import TICK_MS, Party, Silence, Touch


class Case(Struct, frozen=True):
    """One inquiry that was decided."""

    inquiry: int
    opened: int
    """Tick of its first search, else of its decision."""
    tick: int
    """Tick of its first card, else of its last silence."""
    query: str
    """The customer's words that the card answers or the silence is about, whole."""
    passage: str
    """Id of the passage that was shown last, or was not shown; empty where there was none."""
    title: str
    """The passage's question."""
    support: int
    """Probability of use that was said, percent."""
    text: str = ""
    """The card's line; empty where there was no card."""
    silence: Silence | None = None
    """The last reason of silence; None where a card came."""
    withdrawn: str = ""
    """Why the card was taken off the screen; empty where it was not."""
    gone: int | None = None
    """Tick at which it was."""
    touches: tuple[Touch, ...] = ()
    need: int = 100
    """Probability that anything was needed, percent."""
    spent: int = 0
    """Hundredths of an unneeded whisper that its card and the corrections of it cost."""
    asked_until: int | None = None
    """Tick after the customer's turn that called for it; None where it never ended."""
    seeking: int | None = None
    """Probability that the words ask for something, percent; None where nothing estimated it, and
    then `need` was not estimated either."""

    @property
    def shown(self) -> bool:
        """Whether a card came."""
        return self.silence is None

    @property
    def lead_ms(self) -> int | None:
        """From the card to the end of the customer's turn; negative: it came later."""
        if not self.shown or self.asked_until is None:
            return None
        return (self.asked_until - self.tick - 1) * TICK_MS


def cases_of(entries: Iterable[Entry]) -> tuple[Case, ...]:
    """The decided inquiries of a log in their order; one that broke off undecided is none."""
    reader = _Reader()
    for entry in entries:
        reader.take(entry)
    return tuple(draft.case() for draft in reader.drafts.values() if draft.decided)


class _Draft:
    """A case that is still being read."""

    def __init__(self, inquiry: int, tick: int) -> None:
        self.inquiry, self.opened = inquiry, tick
        self.tick = tick
        self.heard = ""
        """What was searched for last: after an early card that is more than it answered."""
        self.card: ShowCard | None = None
        self.held: Withheld | None = None
        self.title = ""
        self.withdrawn = ""
        self.gone: int | None = None
        self.touches: list[Touch] = []
        self.spent = 0
        self.seeking: int | None = None
        self.until: int | None = None

    @property
    def decided(self) -> bool:
        return self.card is not None or self.held is not None

    def case(self) -> Case:
        told = self.card or self.held
        assert told is not None
        return Case(
            self.inquiry,
            self.opened,
            self.tick,
            self.heard if self.heard.startswith(told.query) else told.query,
            told.cites[0] if told.cites else "",
            self.title,
            told.support,
            self.card.text if self.card else "",
            None if self.card or not self.held else self.held.reason,
            self.withdrawn,
            self.gone,
            tuple(self.touches),
            told.need,
            self.spent,
            self.until,
            self.seeking,
        )


class _Reader:
    """Folds entries into drafts."""

    def __init__(self) -> None:
        self.drafts: dict[int, _Draft] = {}
        self._policy = Policy()
        self._estimates = False
        """Whether the call had a model of need."""
        self._floor = Floor()
        self._until: int | None = None
        """End of the customer's latest turn that is over."""
        self._open: list[_Draft] = []
        """Decided while the customer's turn was still open."""
        self._titles: dict[str, str] = {}

    def take(self, entry: Entry) -> None:
        match entry.event:
            case CallStarted(policy=policy, need=need):
                self._policy, self._estimates = policy, need is not None
            case Heard() as heard:
                self._hear(heard)
            case Search(inquiry=inquiry, query=query):
                self._draft(inquiry, entry.tick).heard = query
            case EvidenceFound() as found:
                self._find(found, entry.tick)
            case Rewritten(passages=passages):
                self._titles.update((passage.id, passage.title) for passage in passages)
            case ShowCard(by="") as card:
                self._show(card, entry.tick)
            case Withheld() as held:
                self._withhold(held, entry.tick)
            case WithdrawCard(inquiry=inquiry, reason=reason) if inquiry in self.drafts:
                draft = self.drafts[inquiry]
                draft.withdrawn, draft.gone = reason, entry.tick
            case CardTouched(inquiry=inquiry, how=how) if inquiry in self.drafts:
                self.drafts[inquiry].touches.append(how)

    def _draft(self, inquiry: int, tick: int) -> _Draft:
        return self.drafts.setdefault(inquiry, _Draft(inquiry, tick))

    def _hear(self, heard: Heard) -> None:
        self._floor, over = advance(self._floor, heard, self._policy)
        for turn in over:
            if turn.party is Party.CUSTOMER and not turn.backchannel:
                self._until = turn.end
                for draft in self._open:
                    draft.until = turn.end
                self._open.clear()

    def _find(self, found: EvidenceFound, tick: int) -> None:
        self._titles.update((passage.id, passage.title) for passage in found.passages)
        draft = self._draft(found.inquiry, tick)
        # Search without a model, or over nothing, tells no more than its defaults.
        known = self._estimates and found.passages
        draft.seeking = found.signals.seeking if known else None

    def _show(self, card: ShowCard, tick: int) -> None:
        draft = self._draft(card.inquiry, tick)
        before = draft.card
        if before is None:
            draft.tick = tick
            self._decide(draft)
        if before is None or before.cites[:1] != card.cites[:1]:
            draft.spent += 100 - card.need
        draft.card, draft.title, draft.withdrawn, draft.gone = card, card.title, "", None

    def _withhold(self, held: Withheld, tick: int) -> None:
        draft = self._draft(held.inquiry, tick)
        if draft.card is not None:  # a draft that was not grounded: the card stays as it was
            return
        draft.held, draft.tick = held, tick
        draft.title = self._titles.get(held.cites[0], "") if held.cites else ""
        self._decide(draft)

    def _decide(self, draft: _Draft) -> None:
        draft.until = self._until
        if self._floor.customer.turn is not None and self._floor.holder() is Party.CUSTOMER:
            draft.until = None
            self._open.append(draft)
