"""Two runs side by side: what was kept, moved, lost, new, and what is known about it."""

import io
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec.structs import replace
from rich.console import Console

from copilot.core.events import CardTouched, Withheld
from copilot.core.policy import Policy
from copilot.core.vocabulary import Passage, Signals, Silence, Touch
from copilot.evaluate.cases import Case
from copilot.evaluate.compare import Comparison, Fate, carry, moments
from copilot.evaluate.corpus import Stored
from copilot.evaluate.experiment import changed, experiment
from copilot.evaluate.labels import Labelled, Use
from copilot.evaluate.sides import figures, render
from copilot.store.label import Verdict
from tests.helpers import SEEKS, Call, knows, passage

ADDRESS, COST = "parcel/a#address", "parcel/a#cost"


def case(inquiry: int, opened: int, passage: str = ADDRESS, **more: object) -> Case:
    values: dict[str, object] = {"tick": opened + 10, "spent": 20, "support": 80, **more}
    made = Case(inquiry, opened, 0, f"query {inquiry}", passage, passage, 0)
    for name, value in values.items():
        made = replace(made, **{name: value})
    return made


def label(
    case: Case, needed: bool | None = None, right: str = "", verdict: Verdict | None = None
) -> Labelled:
    return Labelled(case, Use.USED, verdict, needed, right)


def compare(before: Sequence[Labelled], after: Sequence[Case]) -> Comparison:
    comparison = Comparison()
    for moment in moments("call", before, after):
        comparison.add(moment)
    return comparison


def test_each_fate() -> None:
    weak = Silence.WEAK
    before = [
        case(1, 100),
        case(2, 500),
        case(3, 900),
        case(4, 1300),
        case(5, 1700, silence=weak),
        case(6, 2100, silence=weak),
        case(7, 2500, silence=weak),
        case(8, 2900),
    ]
    after = [
        case(1, 100),
        case(2, 520),
        case(3, 900, COST),
        case(4, 1300, silence=Silence.BUDGET),
        case(5, 1700),
        case(6, 2110, silence=weak),
        case(7, 2500, silence=Silence.BUDGET),
        case(8, 3300),
    ]
    found = moments("call", [label(one) for one in before], after)
    assert [moment.fate for moment in found] == [
        Fate.KEPT,
        Fate.MOVED,
        Fate.CHANGED,
        Fate.LOST,
        Fate.NEW,
        Fate.SILENT,
        Fate.REASON,
        Fate.LOST,
        Fate.NEW,
    ]
    comparison = compare([label(one) for one in before], after)
    assert comparison.earlier == [-20]
    assert comparison.reasons == {("weak", "budget"): 1}
    assert len(comparison.changed) == 7
    assert (comparison.before.cards, comparison.after.cards) == (5, 5)
    assert (comparison.before.spent, comparison.after.spent) == (100, 100)


def test_the_same_card_is_found_though_its_inquiry_opened_at_another_time() -> None:
    (moment,) = moments("call", [label(case(1, 100, tick=200))], [case(4, 180, tick=195)])
    assert (moment.fate, moment.earlier) == (Fate.MOVED, 5)


def test_what_is_known() -> None:
    before = [
        label(case(1, 100), True, ADDRESS),
        label(case(2, 500), True, ADDRESS),
        label(case(3, 900), False),
        label(case(4, 1300), False),
        label(case(5, 1700, silence=Silence.WEAK), True, ADDRESS, Verdict.MISSED),
        label(case(6, 2100), True, "", Verdict.WRONG),
    ]
    after = [
        case(1, 100),
        case(2, 500, silence=Silence.WEAK),
        case(3, 900),
        case(4, 1300, silence=Silence.WEAK),
        case(5, 1700),
        case(6, 2100),
    ]
    found = compare(before, after)
    assert (found.before.useful, found.after.useful) == (2, 2)
    assert (found.before.unneeded, found.after.unneeded) == (3, 2)
    assert (found.needed, found.before.right, found.after.right) == (4, 2, 2)
    assert (found.lost_useful, found.avoided, found.found) == (1, 1, 1)


def test_what_is_known_is_carried_to_another_run() -> None:
    known = [
        label(case(1, 100), True, ADDRESS, Verdict.RIGHT),
        label(case(2, 500, silence=Silence.WEAK), True, COST, Verdict.MISSED),
    ]
    runs = [case(7, 104), case(8, 500, COST), case(9, 5000)]
    found = carry(known, runs)
    assert [(one.case.inquiry, one.needed, one.right) for one in found] == [
        (7, True, ADDRESS),
        (8, True, COST),
        (9, None, ""),
    ]
    assert [one.verdict for one in found] == [Verdict.RIGHT, None, None]


def knowledge(query: str) -> Sequence[Passage]:
    score = 80 if "address" in query else 40
    return (passage(ADDRESS if "address" in query else COST, "Five pounds is all.", score),)


def stored(name: str = "one") -> Stored:
    call = Call(knowledge, Policy(min_support=50))
    call.customer("can i change the delivery address of my parcel").quiet(12)
    call.give(CardTouched(1, Touch.USED))
    call.quiet(100).customer("what does a big parcel to france cost me").quiet(60)
    return Stored(name, tuple(call.end().log))


async def corpus(*calls: Stored) -> AsyncIterator[Stored]:
    for call in calls:
        yield call


async def test_an_experiment_over_two_calls() -> None:
    seen: list[int] = []
    found = await experiment(
        corpus(stored(), stored("two")), changed({"min_support": 35}), progress=seen.append
    )
    comparison, totals = found.comparison, found.totals
    assert comparison.fates == {Fate.KEPT: 2, Fate.NEW: 2}
    assert [moment.call for moment in comparison.changed] == ["one", "two"]
    assert (comparison.before.useful, comparison.after.useful) == (2, 2)
    assert (totals.calls, totals.drifted, totals.unanswered, seen) == (2, 0, 0, [1, 2])


async def test_an_experiment_against_another_policy() -> None:
    strict = changed({"min_support": 90, "early_support": 90})
    found = await experiment(corpus(stored()), changed({}), strict)
    comparison = found.comparison
    assert comparison.fates == {Fate.NEW: 1, Fate.SILENT: 1}
    assert (comparison.before.cards, comparison.after.cards) == (0, 1)
    assert (comparison.needed, comparison.found) == (1, 1)
    assert found.totals.touches_lost == 1


async def test_a_budget_tells_the_need_that_a_card_takes() -> None:
    policy = Policy(min_need=50)
    call = Call(knows(passage()), policy, need=SEEKS, signals=Signals(seeking=80))
    call.customer("can i change the delivery address of my parcel").quiet(60)
    asking = Stored("one", tuple(call.end().log))
    found = await experiment(corpus(asking, stored("two")), changed({"budget": 100}))
    assert found.comparison.fates[Fate.LOST] == 1
    written = figures(found)
    assert [written[side]["least_need"] for side in ("before", "after")] == [[60], [90]]  # type: ignore[index]
    console = Console(file=io.StringIO(), width=100)
    console.print(render(found, "as it was", "budget 100"))
    rows = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    (row,) = (row for row in rows if "need a card takes" in row)
    assert row.split("│")[2:4] == ["      60 % ", "       90 % "]
    none = await experiment(corpus(asking, stored("two")), changed({"budget": 10, "min_need": 95}))
    assert none.comparison.after.least_need == {101}
    none.comparison.after.least_need.add(95)
    console.print(render(none, "as it was", "no budget"))
    assert "95 % to no card" in console.file.getvalue()  # type: ignore[attr-defined]


async def test_a_log_of_another_core_is_told() -> None:
    call = stored()
    entries = [entry for entry in call.entries if not isinstance(entry.event, Withheld)]
    assert len(entries) < len(call.entries)
    found = await experiment(corpus(replace(call, entries=tuple(entries))), changed({}))
    assert found.totals.drifted == 1


@pytest.mark.parametrize("width", [60, 120])
async def test_the_comparison_fits_the_terminal(width: int) -> None:
    found = await experiment(corpus(stored()), changed({"query_words": 5, "min_support": 90}))
    console = Console(file=io.StringIO(), width=width)
    console.print(render(found, "as it was", "query_words 5, min_support 90"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    plain = " ".join(text.split())
    assert "Of what is known: " in plain
    assert "searches had no answer" in plain
    assert "can i change the delivery address of my parcel was" in plain.replace(" ┃", "")
    written = json.loads(json.dumps(figures(found)))
    assert written["totals"]["calls"] == 1
    assert written["before"]["cards"] - written["after"]["cards"] == written["fates"]["lost"] == 1
    assert [one["fate"] for one in written["moments"]] == ["lost"]
