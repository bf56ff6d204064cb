"""The console's tables: search by words and outcome inside one team, rulings, drafts, erasure."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from copilot.core.events import CallStarted, Entry
from copilot.evaluate.digest import digest
from copilot.ports import Owner
from copilot.store.console.rows import Draft, Flag, Ruling, Setting, Wanted
from copilot.store.console.search import terms
from copilot.store.label import Label, Verdict
from copilot.store.log import Store
from copilot.store.models import EVERYBODY, Within
from tests.helpers import Call, knows, passage

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
OURS, THEIRS = Within("ours"), Within("theirs")
CHANGE = "can i change the delivery address of my parcel"


async def keep(store: Store, call_id: str, call: Call, team: str = "ours") -> list[Entry]:
    """A past call of a team, read."""
    first = call.log[0].event
    assert isinstance(first, CallStarted)
    started = msgspec.structs.replace(first, call_id=call_id)
    log = [msgspec.structs.replace(call.log[0], event=started), *call.log[1:]]
    store.append(call_id, log, Owner(team, "anna"))
    while not (await store.console.undigested(1, 10)):
        await __import__("asyncio").sleep(0.01)
    await store.console.keep_digests([digest(call_id, log)])
    return log


def said(text: str, answered: bool = False) -> Call:
    call = Call(knows(passage()) if answered else lambda query: ())
    return call.customer(text).quiet(60).agent("let me see").quiet(60).end()


async def found(store: Store, within: Within = OURS, **wanted: object) -> list[str]:
    rows = await store.console.find(Wanted(**wanted), within, 10)  # type: ignore[arg-type]
    return [row.id for row in rows]


async def test_words_find_calls_of_the_team_alone(store: Store) -> None:
    await keep(store, "a", said(CHANGE))
    await keep(store, "b", said("my parcel is broken and i want a refund"))
    await keep(store, "c", said(CHANGE), team="theirs")
    assert await found(store, words="parcel") == ["b", "a"]
    assert await found(store, words="chang addr") == ["a"], "beginnings of words are enough"
    assert await found(store, words='"delivery address"') == ["a"]
    assert await found(store, words='"address delivery"') == []
    assert await found(store, THEIRS, words="parcel") == ["c"]
    assert await found(store, EVERYBODY, words="see") == ["c", "b", "a"], "the agent's words too"
    assert await found(store, words="nothing of the kind") == []
    # whatever is typed is words, never syntax
    for odd in (
        '"',
        "a AND",
        "NEAR(",
        "par*el OR 1=1",
        "'; drop table said",
        "-",
        "|&!:*",
        "é <->",
    ):
        await found(store, words=odd)
    assert await found(store, words="par*el'--") == []


async def test_calls_are_found_by_what_came_of_them(store: Store) -> None:
    await keep(store, "a", said(CHANGE, answered=True))
    await keep(store, "b", said(CHANGE))
    await store.console.add_flag(Flag(0, "b", 3, "lead", NOW, "listen again"))
    assert await found(store, silence="no_evidence") == ["b"]
    assert await found(store, use="ignored") == ["a"]
    assert await found(store, pack="test") == ["b", "a"]
    assert await found(store, pack="tes") == []
    assert await found(store, flagged=True) == ["b"]
    assert await found(store, state="cut") == []
    assert await found(store, person_id="ben") == []
    assert await found(store, before="b") == ["a"]
    late = datetime.now(UTC) + timedelta(days=1)
    assert await found(store, since=late) == []


async def test_a_digest_is_made_again_and_tells_the_moments(store: Store) -> None:
    log = await keep(store, "a", said(CHANGE, answered=True))
    label = Label(call_id="a", inquiry=1, verdict=Verdict.UNNEEDED, by="lead", at=NOW)
    await store.console.keep_digests([digest("a", log, [label])])
    assert await store.console.undigested(1, 10) == []
    assert await store.console.undigested(2, 10) == ["a"]
    told = await store.console.told(OURS, NOW - timedelta(9), datetime.now(UTC) + timedelta(1))
    assert [(one.use, one.verdict, one.useful, one.person_id) for one in told] == [
        ("ignored", "unneeded", False, "anna")
    ]
    assert await store.console.told(THEIRS, NOW - timedelta(9), NOW + timedelta(9999)) == []
    text = (await store.console.words(["a"]))["a"]
    assert text == f"customer: {CHANGE}\nagent: let me see"


async def test_a_number_is_published_once(store: Store) -> None:
    tables = store.console
    await tables.keep_draft(Draft("ours", NOW, "lead", "{}"))
    assert await tables.report("ours", "{}", "told")
    assert not await tables.report("ours", "{ }", "of another text")
    assert await tables.publish(Ruling("ours", 1, NOW, "lead", "first", "{}", "told"))
    assert await tables.draft("ours") is None
    assert not await tables.publish(Ruling("ours", 1, NOW, "another", "late", "{}"))
    assert await tables.publish(Ruling("ours", 2, NOW, "lead", "second", "{}"))
    assert await tables.publish(Ruling("theirs", 1, NOW, "else", "", "{}"))
    assert [one.number for one in await tables.rulings("ours")] == [2, 1]
    newest = {(one.team_id, one.number) for one in await tables.newest()}
    assert newest == {("ours", 2), ("theirs", 1)}


async def test_settings_are_a_teams_own(store: Store) -> None:
    await store.console.keep_setting(Setting("ours", NOW, "admin", "1"))
    await store.console.keep_setting(Setting("ours", NOW, "admin", "2"))
    kept = await store.console.setting("ours")
    assert kept is not None
    assert kept.body == "2"
    assert await store.console.setting("theirs") is None
    assert len(await store.console.settings()) == 1


async def test_an_erased_call_is_gone_everywhere(store: Store) -> None:
    await keep(store, "a", said(CHANGE, answered=True))
    await keep(store, "b", said(CHANGE))
    label = Label(call_id="a", inquiry=1, verdict=Verdict.RIGHT, by="lead", at=NOW)
    await store.labels.add([label])
    await store.console.add_flag(Flag(0, "a", 3, "lead", NOW))
    later = datetime.now(UTC) + timedelta(days=1)
    assert await store.console.count_due(THEIRS, later) == 0
    assert await store.console.due(OURS, later, 1) == ["a"]
    assert await store.console.erase(["a"]) == 1
    assert await store.call("a") is None
    assert await store.labels.of("a") == []
    assert await store.console.flags("a") == []
    assert await store.console.words(["a", "b"]) == await store.console.words(["b"])
    assert await found(store, words="parcel") == ["b"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Refund  fee", [["Refund"], ["fee"]]),
        ('the "last mile" fee', [["the"], ["last", "mile"], ["fee"]]),
        ("re-send!", [["re"], ["send"]]),
        ('"" ', []),
    ],
)
def test_what_is_typed_is_read_as_words(typed: str, read: list[list[str]]) -> None:
    assert terms(typed) == read
