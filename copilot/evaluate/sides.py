"""A what-if for people and scripts: both sides in one table, and the moments that changed."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot.core.vocabulary import TICK_MS, TICKS_PER_SECOND, Silence
from copilot.evaluate.calls import length
from copilot.evaluate.cases import Case
from copilot.evaluate.compare import Comparison, Fate, Moment, Side
from copilot.evaluate.experiment import Experiment, Totals
from copilot.evaluate.metrics import percentile
from copilot.evaluate.report import clock, lead

LISTED = 30
"""Changed moments that a terminal shows; the figures hold all."""
WORDS = 16
"""Words of a query that a terminal shows, the last ones."""
STYLES = {Fate.LOST: "red", Fate.NEW: "green", Fate.CHANGED: "yellow"}


def render(found: Experiment, before: str, after: str) -> RenderableType:
    """The comparison for a terminal; `before` and `after` name the policies."""
    comparison, totals = found.comparison, found.totals
    parts: list[RenderableType] = [_sides(comparison, totals, before, after)]
    parts += [Text(line) for line in (*_fates(comparison), *_known(comparison))]
    parts += [Text(line, style="yellow") for line in _caveats(totals)]
    if comparison.changed:
        parts.append(_changes(comparison.changed))
    return Group(*parts)


def _sides(comparison: Comparison, totals: Totals, before: str, after: str) -> Table:
    calls = f"{totals.calls} call{'s' * (totals.calls != 1)}, {length(totals.hours)}"
    table = Table("", before, after, title=calls)
    for column in table.columns[1:]:
        column.justify = "right"
    sides = (comparison.before, comparison.after)
    hours = totals.hours or 1.0
    table.add_row("cards", *(str(side.cards) for side in sides))
    table.add_row("  known useful", *(str(side.useful) for side in sides))
    table.add_row("  known unneeded", *(str(side.unneeded) for side in sides))
    if comparison.needed:
        told = (f"{side.right} of {comparison.needed}" for side in sides)
        table.add_row("needed and got right", *told)
    per_hour = (f"{side.unneeded / hours:.1f}" for side in sides)
    table.add_row("known unneeded an hour", *per_hour)
    spent = (f"{side.spent / 100 / hours:.1f}" for side in sides)
    table.add_row("budget spent an hour", *spent)
    if comparison.before.least_need:
        table.add_row("need a card takes", *(_least(side.least_need) for side in sides))
    table.add_row("median lead", *(lead(_median(side)) or "–" for side in sides), end_section=True)
    for reason in Silence:
        counts = [side.silences[reason] for side in sides]
        if any(counts):
            table.add_row(f"silent: {reason.replace('_', ' ')}", *map(str, counts))
    return table


def _least(percents: set[int]) -> str:
    """What cards take, from the call that asks for least to the one that asks for most."""
    low, high = (f"{one} %" if one <= 100 else "no card" for one in (min(percents), max(percents)))
    return low if low == high else f"{low} to {high}"


def _median(side: Side) -> float | None:
    return percentile(side.leads, 50) if side.leads else None


def _fates(comparison: Comparison) -> Iterator[str]:
    fates = comparison.fates
    moved = ""
    if comparison.earlier:
        seconds = percentile(comparison.earlier, 50) / TICKS_PER_SECOND
        moved = f" (median {abs(seconds):.2f} s {'earlier' if seconds >= 0 else 'later'})"
    yield (
        f"Cards: {fates[Fate.KEPT]} kept, {fates[Fate.MOVED]} moved{moved}, "
        f"{fates[Fate.CHANGED]} with another passage, {fates[Fate.LOST]} lost, "
        f"{fates[Fate.NEW]} new"
    )
    if comparison.reasons:
        told = (
            f"{was.replace('_', ' ')} → {is_.replace('_', ' ')} {count}"
            for (was, is_), count in comparison.reasons.most_common()
        )
        yield f"Silent for another reason: {', '.join(told)}"


def _known(comparison: Comparison) -> Iterator[str]:
    if not (comparison.before.useful or comparison.before.unneeded or comparison.needed):
        yield "Which cards were needed nobody has told: no touches, no labels."
        return
    yield (
        f"Of what is known: {comparison.lost_useful} useful cards lost, "
        f"{comparison.found} missed ones found, {comparison.avoided} unneeded ones avoided"
    )


def _caveats(totals: Totals) -> Iterator[str]:
    if totals.unanswered:
        yield (
            f"{totals.unanswered} of {totals.reused + totals.searched + totals.unanswered} "
            "searches had no answer: the query is new, and what the call searched is not at hand"
        )
    if totals.searched:
        yield f"{totals.searched} searches were made anew, {totals.reused} taken from the logs"
    if totals.touches_lost:
        yield f"{totals.touches_lost} touches fell on no card and were left out"
    if totals.drifted:
        yield (
            f"{totals.drifted} of {totals.calls} calls come out otherwise even under their own "
            "policy: another version logged them; --replayed leaves that out"
        )


def _changes(moments: Sequence[Moment]) -> RenderableType:
    """All of few; of many those that concern a card."""
    cards = [moment for moment in moments if moment.fate is not Fate.REASON]
    listed = moments if len(moments) <= LISTED else cards[:LISTED]
    lines = Table.grid(padding=(0, 1))
    lines.add_column(justify="right", no_wrap=True, style="dim")
    lines.add_column()
    for call, group in groupby(listed, lambda moment: moment.call):
        lines.add_row("", Text(f"\n{call}", style="bold"))
        for moment in group:
            lines.add_row(*_change(moment))
    more = len(moments) - len(listed)
    rest = Text(f"and {more} more; --json PATH has them all") if more else Text()
    return Group(lines, rest)


def _change(moment: Moment) -> tuple[str, Text]:
    case = moment.before or moment.after
    assert case is not None
    words = case.query.split()
    shown = " ".join(words[-WORDS:])
    return clock(moment.tick * TICK_MS), Text.assemble(
        (f"{'… ' * (len(words) > WORDS)}{shown}\n", "italic"),
        f"was {_case(moment.before)}{_worth(moment)}\n",
        (f"is  {_case(moment.after)}", STYLES.get(moment.fate, "")),
    )


def _case(case: Case | None) -> str:
    if case is None:
        return "not asked"
    if case.silence is not None:
        return f"silent: {case.silence.replace('_', ' ')} ({_chances(case)})"
    at = f", {lead(case.lead_ms)}" if case.lead_ms is not None else ""
    return f"{case.title} ({_chances(case)}{at})"


def _chances(case: Case) -> str:
    """Support, and need where it was estimated."""
    need = "" if case.seeking is None else f", need {case.need} %"
    return f"{case.support} %{need}"


def _worth(moment: Moment) -> str:
    label = moment.label
    if label is None:
        return ""
    if label.verdict is None and not label.case.shown:
        return ""
    told = label.verdict.value if label.verdict else label.use.value.replace("_", " ")
    return f" · {told}"


def figures(found: Experiment) -> dict[str, object]:
    """The comparison for scripts, every changed moment included."""
    comparison, totals = found.comparison, found.totals
    return {
        "totals": msgspec.to_builtins(totals),
        "before": _side(comparison.before, totals.hours),
        "after": _side(comparison.after, totals.hours),
        "fates": {fate.value: comparison.fates[fate] for fate in Fate},
        "needed": comparison.needed,
        "useful_lost": comparison.lost_useful,
        "missed_found": comparison.found,
        "unneeded_avoided": comparison.avoided,
        "reasons_changed": [
            {"before": was, "after": is_, "count": count}
            for (was, is_), count in comparison.reasons.most_common()
        ],
        "moments": msgspec.to_builtins(comparison.changed),
    }


def _side(side: Side, hours: float) -> dict[str, object]:
    return {
        "cards": side.cards,
        "useful": side.useful,
        "unneeded": side.unneeded,
        "right": side.right,
        "unneeded_per_hour": side.unneeded / (hours or 1.0),
        "spent_per_hour": side.spent / 100 / (hours or 1.0),
        "median_lead_ms": _median(side),
        "least_need": sorted(side.least_need),
        "silences": {reason.value: count for reason, count in sorted(side.silences.items())},
    }
