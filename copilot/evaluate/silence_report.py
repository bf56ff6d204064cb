"""What was whispered into talk that needed nothing, as a table and as figures."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.evaluate.silence import Quiet

SHOWN = 12
"""Whispers that are listed; the JSON has all."""


def render(quiet: Quiet) -> RenderableType:
    """Whispers per hour, the reasons of the silences, and the whispers themselves."""
    count = len(quiet.whispers)
    head = Text(
        f"{count} unneeded whisper{'s' * (count != 1)} in {quiet.hours:.1f} h of talk: "
        f"{quiet.per_hour:.2f} per hour; {quiet.searches} searches",
        "bold",
    )
    reasons = Table("silence", "times", box=box.SIMPLE)
    for reason, times in sorted(quiet.silences.items(), key=lambda row: -row[1]):
        reasons.add_row(reason.replace("_", " "), str(times))
    if not quiet.whispers:
        return Group(head, reasons)
    told = Table("call", "at", "need", "support", "heard", "card", box=box.SIMPLE)
    for one in quiet.whispers[:SHOWN]:
        at = f"{int(one.second) // 60}:{int(one.second) % 60:02}"
        told.add_row(one.talk, at, f"{one.need} %", f"{one.support} %", one.query, one.title)
    more = count - SHOWN
    return Group(head, reasons, told, Text(f"and {more} more", "dim") if more > 0 else Text())


def figures(quiet: Quiet) -> dict[str, object]:
    """The same for programs."""
    return {
        "hours": round(quiet.hours, 3),
        "whispers": len(quiet.whispers),
        "per_hour": round(quiet.per_hour, 3),
        "searches": quiet.searches,
        "silences": {str(reason): times for reason, times in quiet.silences.items()},
        "told": [
            {
                "call": one.talk,
                "second": one.second,
                "need": one.need,
                "support": one.support,
                "query": one.query,
                "title": one.title,
            }
            for one in quiet.whispers
        ],
    }
