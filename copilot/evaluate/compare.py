"""Two runs of the same calls side by side: cards kept, lost, new and moved, and what it cost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Silence
from copilot.evaluate.cases import Case
from copilot.evaluate.labels import Labelled, use_of
from copilot.store.label import Verdict

SAME_MOMENT = 50
"""Ticks that two runs' inquiries about the same words may open apart."""
SAME_CARD = 375
"""Ticks that the same card may come apart: 30 s."""


class Fate(StrEnum):
    """What another policy makes of a moment."""

    KEPT = "kept"
    """The same card at the same tick."""
    MOVED = "moved"
    """The same card at another tick."""
    CHANGED = "changed"
    """Another passage's card."""
    LOST = "lost"
    NEW = "new"
    SILENT = "silent"
    """Silence for the same reason, or nothing in either run."""
    REASON = "reason"
    """Silence for another reason, or about words that the other run did not take up."""


class Moment(Struct, frozen=True):
    """One need in both runs; None where a run did not take it up."""

    call: str
    fate: Fate
    before: Case | None
    after: Case | None
    label: Labelled | None
    """What is known about the run before."""

    @property
    def tick(self) -> int:
        """When it was decided, in the run before if it was there."""
        case = self.before or self.after
        assert case is not None
        return case.tick

    @property
    def earlier(self) -> int:
        """Ticks by which the card came earlier."""
        assert self.before is not None
        assert self.after is not None
        return self.before.tick - self.after.tick


def moments(call: str, before: Sequence[Labelled], after: Sequence[Case]) -> list[Moment]:
    """The moments of one call in the order of time."""
    labels = {label.case.inquiry: label for label in before}
    found = []
    for one, other in _pair([label.case for label in before], after):
        label = labels[one.inquiry] if one else None
        found.append(Moment(call, _fate(one, other), one, other, label))
    return sorted(found, key=lambda moment: moment.tick)


def carry(known: Sequence[Labelled], cases: Sequence[Case]) -> tuple[Labelled, ...]:
    """What is known of one run's moments, told of another run's cases."""
    labels = {label.case.inquiry: label for label in known}
    found = []
    for one, other in _pair([label.case for label in known], cases):
        if other is None:
            continue
        label = labels[one.inquiry] if one else None
        if one is None or label is None:
            found.append(Labelled(other, use_of(other), None, None, ""))
            continue
        same = one.shown == other.shown and one.passage == other.passage
        verdict = label.verdict if same else None
        known_of = (verdict, label.needed, label.right, label.nothing)
        found.append(Labelled(other, use_of(other), *known_of))
    return tuple(sorted(found, key=lambda label: label.case.inquiry))


def _fate(before: Case | None, after: Case | None) -> Fate:
    was, is_ = before is not None and before.shown, after is not None and after.shown
    if before and after and was and is_:
        if before.passage != after.passage:
            return Fate.CHANGED
        return Fate.KEPT if before.tick == after.tick else Fate.MOVED
    if was or is_:
        return Fate.LOST if was else Fate.NEW
    same = before is not None and after is not None and before.silence is after.silence
    return Fate.SILENT if same else Fate.REASON


def _pair(
    before: Sequence[Case], after: Sequence[Case]
) -> Iterable[tuple[Case | None, Case | None]]:
    """Cases of the same moment, nearest first; what is left over stands alone."""
    near = sorted(
        (not _same_card(one, other), abs(one.opened - other.opened), i, j)
        for i, one in enumerate(before)
        for j, other in enumerate(after)
        if _same_card(one, other) or abs(one.opened - other.opened) <= SAME_MOMENT
    )
    ones, others = dict(enumerate(before)), dict(enumerate(after))
    for *_, i, j in near:
        if i in ones and j in others:
            yield ones.pop(i), others.pop(j)
    yield from ((one, None) for one in ones.values())
    yield from ((None, other) for other in others.values())


def _same_card(one: Case, other: Case) -> bool:
    both = one.shown and other.shown
    return both and one.passage == other.passage and abs(one.tick - other.tick) <= SAME_CARD


class Side(Struct):
    """One run's totals."""

    cards: int = 0
    spent: int = 0
    """Hundredths of an unneeded whisper, by the cards' own need."""
    useful: int = 0
    """Cards known to have been useful."""
    unneeded: int = 0
    """Cards known to have been of no use."""
    right: int = 0
    """Inquiries known to need a card that got the right one."""
    silences: Counter[Silence] = msgspec.field(default_factory=Counter)
    leads: list[int] = []
    least_need: set[int] = set()
    """Probabilities of need, percent, that the calls' policies and budgets ask of a card; of calls
    whose model tells what talk that needs nothing brings."""


class Comparison:
    """Sums up moments of any number of calls."""

    def __init__(self) -> None:
        self.before, self.after = Side(), Side()
        self.fates: Counter[Fate] = Counter()
        self.changed: list[Moment] = []
        """The moments that are not the same in both runs."""
        self.needed = 0
        """Inquiries known to need a card."""
        self.lost_useful = self.avoided = self.found = 0
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.earlier: list[int] = []
        """Ticks by which each moved card came earlier."""

    def add(self, moment: Moment) -> None:
        """Count one moment."""
        fate, label = moment.fate, moment.label
        self.fates[fate] += 1
        if fate not in (Fate.KEPT, Fate.SILENT):
            self.changed.append(moment)
        if fate is Fate.MOVED:
            self.earlier.append(moment.earlier)
        if fate is Fate.REASON:
            self.reasons[_why(moment.before), _why(moment.after)] += 1
        _count(self.before, moment.before)
        _count(self.after, moment.after)
        if label is not None:
            self._know(moment, label)

    def _know(self, moment: Moment, label: Labelled) -> None:
        """What a label of the run before tells of both runs."""
        self.needed += label.needed is True
        worths = [_worth(label, case) for case in (moment.before, moment.after)]
        for side, worth in zip((self.before, self.after), worths, strict=True):
            side.useful += worth is True
            side.unneeded += worth is False
            side.right += label.needed is True and worth is True
        self.lost_useful += worths[0] is True and worths[1] is not True
        self.found += label.needed is True and worths[0] is not True and worths[1] is True
        self.avoided += worths[0] is False and not (moment.after and moment.after.shown)


def _worth(label: Labelled, case: Case | None) -> bool | None:
    """Whether the card that a run showed was useful; None where there was none, or nobody knows."""
    if case is None or not case.shown:
        return None
    if label.needed is False:
        return False
    if label.right and label.needed:
        return case.passage == label.right
    if label.verdict is Verdict.WRONG and case.passage == label.passage:
        return False
    return None


def _why(case: Case | None) -> str:
    return "not asked" if case is None or case.silence is None else case.silence.value


def _count(side: Side, case: Case | None) -> None:
    if case is None:
        return
    if case.silence is not None:
        side.silences[case.silence] += 1
        return
    side.cards += 1
    side.spent += case.spent
    if case.lead_ms is not None:
        side.leads.append(case.lead_ms)
