"""Figures of digested calls: days, use, leads, gaps, groups, and a safe spreadsheet."""

from datetime import UTC, datetime, timedelta

from copilot.console.analytics import Filter, sum_up, table
from copilot.console.console import Console
from copilot.core.events import CardTouched
from copilot.core.vocabulary import Silence, Touch
from copilot.evaluate.labels import Use
from copilot.ports import Owner
from copilot.store.log import Store
from copilot.store.models import Within
from copilot.web.console import charts
from tests.console.calls import asked, keep

OURS = Within("ours")


def window(**more: str) -> Filter:
    now = datetime.now(UTC)
    return Filter(now - timedelta(days=1), now + timedelta(days=1), **more)


async def test_the_figures_of_a_team(store: Store, console: Console) -> None:
    used = asked()
    used.give(CardTouched(1, Touch.USED))
    await keep(store, "a", used.end())
    await keep(store, "b", asked(answered=False).end(), Owner("ours", "ben"))
    await keep(store, "c", asked(answered=False).end(), Owner("theirs", "zoe"))
    assert await console.digests.catch_up()
    only = window()
    tables = store.console
    calls = await tables.spoken(OURS, only.since, only.until)
    told = await tables.told(OURS, only.since, only.until)
    found = sum_up(calls, told, only, {"anna": "Anna", "ben": "Ben"})
    assert (found.calls, found.cards, found.silences) == (2, 1, 1)
    assert found.uses == {Use.USED: 1}
    assert found.reasons == {Silence.NO_EVIDENCE: 1}
    assert (found.precision.part, found.precision.of) == (1, 1)
    assert [(gap.count, gap.call_id) for gap in found.gaps] == [(1, "b")]
    assert {group.name: (group.cards, group.silences) for group in found.agents} == {
        "Anna": (1, 0),
        "Ben": (0, 1),
    }
    assert sum(day.cards for day in found.days) == 1
    assert sum(lead.count for lead in found.leads) == 1
    assert found.lead_ms is not None
    mine = sum_up(calls, told, window(person_id="ben"), {})
    assert (mine.calls, mine.cards, mine.silences) == (1, 0, 1)
    assert sum_up(calls, told, window(pack="nothing"), {}).calls == 0


def test_nothing_comes_to_nothing_and_still_draws() -> None:
    found = sum_up([], [], window(), {})
    assert (found.calls, found.judged, found.lead_ms) == (0, 0, None)
    assert charts.activity(found.days).blocks == []
    assert charts.budget(found.days).marks == []
    assert charts.leads(found.leads).scale


async def test_no_cell_is_a_formula(store: Store, console: Console) -> None:
    await keep(store, "=cmd()", asked("how much is the parcel", answered=False).end())
    await console.digests.catch_up()
    only = window()
    told = await store.console.told(OURS, only.since, only.until)
    head, row = table(told, {"anna": "@SUM(A1)"})
    cells = dict(zip(head, row, strict=True))
    assert cells["call"] == "'=cmd()"
    assert cells["agent"] == "'@SUM(A1)"
    assert cells["silence"] == "no_evidence"
    assert cells["shadow"] == "no"


async def test_columns_hold_together() -> None:
    only = Filter(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    weeks = sum_up([], [], only, {})
    assert weeks.span == 7
    assert len(weeks.days) == 13
