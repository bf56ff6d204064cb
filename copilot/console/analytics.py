"""What calls of a time came to: cards and silences, their use, lead, calibration, budget, gaps."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import TICKS_PER_SECOND, Silence
from copilot.evaluate.calls import Share, Spread
from copilot.evaluate.gaps import UNANSWERED
from copilot.evaluate.labels import Use
from copilot.evaluate.metrics import percentile
from copilot.evaluate.reliability import Reliability, reliability
from copilot.store.console.rows import Spoken, Told

LEAD_BINS_S = (-8, -4, -2, -1, 0, 1, 2, 4)
"""Bounds of the distribution of leads, seconds before the end of the question."""
GAPS = 10
"""Questions without an answer that are listed."""

Key = TypeVar("Key", bound=Hashable)


class Filter(Struct, frozen=True):
    """Which calls are looked at."""

    since: datetime
    until: datetime
    pack: str = ""
    person_id: str = ""
    level: str = ""


class Day(Struct, frozen=True):
    """One day, or week where the time is long."""

    day: date
    hours: float
    """Of calls."""
    calls: int
    cards: int
    silences: Mapping[Silence, int]
    spent: int
    """Hundredths of an unneeded card."""
    budget: int
    """What the calls' policies allowed, in hundredths."""


class Group(Struct, frozen=True):
    """The same figures for one pack, agent or level."""

    name: str
    calls: int
    hours: float
    cards: int
    silences: int
    used: int
    dismissed: int
    said: int
    precision: Share
    lead_ms: float | None
    """Median."""


class Gap(Struct, frozen=True):
    """A question that nothing answered, and how often its nearest passage was not enough."""

    query: str
    pack: str
    title: str
    count: int
    call_id: str
    """The latest call that asked it."""
    tick: int


class Lead(Struct, frozen=True):
    """One column of the distribution of leads."""

    label: str
    count: int
    early: bool
    """Before the question's end."""


class Analytics(Struct, frozen=True):
    """Everything that the page shows."""

    calls: int
    hours: float
    cards: int
    silences: int
    shadow: int
    """Calls in which the agent saw nothing."""
    precision: Share
    days: tuple[Day, ...]
    span: int
    """Days in one of `days`."""
    uses: Mapping[Use, int]
    reasons: Mapping[Silence, int]
    leads: tuple[Lead, ...]
    lead_ms: Spread | None
    judged: int
    """Moments of which it is known whether their passage was useful."""
    calibration: Reliability | None
    """None: it was not asked for."""
    spent: int
    budget: int
    gaps: tuple[Gap, ...]
    packs: tuple[Group, ...]
    agents: tuple[Group, ...]
    levels: tuple[Group, ...]


def wanted(told: Iterable[Told], only: Filter) -> list[Told]:
    """The moments that the filter lets through."""
    return [
        one
        for one in told
        if only.pack in ("", one.pack)
        and only.person_id in ("", one.person_id)
        and only.level in ("", one.level)
    ]


def sum_up(
    calls: Sequence[Spoken],
    told: Sequence[Told],
    only: Filter,
    names: Mapping[str, str],
    calibrate: bool = True,
) -> Analytics:
    """The figures of calls and their moments; `names` are people's by their id."""
    calls = [one for one in calls if _is_wanted(one, only)]
    told = wanted(told, only)
    cards = [one for one in told if not one.silence]
    leads = [one.lead_ms for one in cards if one.lead_ms is not None]
    judged = [one for one in told if one.useful is not None]
    by_call = {one.call_id: one for one in calls}
    return Analytics(
        len(calls),
        _hours(calls),
        len(cards),
        len(told) - len(cards),
        sum(one.shadow for one in calls),
        _precision(cards),
        *_days(calls, told, only),
        uses={use: count for use, count in _uses(cards).items() if count},
        reasons=_reasons(told),
        leads=_leads(leads),
        lead_ms=_spread(leads),
        judged=len(judged),
        calibration=_calibration(judged) if calibrate else None,
        spent=sum(one.spent for one in cards),
        budget=_allowed(calls),
        gaps=_gaps(told),
        packs=_groups(told, by_call, lambda one: one.pack, lambda name: name or "several packs"),
        agents=_groups(
            told, by_call, lambda one: one.person_id, lambda key: names.get(key, key) or "not known"
        ),
        levels=_groups(told, by_call, lambda one: one.level, lambda name: name or "not told"),
    )


def _calibration(judged: Sequence[Told]) -> Reliability:
    return reliability(
        [one.support / 100 for one in judged], [one.useful is True for one in judged]
    )


def _is_wanted(call: Spoken, only: Filter) -> bool:
    packs = {ref.split("@")[0] for ref in msgspec.json.decode(call.packs, type=list[str])}
    return (
        (not only.pack or only.pack in packs)
        and only.person_id in ("", call.person_id)
        and only.level in ("", call.level)
    )


def _hours(calls: Iterable[Spoken]) -> float:
    return sum(one.ticks for one in calls) / TICKS_PER_SECOND / 3600


def _allowed(calls: Iterable[Spoken]) -> int:
    return round(sum(one.budget * one.ticks for one in calls) / TICKS_PER_SECOND / 3600)


def _precision(cards: Iterable[Told]) -> Share:
    known = [one.useful for one in cards if one.useful is not None]
    return Share(sum(known), len(known))


def _uses(cards: Iterable[Told]) -> dict[Use, int]:
    counts = Counter(one.use for one in cards)
    return {use: counts[use] for use in Use}


def _reasons(told: Iterable[Told]) -> dict[Silence, int]:
    counts = Counter(one.silence for one in told if one.silence)
    return {reason: counts[reason] for reason in Silence if counts[reason]}


def _days(
    calls: Sequence[Spoken], told: Sequence[Told], only: Filter
) -> tuple[tuple[Day, ...], int]:
    """A column for each day, for each week where there would be over 31."""
    first = only.since.date()
    days = max(
        1, (only.until - timedelta(microseconds=1)).date().toordinal() - first.toordinal() + 1
    )
    span = 1 if days <= 31 else 7
    calls_of = _by(calls, lambda one: (one.started_at.date() - first).days // span)
    told_of = _by(told, lambda one: (one.started_at.date() - first).days // span)
    found = []
    for number in range(-(-days // span)):
        some, moments = calls_of.get(number, []), told_of.get(number, [])
        cards = [one for one in moments if not one.silence]
        found.append(
            Day(
                first + timedelta(days=number * span),
                _hours(some),
                len(some),
                len(cards),
                _reasons(moments),
                sum(one.spent for one in cards),
                _allowed(some),
            )
        )
    return tuple(found), span


Row = TypeVar("Row", Spoken, Told)


def _by(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def _leads(leads: Sequence[int]) -> tuple[Lead, ...]:
    bounds = [1000 * bound for bound in LEAD_BINS_S]
    edges = [float("-inf"), *bounds, float("inf")]
    found = []
    for low, high in pairwise(edges):
        count = sum(low < one <= high for one in leads)
        found.append(Lead(_span(low, high), count, high > 0))
    return tuple(found)


def _span(low: float, high: float) -> str:
    """Between two bounds, milliseconds before the end of the question, in words."""
    if low == float("-inf"):
        return f"over {-high / 1000:g} s after"
    if high == float("inf"):
        return f"over {low / 1000:g} s before"
    one, other = sorted((abs(low) / 1000, abs(high) / 1000))
    return f"{one:g}–{other:g} s {'before' if high > 0 else 'after'}"


def _spread(leads: Sequence[int]) -> Spread | None:
    return Spread(*(percentile(leads, at) for at in (10, 50, 90))) if leads else None


def _groups(
    told: Sequence[Told],
    calls: Mapping[str, Spoken],
    key: Callable[[Told], str],
    name: Callable[[str], str],
) -> tuple[Group, ...]:
    found = []
    for one, moments in _by(told, key).items():
        some = [calls[call_id] for call_id in {m.call_id for m in moments} if call_id in calls]
        cards = [moment for moment in moments if not moment.silence]
        leads = [moment.lead_ms for moment in cards if moment.lead_ms is not None]
        uses = _uses(cards)
        found.append(
            Group(
                name(one),
                len(some),
                _hours(some),
                len(cards),
                len(moments) - len(cards),
                uses[Use.USED] + uses[Use.OPENED],
                uses[Use.DISMISSED],
                uses[Use.SAID] + uses[Use.SPOKEN],
                _precision(cards),
                percentile(leads, 50) if leads else None,
            )
        )
    return tuple(sorted(found, key=lambda group: (-group.cards - group.silences, group.name)))


def _gaps(told: Iterable[Told]) -> tuple[Gap, ...]:
    """Unanswered questions by the passage that came nearest, the most asked first."""
    asked = [one for one in told if one.asked and one.silence in UNANSWERED and one.query.strip()]
    groups = _by(asked, lambda one: one.passage or one.query)
    found = []
    for moments in groups.values():
        last = max(moments, key=lambda one: (one.started_at, one.tick))
        found.append(Gap(last.query, last.pack, last.title, len(moments), last.call_id, last.tick))
    return tuple(sorted(found, key=lambda gap: (-gap.count, gap.query))[:GAPS])


COLUMNS = (
    "call", "started", "agent", "level", "shadow", "inquiry", "tick", "pack", "silence", "use",
    "verdict", "needed", "useful", "support", "need", "spent", "lead_ms", "passage", "query",
)  # fmt: skip


def table(told: Iterable[Told], names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Every moment as a row of a spreadsheet, the heads first."""
    yield COLUMNS
    for one in told:
        values = (
            one.call_id, one.started_at.isoformat(), names.get(one.person_id, one.person_id),
            one.level, one.shadow, one.inquiry, one.tick, one.pack, one.silence, one.use,
            one.verdict, one.needed, one.useful, one.support, one.need, one.spent, one.lead_ms,
            one.passage, one.query,
        )  # fmt: skip
        yield tuple(map(_cell, values))


def _cell(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
