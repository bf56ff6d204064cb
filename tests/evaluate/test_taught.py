"""What stored calls teach search: used and dismissed cards, and what reviewers say of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from copilot.core.events import CallStarted, CardTouched, Entry
from copilot.core.vocabulary import Touch
from copilot.evaluate.corpus import from_store
from copilot.evaluate.taught import Taught, Teaching
from copilot.retrieval.labels import QueryLabel
from copilot.store.label import NOTHING, Label, Verdict
from copilot.store.log import open_store
from tests.helpers import Call, knows, passage

ADDRESS, COST, LOST, OLD = (f"parcel/p#{name}" for name in ("address", "cost", "lost", "old"))
PACK = (ADDRESS, COST, LOST)
MOVE = "can i change the delivery address of my parcel"
PRICE = "what does a big box to france cost"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def call(
    name: str, query: str, found: str, touch: Touch | None = None, packs: Sequence[str] = ()
) -> list[Entry]:
    made = Call(knows(passage(found, say="Seven pounds, in the app."))).customer(query).quiet(12)
    assert made.state.card is not None
    if touch:
        made.give(CardTouched(1, touch))
    first, *rest = made.quiet(40).end().log
    assert isinstance(first.event, CallStarted)
    refs = tuple(packs) or ("parcel@1",)
    return [replace(first, event=replace(first.event, call_id=name, packs=refs)), *rest]


def label(name: str, verdict: Verdict, passage: str = "", by: str = "lea") -> Label:
    return Label(call_id=name, inquiry=1, verdict=verdict, by=by, at=NOON, passage=passage)


async def taught(
    folder: Path,
    calls: Sequence[list[Entry]],
    labels: Sequence[Label] = (),
    decided: Sequence[QueryLabel] = (),
) -> Taught:
    """Through a real database, closed and opened again."""
    url = f"sqlite:///{folder}/calls.sqlite"
    store = await open_store(url, lambda: NOON)
    for entries in calls:
        assert isinstance(entries[0].event, CallStarted)
        store.append(entries[0].event.call_id, entries)
    await store.close()
    store = await open_store(url)
    await store.labels.add(labels)
    teaching = Teaching("parcel", PACK)
    async for one in from_store(store, packs=["parcel"]):
        teaching.add(one)
    await store.close()
    return teaching.taught(decided)


async def test_a_used_card_is_right_and_an_untouched_one_tells_nothing(tmp_path: Path) -> None:
    found = await taught(tmp_path, [call("a", MOVE, ADDRESS, Touch.USED), call("b", PRICE, COST)])
    assert found == Taught(2, (QueryLabel(MOVE, ADDRESS),), gone=0, wrong_only=0, ids=("a", "b"))


async def test_the_same_query_is_one_label_with_what_was_wrong(tmp_path: Path) -> None:
    calls = [
        call("a", MOVE, ADDRESS, Touch.USED),
        call("b", MOVE.title(), LOST, Touch.DISMISSED),
        call("c", MOVE, ADDRESS, Touch.USED),
        call("d", PRICE, LOST, Touch.DISMISSED),
    ]
    found = await taught(tmp_path, calls)
    (one,) = found.labels
    assert (one.query.casefold(), one.passage, one.wrong) == (MOVE, ADDRESS, (LOST,))
    assert (found.calls, found.gone, found.wrong_only) == (4, 0, 1)


async def test_a_reviewer_names_the_right_passage_and_outweighs_use(tmp_path: Path) -> None:
    calls = [
        call("a", PRICE, LOST, Touch.USED),
        call("b", PRICE, LOST),
        call("c", MOVE, ADDRESS, Touch.DISMISSED),
    ]
    labels = [label("b", Verdict.WRONG, COST), label("c", Verdict.RIGHT)]
    found = await taught(tmp_path, calls, labels)
    assert set(found.labels) == {QueryLabel(PRICE, COST, (LOST,)), QueryLabel(MOVE, ADDRESS)}


@pytest.mark.parametrize("verdict", [Verdict.WRONG, Verdict.UNNEEDED])
async def test_nothing_answers_only_where_a_reviewer_says_so(
    tmp_path: Path, verdict: Verdict
) -> None:
    calls = [call("a", PRICE, LOST), call("b", MOVE, LOST), call("c", MOVE, LOST, Touch.USED)]
    labels = [label("a", verdict), label("b", verdict, NOTHING)]
    found = await taught(tmp_path, calls, labels)
    wrong = (LOST,) if verdict is Verdict.WRONG else ()
    assert found.labels == (QueryLabel(MOVE, None, wrong),)
    assert found.wrong_only == (verdict is Verdict.WRONG)


async def test_two_reviewers_who_differ(tmp_path: Path) -> None:
    calls = [call("a", MOVE, LOST), call("b", MOVE, LOST)]
    labels = [label("a", Verdict.WRONG, NOTHING), label("b", Verdict.WRONG, ADDRESS, "tom")]
    assert (await taught(tmp_path, calls, labels)).labels == (QueryLabel(MOVE, ADDRESS, (LOST,)),)


async def test_passages_that_are_gone_or_another_packs(tmp_path: Path) -> None:
    both = ("parcel@1", "hotel@1")
    calls = [
        call("a", MOVE, OLD, Touch.USED),
        call("b", PRICE, "hotel/p#rate", Touch.USED, both),
        call("c", "where is my lost box", LOST, Touch.USED, both),
        call("d", "is there a room with a view", "hotel/p#rate", Touch.USED, ("hotel@1",)),
    ]
    found = await taught(tmp_path, calls)
    assert [one.passage for one in found.labels] == [LOST]
    assert (found.calls, found.gone, found.wrong_only) == (3, 1, 0)


async def test_what_is_decided_already_is_left_alone(tmp_path: Path) -> None:
    decided = [QueryLabel(MOVE.upper(), COST)]
    found = await taught(tmp_path, [call("a", MOVE, ADDRESS, Touch.USED)], decided=decided)
    assert found.labels == ()
