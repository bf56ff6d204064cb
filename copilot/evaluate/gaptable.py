"""Knowledge gaps for people: a count per pack and week, and what to write a passage about."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.evaluate.gaps import Gap

LISTED = 20
"""Gaps that a terminal shows; the figures hold all."""
WEEKS = 8
"""Weeks that a terminal shows, the latest ones."""


def render(found: Sequence[Gap], calls: int) -> RenderableType:
    """The gaps for a terminal."""
    told = f"{calls} call{'s' * (calls != 1)}"
    if not found:
        return Text(f"No unanswered question in {told}.")
    asked = sum(gap.count for gap in found)
    head = Text(
        f"{asked} unanswered question{'s' * (asked != 1)} in {told}, "
        f"{len(found)} gap{'s' * (len(found) != 1)}"
    )
    parts: list[RenderableType] = [head, _weeks(found), *map(_gap, found[:LISTED])]
    if len(found) > LISTED:
        parts.append(Text(f"\nand {len(found) - LISTED} more; --json PATH has them all"))
    return Group(*parts)


def _weeks(found: Sequence[Gap]) -> Table:
    counts: Counter[tuple[str, str]] = Counter()
    for gap in found:
        for one in gap.counts:
            counts[one.pack, one.week] += one.count
    weeks = sorted({week for _, week in counts})[-WEEKS:]
    table = Table("pack", *(week or "no date" for week in weeks))
    for column in table.columns[1:]:
        column.justify = "right"
    for pack in sorted({pack for pack, _ in counts}):
        table.add_row(Text(pack), *(str(counts[pack, week] or "") for week in weeks))
    return table


def _gap(gap: Gap) -> RenderableType:
    lines = Table.grid(padding=(0, 1))
    lines.add_column(justify="right", width=4, style="bold")
    lines.add_column()
    lines.add_row(f"\n{gap.count}×", Text(f"\n{gap.name}", style="bold"))
    packs = ", ".join(sorted({one.pack for one in gap.counts}))
    why = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in gap.reasons.items())
    lines.add_row("", Text(f"{', '.join(gap.words) or 'no words of its own'} · {packs} · {why}"))
    for quote in gap.quotes:
        lines.add_row("", Text(f"“{quote}”", style="italic"))
    nearest = f"{gap.title or gap.nearest} ({gap.support} %)" if gap.nearest else "none"
    lines.add_row("", Text(f"nearest passage: {nearest}", style="dim"))
    return lines


def figures(found: Sequence[Gap], calls: int) -> dict[str, object]:
    """The gaps for scripts."""
    return {
        "calls": calls,
        "questions": sum(gap.count for gap in found),
        "gaps": msgspec.to_builtins(found),
    }
