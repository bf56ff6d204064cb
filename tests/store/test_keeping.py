"""What is kept of each kind of data, counted and forgotten on both databases."""

from datetime import UTC, datetime, timedelta

from copilot.ports import DEFAULT_TEAM
from copilot.store.accounts.rows import Deed
from copilot.store.console.rows import Flag
from copilot.store.keeping import Count, Kind
from copilot.store.label import Label, Verdict
from copilot.store.log import Store
from copilot.store.mind.rows import Delivery, Fact
from tests.store.test_console import keep, said

THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def deed(store: Store, team: str, at: datetime) -> None:
    async with store.accounts.write() as tables:
        await tables.journal.add(Deed(0, at, team, "", "ann", "signed_in", "", "::1"))


async def test_what_there_is_of_a_team_is_counted(store: Store) -> None:
    assert (await store.keeping.kept("ours")).calls == Count(0, None)
    await keep(store, "a", said("where is my parcel"))
    await keep(store, "b", said("where is my parcel"), team="theirs")
    for call_id in ("a", "b"):
        await store.console.add_flag(Flag(0, call_id, 1, "ann", THEN, ""))
    one = Label(call_id="a", inquiry=1, verdict=Verdict.SILENT, by="ann", at=THEN)
    await store.labels.add([one])
    kept = await store.keeping.kept("ours")
    assert kept.calls.count == 1
    assert kept.calls.oldest is not None
    assert kept.calls.oldest.tzinfo is not None
    assert (kept.judgements, kept.marks) == (Count(1, THEN), Count(1, THEN))
    assert (await store.keeping.kept("theirs")).judgements == Count(0, None)


async def test_what_is_older_is_forgotten_and_nothing_else(store: Store) -> None:
    for days in (0, 1, 2):
        at = THEN + days * DAY
        await store.mind.add_fact(Fact(0, "ours", "h", "x", "", 0, at, "ann", at + 400 * DAY))
        sent = [
            Delivery(0, "ours", "", "hook", "m", "e", "{}", state, 1, 0, "", at, at)
            for state in ("failed", "due")
        ]
        await store.mind.send(sent)
        await deed(store, "ours", at)
    for kind in Kind:
        assert await store.keeping.due(kind, "ours", THEN + DAY) == 1, "the day itself is kept"
        assert await store.keeping.forget(kind, "theirs", THEN + 9 * DAY) == 0
        assert await store.keeping.forget(kind, "ours", THEN + DAY) == 1
    kept = await store.keeping.kept("ours")
    for left in (kept.facts, kept.deliveries, kept.deeds):
        assert left == Count(2, THEN + DAY)
    assert await store.mind.waiting() == 3


async def test_what_is_nobodys_goes_with_the_default_teams(store: Store) -> None:
    await deed(store, "", THEN)
    assert await store.keeping.forget(Kind.DEEDS, "ours", THEN + DAY) == 0
    assert await store.keeping.forget(Kind.DEEDS, DEFAULT_TEAM, THEN + DAY) == 1
