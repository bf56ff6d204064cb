"""How good the copilot was in calls: precision, recall, calibration, burden, lead, silences."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.core.vocabulary import Silence
from copilot.evaluate.cases import cases_of
from copilot.evaluate.corpus import Stored
from copilot.evaluate.labels import Labelled, Use, unheard
from copilot.evaluate.metrics import percentile
from copilot.evaluate.reliability import Reliability, picture, reliability, summary
from copilot.evaluate.report import lead


class Share(Struct, frozen=True):
    """Some of a number of cases."""

    part: int
    of: int

    @property
    def rate(self) -> float | None:
        """None of no cases."""
        return self.part / self.of if self.of else None


class Spread(Struct, frozen=True):
    """Leads, milliseconds from a card to the end of the customer's turn."""

    p10: float
    p50: float
    p90: float


class Quality(Struct, frozen=True):
    """What came of a corpus of calls."""

    calls: int
    hours: float
    cards: int
    precision: Share
    """Useful cards, of the cards about which it is known."""
    recall: Share
    """Inquiries that got their right card, of those that people say needed one.

    Use alone would count only cards that came.
    """
    unneeded: int
    """Cards known to have been of no use."""
    unneeded_per_hour: float
    expected_unneeded_per_hour: float
    """The same by the cards' own need: what they spent of the budget."""
    lead_ms: Spread | None
    """None without a card whose turn is known to have ended."""
    uses: dict[Use, int]
    """Cards by what became of them."""
    silences: dict[Silence, int]
    calibration: Reliability
    """Of support, over all inquiries of which it is known whether their passage was useful."""
    need_calibration: Reliability
    """Of need, where it was estimated and it is known whether a card was needed."""
    judged: int
    """Inquiries that people have judged."""


class Tally:
    """Sums up calls one after another."""

    def __init__(self) -> None:
        self._calls = self._unheard = self._judged = self._spent = 0
        self._hours = 0.0
        self._useful: Counter[bool | None] = Counter()
        self._needed: list[bool] = []
        self._leads: list[int] = []
        self._uses: Counter[Use] = Counter()
        self._silences: Counter[Silence] = Counter()
        self._said: list[float] = []
        self._came: list[bool] = []
        self._need_said: list[float] = []
        self._need_came: list[bool] = []

    def add(self, call: Stored) -> None:
        """Count one call."""
        self._calls += 1
        self._hours += call.hours
        if call.expected is not None:
            self._unheard += unheard(call.expected, cases_of(call.entries))
        for one in call.labelled():
            self._count(one)

    def _count(self, one: Labelled) -> None:
        case, useful = one.case, one.useful
        self._judged += one.verdict is not None
        if case.silence is not None:
            self._silences[case.silence] += 1
        else:
            self._uses[one.use] += 1
            self._useful[useful] += 1
            self._spent += case.spent
            if case.lead_ms is not None:
                self._leads.append(case.lead_ms)
        if one.needed and one.verdict is not None:
            self._needed.append(case.shown and useful is True)
        if useful is not None:
            self._said.append(case.support / 100)
            self._came.append(useful)
        # A silence because it was said already is right however likely a need was.
        told = case.shown or one.verdict is not None
        if told and case.seeking is not None and one.needed is not None:
            self._need_said.append(case.need / 100)
            self._need_came.append(one.needed)

    def quality(self) -> Quality:
        """What the calls so far come to."""
        unneeded, hours = self._useful[False], self._hours or 1.0
        return Quality(
            calls=self._calls,
            hours=self._hours,
            cards=sum(self._useful.values()),
            precision=Share(self._useful[True], self._useful[True] + unneeded),
            recall=Share(sum(self._needed), len(self._needed) + self._unheard),
            unneeded=unneeded,
            unneeded_per_hour=unneeded / hours,
            expected_unneeded_per_hour=self._spent / 100 / hours,
            lead_ms=_spread(self._leads),
            uses={use: self._uses[use] for use in Use if self._uses[use]},
            silences={why: self._silences[why] for why in Silence if self._silences[why]},
            calibration=reliability(self._said, self._came),
            need_calibration=reliability(self._need_said, self._need_came),
            judged=self._judged,
        )


def _spread(leads: Sequence[int]) -> Spread | None:
    return Spread(*(percentile(leads, at) for at in (10, 50, 90))) if leads else None


def figures(found: Quality) -> dict[str, object]:
    """The same for scripts; rates that nobody knows are null."""
    plain: dict[str, object] = msgspec.to_builtins(found)
    for name, share in (("precision", found.precision), ("recall", found.recall)):
        plain[name] = {"part": share.part, "of": share.of, "rate": share.rate}
    return plain


def render(found: Quality) -> RenderableType:
    """The figures for a terminal."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, told in _rows(found):
        table.add_row(name, told)
    return Group(table, Text(), picture(found.calibration))


def _rows(found: Quality) -> Iterable[tuple[str, str]]:
    yield "calls", f"{found.calls}, {length(found.hours)} in all"
    yield "cards", str(found.cards)
    yield "judged", f"{found.judged} inquiries by people"
    yield "precision", _share(found.precision, "cards of which it is known were useful")
    yield "recall", _share(found.recall, "inquiries that needed a card, as people say, got it")
    yield (
        "burden",
        f"{found.unneeded_per_hour:.1f} unneeded cards per hour known, "
        f"{found.expected_unneeded_per_hour:.1f} expected by their need",
    )
    if found.need_calibration.count:
        yield "need", summary(found.need_calibration)
    yield "lead", _lead(found.lead_ms)
    yield "cards were", _counts(found.uses) or "none"
    yield "silences", _counts(found.silences) or "none"


def _share(share: Share, what: str) -> str:
    if share.rate is None:
        return "unknown: nobody has told yet; `copilot label CALL` lets you"
    return f"{100 * share.rate:.0f} %: {share.part} of {share.of} {what}"


def _lead(spread: Spread | None) -> str:
    if spread is None:
        return "no card whose question has ended"
    times = (lead(at) for at in (spread.p50, spread.p10, spread.p90))
    median, low, high = times
    return f"median {median}, p10 {low}, p90 {high}; + is before the question's end"


def _counts(counts: dict[Use, int] | dict[Silence, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())


def length(hours: float) -> str:
    """How long something is, for a person: ``4 min``, ``2.5 h``."""
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"
