"""Labels from use: what each inquiry of a call teaches, from touches, words said, and people."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from copilot.core.events import Entry
from copilot.core.vocabulary import TICK_MS, Silence, Touch
from copilot.evaluate.cases import Case, cases_of
from copilot.evaluate.questions import ANSWER_MS, Expected, Expects, Question
from copilot.store.label import NOTHING, Label, Verdict, standing

READ_TICKS = 25
"""Two seconds: a line that the agent says sooner after its card was begun without it."""


PAST = (Silence.ALREADY_SAID, Silence.ALREADY_TOLD, Silence.DISMISSED)
"""Silences about a passage that may well answer the query, but need not be shown again."""


class Use(StrEnum):
    """What became of a card, or why there was none."""

    USED = "used"
    OPENED = "opened"
    """The agent looked at its source."""
    DISMISSED = "dismissed"
    TAKEN_BACK = "taken_back"
    """The copilot withdrew it, or replaced its passage, once the question was whole."""
    SAID = "said"
    """The agent said it too soon to have read it, or had said it before: no card was shown then."""
    SPOKEN = "spoken"
    """The agent said it after there was time to read it; whether it was read nobody knows."""
    IGNORED = "ignored"
    """It left the screen untouched."""
    WITHHELD = "withheld"
    """There was no card, for another reason than that the agent had said it."""


class Opinion(Struct, frozen=True):
    """What people say about an inquiry."""

    verdict: Verdict
    passage: str = ""
    """The passage that would have been right, or NOTHING; empty where they name none."""


class Labelled(Struct, frozen=True):
    """One inquiry and what it teaches; what nobody knows is None or empty."""

    case: Case
    use: Use
    verdict: Verdict | None
    """What people say; it outweighs use."""
    needed: bool | None
    """Whether a card was needed: no, if the agent knew the answer."""
    right: str
    """The passage that answers the query, also where no card was needed; empty where unknown."""
    nothing: bool = False
    """Whether people say that no passage of the packs answers."""

    @property
    def query(self) -> str:
        """The customer's words."""
        return self.case.query

    @property
    def passage(self) -> str:
        """The passage that was shown, or withheld."""
        return self.case.passage

    @property
    def support(self) -> int:
        """The probability that was said of it, percent."""
        return self.case.support

    @property
    def useful(self) -> bool | None:
        """Whether showing the passage was, or would have been, right: what support estimates.

        A silence tells that only where people judged it, and where support was its reason.
        """
        if not self.case.shown and (self.verdict is None or self.case.silence in PAST):
            return None
        if self.needed is False:
            return False
        if self.needed is None or not self.passage:
            return None
        if self.verdict is Verdict.WRONG or self.nothing:
            return False
        return self.right == self.passage if self.right else None


def labels_of(
    entries: Sequence[Entry],
    judgements: Iterable[Label] = (),
    expected: Expected | None = None,
) -> tuple[Labelled, ...]:
    """One label for each inquiry of a call that had a card or was withheld.

    People's `judgements` of this call count most, then the questions that a script `expected`,
    then use. An untouched card tells nothing where the agent touched no card of the call.
    """
    cases = cases_of(entries)
    opinions = {**(opinions_from(expected, cases) if expected else {}), **settle(judgements)}
    touching = any(case.touches for case in cases)
    return tuple(_label(case, opinions.get(case.inquiry), touching) for case in cases)


def settle(labels: Iterable[Label]) -> dict[int, Opinion]:
    """Per inquiry what most people say, of each person the newest; the newest where they differ."""
    by_inquiry: dict[int, list[Label]] = {}
    for label in standing(labels):
        by_inquiry.setdefault(label.inquiry, []).append(label)
    return {inquiry: _most(told) for inquiry, told in by_inquiry.items()}


def _most(labels: Sequence[Label]) -> Opinion:
    votes = Counter(label.verdict for label in labels)
    newest = {label.verdict: place for place, label in enumerate(labels)}
    verdict = max(votes, key=lambda one: (votes[one], newest[one]))
    named = [label.passage for label in labels if label.verdict is verdict and label.passage]
    return Opinion(verdict, named[-1] if named else "")


def opinions_from(expected: Expected, cases: Sequence[Case]) -> dict[int, Opinion]:
    """What a script says about a call's inquiries, by the windows of its questions.

    A card is right, wrong or unneeded by its question, and unneeded without one. Silence is judged
    by the last inquiry of a question without a card; what leads up to it is left open.
    """
    found: dict[int, Opinion] = {}
    held: dict[int, tuple[Question, Case]] = {}
    answered: set[int] = set()
    for case in cases:
        question = _question(expected.questions, case)
        if case.shown:
            found[case.inquiry] = _of_card(question, case)
            answered.add(id(question))
        elif question is not None:
            held[id(question)] = (question, case)
        else:
            found[case.inquiry] = Opinion(Verdict.SILENT)
    for place, (question, case) in held.items():
        if place not in answered:
            missed = question.expects is Expects.CARD
            passage = question.passages[0] if question.passages else ""
            found[case.inquiry] = (
                Opinion(Verdict.MISSED, passage) if missed else Opinion(Verdict.SILENT)
            )
    return found


def unheard(expected: Expected, cases: Sequence[Case]) -> int:
    """Questions that needed a card and opened no inquiry at all."""
    heard = {id(_question(expected.questions, case)) for case in cases}
    wanted = (one for one in expected.questions if one.expects is Expects.CARD)
    return sum(id(question) not in heard for question in wanted)


def _of_card(question: Question | None, case: Case) -> Opinion:
    if question is None or question.expects is not Expects.CARD:
        return Opinion(Verdict.UNNEEDED)
    if case.passage in question.passages:
        return Opinion(Verdict.RIGHT, case.passage)
    return Opinion(Verdict.WRONG, question.passages[0] if question.passages else "")


def _question(questions: Sequence[Question], case: Case) -> Question | None:
    """The question whose window holds the case: one that its passage answers, else the latest."""
    at = (case.tick + 1) * TICK_MS
    # A silence is told once nothing better can come, a good while after its question.
    first, last = (at, at) if case.shown else ((case.opened + 1) * TICK_MS, at)
    open_ = [q for q in questions if q.window[0] <= last and first <= q.at_ms + ANSWER_MS]
    answered = [q for q in open_ if case.passage in q.passages]
    found = answered or open_
    return found[-1] if found else None


def _label(case: Case, opinion: Opinion | None, touching: bool) -> Labelled:
    use = use_of(case)
    if opinion is not None:
        verdict, right = opinion.verdict, _right(case, opinion)
        nothing = opinion.passage == NOTHING
        return Labelled(case, use, verdict, verdict.needed, right, nothing)
    needed = NEEDED[use]
    if use is Use.IGNORED and touching and case.withdrawn == "expired":
        needed = False
    sure = use in (Use.USED, Use.OPENED, Use.SAID, Use.SPOKEN)
    return Labelled(case, use, None, needed, case.passage if sure else "")


NEEDED: Mapping[Use, bool | None] = {
    Use.USED: True,
    Use.OPENED: True,
    Use.DISMISSED: False,
    Use.TAKEN_BACK: False,
    Use.SAID: False,
    Use.SPOKEN: None,
    Use.IGNORED: None,
    Use.WITHHELD: None,
}
"""Whether a card was needed, as far as its use alone tells."""


def _right(case: Case, opinion: Opinion) -> str:
    if opinion.passage == NOTHING:
        return ""
    return opinion.passage or (case.passage if opinion.verdict is Verdict.RIGHT else "")


def use_of(case: Case) -> Use:
    """What became of the case's card, as the log tells it."""
    if not case.shown:
        return Use.SAID if case.silence is Silence.ALREADY_SAID else Use.WITHHELD
    if Touch.DISMISSED in case.touches:
        return Use.DISMISSED
    if Touch.USED in case.touches:
        return Use.USED
    if Touch.OPENED in case.touches:
        return Use.OPENED
    if case.withdrawn in ("unsupported", "do_not_trigger"):
        return Use.TAKEN_BACK
    if case.withdrawn == "said" and case.gone is not None:
        return Use.SPOKEN if case.gone - case.tick >= READ_TICKS else Use.SAID
    return Use.IGNORED
