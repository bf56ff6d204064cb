"""The geometry of a timeline: rows of equal length, everything placed in percent of a row."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from copilot.core.vocabulary import TICKS_PER_SECOND, Party
from copilot.store.console.rows import Flag
from copilot.web.phrases import SILENCES, clock
from copilot.web.story import Story

_ROW_SECONDS = ((600, 60), (1800, 120), (float("inf"), 300))
"""Calls up to so many seconds are drawn with rows of so many seconds."""
NO_LEADS: Mapping[int, int] = MappingProxyType({})
_LABEL_WORDS = 12
"""Words of a query that a mark's label holds."""


class Bar(NamedTuple):
    """Speech or a pause, inside one row."""

    lane: str
    """``agent``, ``customer``, ``pause``, ``overlap`` or ``whisper``."""
    x: float
    width: float
    label: str


class Mark(NamedTuple):
    """A card, a silence or a flag."""

    kind: str
    """``card``, ``silence`` or ``flag``."""
    x: float
    label: str
    target: str
    """Id of the list item that tells all of it."""


class Row(NamedTuple):
    """One line of the picture."""

    start: int
    """First tick."""
    span: int
    """Ticks from the row's left end to its right one."""
    label: str
    grid: tuple[float, ...]
    """Where the ten-second lines stand."""
    filled: float
    """How much of the row the call covers."""
    bars: list[Bar]
    marks: list[Mark]


def rows(
    story: Story,
    flags: Sequence[Flag] = (),
    leads: Mapping[int, int] = NO_LEADS,
    clean: Callable[[str], str] = str,
) -> list[Row]:
    """The picture of a call, at least one row; `leads` are the cards', milliseconds.

    `clean` is what the customer's words go through before they are shown.
    """
    seconds = story.ticks / TICKS_PER_SECOND
    span_s = next(row for limit, row in _ROW_SECONDS if seconds <= limit)
    span = int(span_s * TICKS_PER_SECOND)
    grid = tuple(100 * part / 6 for part in range(1, 6))
    count = max(1, -(-story.ticks // span))
    found = [
        Row(
            i * span,
            span,
            clock(i * span),
            grid,
            min(100, _percent(story.ticks - i * span, span)),
            [],
            [],
        )
        for i in range(count)
    ]
    for bar_lane, start, end, label in _spans(story):
        _place(found, span, bar_lane, start, end, label)
    for mark, tick in _marks(story, flags, leads, clean):
        row = found[min(tick // span, count - 1)]
        row.marks.append(mark._replace(x=_percent(tick - row.start, span)))
    return found


def _spans(story: Story) -> list[tuple[str, int, int, str]]:
    spoken = [
        (
            str(s.party),
            s.start,
            s.end,
            f"{_name(s.party)} speaks {clock(s.start)} to {clock(s.end)}",
        )
        for s in story.stretches
    ]
    quiet = [
        ("pause", p.start, p.end, f"Nobody speaks for {_seconds(p.end - p.start)} s")
        for p in story.pauses
    ]
    both = [
        ("overlap", start, end, f"Both speak at {clock(start)}") for start, end in story.overlaps
    ]
    whispers = [
        ("whisper", c.spoken, end, f"In the earpiece at {clock(c.spoken)}: {c.text}")
        for c in story.cards
        if c.spoken is not None and (end := c.cut or c.played or c.spoken + 1) > c.spoken
    ]
    return spoken + quiet + both + whispers


def _marks(
    story: Story, flags: Sequence[Flag], leads: Mapping[int, int], clean: Callable[[str], str]
) -> list[tuple[Mark, int]]:
    found = []
    for c in story.cards:
        who = f"{c.by}'s line" if c.by else "Card"
        label = f"{who} at {clock(c.shown)}: {c.text if c.by else c.title}{_lead(c.inquiry, leads)}"
        found.append((Mark("card", 0.0, label, f"card-{c.inquiry}"), c.shown))
    for flag in flags:
        note = f": {flag.note}" if flag.note else ""
        label = f"Marked at {clock(flag.tick)} by {flag.by}{note}"
        found.append((Mark("flag", 0.0, label, f"flag-{flag.id}"), flag.tick))
    for number, held in enumerate(story.silences):
        reason = SILENCES[held.reason].label
        label = f"Silent at {clock(held.tick)}: {reason}. Heard: {_shorten(clean(held.query))}"
        found.append((Mark("silence", 0.0, label, f"silence-{number}"), held.tick))
    return sorted(found, key=lambda pair: pair[1])


def _lead(inquiry: int, leads: Mapping[int, int]) -> str:
    """How long the card came before the end of its question."""
    lead = leads.get(inquiry)
    if lead is None:
        return ""
    when = "before" if lead >= 0 else "after"
    return f" ({abs(lead) / 1000:.1f} s {when} the question's end)"


def _place(found: list[Row], span: int, lane: str, start: int, end: int, label: str) -> None:
    """Put a bar into each row that it crosses."""
    for row in found[start // span : (end - 1) // span + 1]:
        left, right = max(start, row.start), min(end, row.start + span)
        x = _percent(left - row.start, span)
        row.bars.append(Bar(lane, x, _percent(right - left, span), label))


def _percent(ticks: int, span: int) -> float:
    return round(100 * ticks / span, 2)


def _name(party: Party) -> str:
    return str(party).capitalize()


def _seconds(ticks: int) -> int:
    return round(ticks / TICKS_PER_SECOND)


def _shorten(query: str) -> str:
    words = query.split()
    return query if len(words) <= _LABEL_WORDS else " ".join(words[-_LABEL_WORDS:])
