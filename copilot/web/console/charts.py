"""Geometry of the analytics' charts: everything in the units of an SVG's view box."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from copilot.console.analytics import Analytics, Day, Lead
from copilot.core.vocabulary import Silence

WIDTH, WIDE, HEIGHT = 560, 1120, 200
LEFT, BOTTOM = 44, 30
"""Room for the scale and for the days."""
LABELS = 8
"""Days that are written under a chart at most."""

GROUPS: Mapping[str, tuple[str, tuple[Silence, ...]]] = {
    "nothing": ("Nothing found", (Silence.NO_EVIDENCE, Silence.EXPIRED)),
    "unsure": ("Not sure enough", (Silence.WEAK, Silence.UNGROUNDED)),
    "known": (
        "Agent had it",
        (Silence.ALREADY_SAID, Silence.ALREADY_TOLD, Silence.DISMISSED),
    ),
    "rules": (
        "Team's rules",
        (
            Silence.DO_NOT_TRIGGER,
            Silence.QUIET,
            Silence.COOLDOWN,
            Silence.BUDGET,
            Silence.NO_CONSENT,
        ),
    ),
    "late": ("Too late", (Silence.STALE,)),
}
"""Reasons of silence as a chart can tell them apart."""


class Block(NamedTuple):
    """One piece of a column."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str


class Text(NamedTuple):
    x: float
    y: float
    text: str


class Chart(NamedTuple):
    """What the template draws."""

    blocks: list[Block]
    days: list[Text]
    scale: list[Text]
    width: int = WIDTH
    marks: Sequence[Block] = ()
    """Short lines over the columns: what was allowed."""


def activity(days: Sequence[Day]) -> Chart:
    """Cards and silences per hour of calls, a column a day."""
    columns = []
    for day in days:
        hours = day.hours or 1.0
        parts = [("card", day.cards / hours, f"{day.cards} cards")]
        for kind, (label, reasons) in GROUPS.items():
            count = sum(day.silences.get(reason, 0) for reason in reasons)
            parts.append((kind, count / hours, f"{count} silent: {label.lower()}"))
        columns.append((day.day, parts))
    return _columns(columns, "per hour", width=WIDE)


def budget(days: Sequence[Day]) -> Chart:
    """Budget spent each day beside what was allowed, in unneeded cards."""
    columns = [
        (day.day, [("card", day.spent / 100, f"{day.spent / 100:.1f} spent")]) for day in days
    ]
    most = max((max(day.spent, day.budget) / 100 for day in days), default=0.0)
    chart = _columns(columns, "spent", most)
    top = _round_up(most)
    marks = [
        Block(
            "allowed",
            x,
            round(_y(day.budget / 100, top), 1),
            width,
            0,
            f"{_day(day.day)}: {day.budget / 100:.1f} allowed",
        )
        for day, (x, width) in zip(days, _places(len(days)), strict=True)
        if day.budget
    ]
    return chart._replace(marks=marks)


def leads(found: Sequence[Lead]) -> Chart:
    """How many cards came how long before or after the end of their question."""
    most = max((one.count for one in found), default=0)
    top = _round_up(most)
    blocks, texts = [], []
    for one, (x, width) in zip(found, _places(len(found)), strict=True):
        y = _y(one.count, top)
        kind = "early" if one.early else "behind"
        blocks.append(_block(kind, x, y, width, f"{one.label}: {one.count}"))
        texts.append(Text(round(x + width / 2, 1), HEIGHT - 12, _short(one.label)))
    return Chart(blocks, texts, _scale(top))


def share(found: Analytics) -> list[tuple[str, str, int, float]]:
    """What became of cards: kind, count, and percent of the longest bar."""
    most = max(found.uses.values(), default=0)
    return [(use.value, use.value, count, 100 * count / most) for use, count in found.uses.items()]


def _columns(
    columns: Sequence[tuple[date, Sequence[tuple[str, float, str]]]],
    what: str,
    most: float | None = None,
    width: int = WIDTH,
) -> Chart:
    totals = [sum(value for _, value, _ in parts) for _, parts in columns]
    top = _round_up(max(totals, default=0.0) if most is None else most)
    blocks, texts = [], []
    every = -(-len(columns) // LABELS)
    for place, ((day, parts), (x, wide)) in enumerate(
        zip(columns, _places(len(columns), width), strict=True)
    ):
        height = 0.0
        for kind, value, label in parts:
            if value > 0:
                y, below = _y(height + value, top), _y(height, top)
                told = f"{_day(day)}: {label} ({value:.1f} {what})"
                blocks.append(Block(kind, x, round(y, 1), wide, round(below - y, 1), told))
                height += value
        if place % every == 0:
            texts.append(Text(round(x + wide / 2, 1), HEIGHT - 12, _day(day)))
    return Chart(blocks, texts, _scale(top), width)


def _block(kind: str, x: float, y: float, width: float, label: str) -> Block:
    return Block(kind, x, round(y, 1), width, round(HEIGHT - BOTTOM - y, 1), label)


def _places(count: int, width: int = WIDTH) -> list[tuple[float, float]]:
    """Where each of so many columns begins, and how wide they are."""
    span = (width - LEFT) / max(1, count)
    wide = min(48.0, 0.72 * span)
    return [
        (round(LEFT + place * span + (span - wide) / 2, 1), round(wide, 1))
        for place in range(count)
    ]


def _y(value: float, top: float) -> float:
    room = HEIGHT - BOTTOM - 8
    return HEIGHT - BOTTOM - room * value / top


def _round_up(value: float) -> float:
    """The next round number: 1, 2 or 5 times a power of ten."""
    size = 1.0
    while size < value:
        size *= 10
    while size / 10 >= value > 0:
        size /= 10
    return next(size * part / 10 for part in (1, 2, 5, 10) if size * part / 10 >= value)


def _scale(top: float) -> list[Text]:
    return [
        Text(LEFT - 8, round(_y(top * part, top), 1), f"{top * part:g}") for part in (0, 0.5, 1)
    ]


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _short(label: str) -> str:
    return label.replace(" before", "").replace(" after", "").replace("over ", ">")
