"""A what-if over a corpus: each call run again, compared with what happened, and summed up."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from copilot.core.events import CallStarted
from copilot.core.need import least_need
from copilot.evaluate.cases import cases_of
from copilot.evaluate.compare import Comparison, Side, carry, moments
from copilot.evaluate.corpus import Stored
from copilot.evaluate.whatif import Change, Rerun, Seek, effects_of, rerun, text_only


class Totals(Struct):
    """What the reruns of a corpus needed."""

    calls: int = 0
    hours: float = 0.0
    drifted: int = 0
    """Calls that come out otherwise under their own policy: another core made their logs."""
    reused: int = 0
    searched: int = 0
    unanswered: int = 0
    touches_lost: int = 0


class Experiment(Struct):
    """A what-if and what came of it."""

    comparison: Comparison
    totals: Totals


def changed(values: Mapping[str, Any]) -> Change:
    """Each call's own policy with other values."""
    return lambda started: replace(started, policy=replace(started.policy, **values))


async def experiment(
    calls: AsyncIterator[Stored],
    change: Change,
    against: Change | None = None,
    seek: Seek | None = None,
    progress: Callable[[int], None] | None = None,
    without: bool = False,
) -> Experiment:
    """Run every call again under the changed policy; one call is in memory at a time.

    It is compared with what happened, or with a rerun under the policy `against`. `without`: the
    duplex model's wish and guesses, see `text_only`.
    """
    comparison, totals = Comparison(), Totals()
    async for call in calls:
        entries = text_only(call.entries) if without else call.entries
        after = await rerun(entries, change, seek)
        await _add(call, after, change, against, seek, comparison, totals)
        if progress:
            progress(totals.calls)
    return Experiment(comparison, totals)


async def _add(
    call: Stored,
    after: Rerun,
    change: Change,
    against: Change | None,
    seek: Seek | None,
    comparison: Comparison,
    totals: Totals,
) -> None:
    known = call.labelled()
    if against is not None:
        base = await rerun(call.entries, against, seek)
        known = carry(known, cases_of(base.entries))
        _sum(totals, base)
    elif await _drifts(call):
        totals.drifted += 1
    _ask(comparison.before, against(call.started) if against else call.started)
    _ask(comparison.after, change(call.started))
    for moment in moments(call.name, known, cases_of(after.entries)):
        comparison.add(moment)
    totals.calls += 1
    totals.hours += call.hours
    _sum(totals, after)


def _ask(side: Side, started: CallStarted) -> None:
    if started.need is not None and started.need.burden:
        side.least_need.add(least_need(started.need, started.policy))


async def _drifts(call: Stored) -> bool:
    same = await rerun(call.entries, lambda started: started)
    return effects_of(same.entries) != effects_of(call.entries)


def _sum(totals: Totals, run: Rerun) -> None:
    totals.reused += run.reused
    totals.searched += run.searched
    totals.unanswered += run.unanswered
    totals.touches_lost += run.touches_lost
