"""How a call's log is judged by its questions: right cards, leads, silences, unneeded cards."""

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

from copilot.core.events import Entry, EvidenceFound, ShowCard, WithdrawCard, Withheld
from copilot.core.vocabulary import TICK_MS, Silence
from copilot.evaluate.questions import Expected, Expects, Question, Targets
from copilot.store.label import Verdict


class Arrival(Struct, frozen=True):
    """A card as the agent's screen got it."""

    inquiry: int
    revision: int
    at_ms: float
    """Wall-clock time on the axis of the questions."""


class Card(Struct, frozen=True):
    """A passage on the agent's screen; revisions that keep the passage are the same card."""

    inquiry: int
    passage: str
    """Id of its source, the passage at rank 1."""
    text: str
    tick_ms: int
    """End of the tick that showed it."""
    seen_ms: float | None = None
    """When the screen got it, where that was measured."""
    withdrawn: str = ""
    """Why it was taken off the screen; empty where it was not."""

    @property
    def at_ms(self) -> float:
        """When it came: as the screen saw it, else by its tick."""
        return self.tick_ms if self.seen_ms is None else self.seen_ms


class Answer(Struct, frozen=True):
    """What came of one question."""

    question: Question
    verdict: Verdict
    card: Card | None = None
    """The card that decided it: the right one, else the first in its window."""
    silence: Silence | None = None
    """The last reason of silence in its window."""
    rank: int | None = None
    """The best rank of a right passage in the searches of its window, from 1."""

    @property
    def tick_lead_ms(self) -> int | None:
        """From the right card to the end of the question by ticks; negative: it came later."""
        if self.card is None or self.verdict is not Verdict.RIGHT:
            return None
        return self.question.at_ms - self.card.tick_ms

    @property
    def lead_ms(self) -> float | None:
        """The same by the screen where that was measured, else by ticks."""
        if self.card is None or self.verdict is not Verdict.RIGHT:
            return None
        return self.question.at_ms - self.card.at_ms


class Outcome(Struct, frozen=True):
    """What came of a call."""

    answers: tuple[Answer, ...]
    unneeded: tuple[Card, ...]
    """Cards that no question needed."""
    cards: int
    """All cards."""
    targets: Targets
    right: int
    """Questions that got their right card."""
    answerable: int
    """Questions that expected a card."""
    needed: int
    """How many of them had to get it."""
    delay_ms: float | None
    """Median from the end of a question to its right card; None without one."""
    faults: tuple[str, ...]
    """The targets that were missed, in words; empty: passed."""

    @property
    def passed(self) -> bool:
        return not self.faults


def judge(
    entries: Sequence[Entry], expected: Expected, arrivals: Sequence[Arrival] | None = None
) -> Outcome:
    """Judge a whole log.

    A card belongs to a question if it came in the question's window and cites a right passage
    first; else it is unneeded. With `arrivals` only the cards that the screen got count, at their
    times there.
    """
    cards = tuple(cards_of(entries, arrivals))
    answers = tuple(
        _answer(question, expected.questions, cards, entries) for question in expected.questions
    )
    wanted = [card for answer in answers for card in _wanted(answer, cards)]
    unneeded = tuple(card for card in cards if card not in wanted)
    leads = [answer.lead_ms for answer in answers if answer.lead_ms is not None]
    delay = median(-lead for lead in leads) if leads else None
    answerable = sum(question.expects is Expects.CARD for question in expected.questions)
    needed = -(-answerable * 3 // 4) if expected.targets.right is None else expected.targets.right
    right = sum(answer.verdict is Verdict.RIGHT for answer in answers)
    faults = tuple(_faults(expected.targets, answers, right, needed, delay, unneeded))
    return Outcome(
        answers,
        unneeded,
        len(cards),
        expected.targets,
        right,
        answerable,
        needed,
        delay,
        faults,
    )


def cards_of(entries: Sequence[Entry], arrivals: Sequence[Arrival] | None = None) -> Iterator[Card]:
    """The cards of a call in their order; with `arrivals` those that the screen got."""
    seen = {(arrival.inquiry, arrival.revision): arrival.at_ms for arrival in arrivals or ()}
    shown: dict[int, str] = {}
    for place, entry in enumerate(entries):
        match entry.event:
            case ShowCard(inquiry=inquiry, revision=revision, text=text, cites=cites):
                passage = cites[0] if cites else ""
                at = seen.get((inquiry, revision))
                if shown.get(inquiry) == passage or (arrivals is not None and at is None):
                    continue
                shown[inquiry] = passage
                end = (entry.tick + 1) * TICK_MS
                reason = _withdrawn(entries[place + 1 :], inquiry)
                yield Card(inquiry, passage, text, end, at, reason)


def _withdrawn(later: Sequence[Entry], inquiry: int) -> str:
    for entry in later:
        match entry.event:
            case WithdrawCard(inquiry=number, reason=reason) if number == inquiry:
                return reason
    return ""


def _answer(
    question: Question,
    questions: Sequence[Question],
    cards: Sequence[Card],
    entries: Sequence[Entry],
) -> Answer:
    own = [card for card in cards if _owner(card, questions) is question]
    right = next((card for card in own if card.passage in question.passages), None)
    card = right or next(iter(own), None)
    verdict = _verdict(question, right, own)
    silence, rank = _reasons(question, entries)
    return Answer(question, verdict, card, silence, rank)


def _owner(card: Card, questions: Sequence[Question]) -> Question | None:
    """The question whose window holds the card: one that it answers, else the latest."""
    open_ = [q for q in questions if q.window[0] <= card.at_ms <= q.window[1]]
    answered = [q for q in open_ if card.passage in q.passages]
    found = answered or open_
    return found[-1] if found else None


def _verdict(question: Question, right: Card | None, own: Sequence[Card]) -> Verdict:
    match question.expects:
        case Expects.CARD if right is not None:
            return Verdict.RIGHT
        case Expects.CARD:
            return Verdict.WRONG if own else Verdict.MISSED
        case _:
            return Verdict.UNNEEDED if own else Verdict.SILENT


def _reasons(question: Question, entries: Sequence[Entry]) -> tuple[Silence | None, int | None]:
    """The first silence after the question, and the best rank of a right passage in search."""
    start, end = question.window
    silence: Silence | None = None
    whole = False
    rank: int | None = None
    for entry in entries:
        if not start <= (entry.tick + 1) * TICK_MS <= end:
            continue
        match entry.event:
            case Withheld(reason=reason) if not whole:
                silence, whole = reason, (entry.tick + 1) * TICK_MS >= question.at_ms
            case EvidenceFound(passages=passages):
                ids = [passage.id for passage in passages]
                ranks = [ids.index(right) + 1 for right in question.passages if right in ids]
                rank = min(ranks + ([] if rank is None else [rank]), default=None)
    return silence, rank


def _wanted(answer: Answer, cards: Sequence[Card]) -> Iterator[Card]:
    """The cards that the question needed."""
    if answer.verdict is Verdict.RIGHT:
        start, end = answer.question.window
        for card in cards:
            if card.passage in answer.question.passages and start <= card.at_ms <= end:
                yield card


def _faults(
    targets: Targets,
    answers: Sequence[Answer],
    right: int,
    needed: int,
    delay: float | None,
    unneeded: Sequence[Card],
) -> Iterator[str]:
    if right < needed:
        yield f"{right} questions got their right card, {needed} had to"
    if delay is not None and delay > targets.delay_ms:
        yield f"the median card came {delay:.0f} ms after its question, {targets.delay_ms} allowed"
    if len(unneeded) > targets.unneeded:
        yield f"{len(unneeded)} unneeded cards, {targets.unneeded} allowed"
    for answer in answers:
        if answer.question.expects is Expects.SILENCE and answer.verdict is not Verdict.SILENT:
            yield f"a card came for a question that has no answer: {answer.question.asks!r}"
