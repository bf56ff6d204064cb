"""A what-if is what would have been: the same call under the same policy, another under another."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot.core.events import (
    CallStarted,
    CardTouched,
    Entry,
    EvidenceFound,
    Failed,
    Rewritten,
    Search,
    ShowCard,
    WhisperPlayed,
    WithdrawCard,
    Withheld,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Passage, Silence, Touch
from copilot.evaluate.experiment import changed
from copilot.evaluate.logs import read
from copilot.evaluate.whatif import Rerun, Seek, effects_of, rerun
from tests.helpers import Call, Knowledge, knows, passage

CALLS = Path(__file__).parents[1] / "calls"
LINES = (
    "can i change the delivery address of my parcel before tomorrow",
    "and what does it cost to send a fragile vase to france",
    "the garden was very dry so i am quite happy about it",
    "my tracking has not moved for three days what now",
    "mm-hm",
    "you can change the address in the app until the evening before delivery",
)
SCRIPT = st.lists(
    st.tuples(st.sampled_from(Party), st.sampled_from(LINES), st.integers(2, 90)),
    min_size=1,
    max_size=6,
)
POLICIES = st.builds(
    Policy,
    min_support=st.integers(0, 100),
    early_support=st.integers(0, 100),
    keep_support=st.integers(0, 60),
    stable_searches=st.integers(1, 3),
    refresh_ticks=st.integers(2, 12),
    min_query_words=st.integers(1, 5),
    end_of_turn_ticks=st.integers(4, 14),
    cooldown_ticks=st.integers(0, 100),
    budget=st.integers(0, 300),
    final_ticks=st.integers(0, 30),
)


def library(query: str) -> Sequence[Passage]:
    """Search that depends on every word of the query, and on nothing else."""
    dice = random.Random(query)
    scores = sorted((dice.randint(0, 100) for _ in range(3)), reverse=True)
    names = dice.sample(("address", "cost", "vase", "tracking", "lost"), 3)
    return tuple(
        passage(f"parcel/p#{name}", f"The answer about {name} is short.", score)
        for name, score in zip(names, scores, strict=True)
    )


async def seek(started: CallStarted, search: Search) -> EvidenceFound | None:
    return EvidenceFound(search.inquiry, search.revision, tuple(library(search.query)))


def play(script: Sequence[tuple[Party, str, int]], policy: Policy) -> Call:
    call = Call(library, policy)
    for party, text, pause in script:
        call.says(party, text).quiet(pause)
    return call


async def under(entries: Sequence[Entry], policy: Policy, seek: Seek | None = None) -> Rerun:
    return await rerun(entries, lambda started: replace(started, policy=policy), seek)


@given(SCRIPT, POLICIES)
@settings(max_examples=40, deadline=None)
async def test_under_its_own_policy_a_call_is_the_same(
    script: list[tuple[Party, str, int]], policy: Policy
) -> None:
    log = play(script, policy).end().log
    again = await under(log, policy)
    assert list(again.entries) == log
    assert (again.searched, again.unanswered) == (0, 0)


@given(SCRIPT, POLICIES, POLICIES)
@settings(max_examples=60, deadline=None)
async def test_under_another_policy_it_is_what_would_have_been(
    script: list[tuple[Party, str, int]], policy: Policy, other: Policy
) -> None:
    log = play(script, policy).end().log
    assert list((await under(log, other, seek)).entries) == play(script, other).end().log


@pytest.mark.parametrize(
    "name", ["sample-call", "answered-and-said", "phrase-and-budget", "no-consent"]
)
async def test_a_golden_call_is_the_same_bit_for_bit(name: str) -> None:
    log = read(CALLS / f"{name}.jsonl")
    assert list((await rerun(log, lambda started: started)).entries) == log


def card_call(policy: Policy | None = None) -> Call:
    return Call(knows(passage()), policy).customer(LINES[0]).quiet(12)


async def test_touches_fall_on_their_card_only_while_it_is_there() -> None:
    call = card_call()
    call.give(CardTouched(1, Touch.DISMISSED))
    log = call.quiet(20).end().log
    same = await under(log, Policy())
    assert WithdrawCard(1, "dismissed") in [effect for _, effect in effects_of(same.entries)]
    never = await under(log, Policy(min_support=90, early_support=90))
    assert never.touches_lost == 1
    assert not any(isinstance(entry.event, CardTouched) for entry in never.entries)


async def test_a_touch_finds_its_card_under_another_number() -> None:
    call = Call(library_of_two()).customer(LINES[3]).quiet(40).customer(LINES[0]).quiet(12)
    assert call.state.card is not None
    assert call.state.card.inquiry == 2
    call.give(CardTouched(2, Touch.USED))
    log = call.quiet(20).end().log
    fewer = await under(log, Policy(min_query_words=5))
    touches = [e.event for e in fewer.entries if isinstance(e.event, CardTouched)]
    assert touches == [CardTouched(1, Touch.USED)]


def library_of_two() -> Knowledge:
    def search(query: str) -> Sequence[Passage]:
        return (passage(),) if "address" in query else (passage("parcel/x#y", "No.", 10),)

    return search


async def test_a_query_that_the_log_does_not_answer_is_counted() -> None:
    log = card_call().quiet(30).end().log
    fewer = Policy(query_words=5)
    without = await under(log, fewer)
    assert without.unanswered > 0
    assert any(isinstance(e.event, Failed) and e.event.what == "search" for e in without.entries)
    with_search = await under(log, fewer, seek)
    assert (with_search.unanswered, with_search.searched) == (0, without.unanswered)

    async def elsewhere(started: CallStarted, search: Search) -> None:
        return None

    assert (await under(log, fewer, elsewhere)).unanswered == without.unanswered


async def test_searches_take_as_long_as_they_took() -> None:
    slow = Call(knows(passage()), search_ticks=3).customer(LINES[0]).quiet(30).end().log
    again = await under(slow, Policy(refresh_ticks=9), seek)
    asked = {e.event.revision: e.tick for e in again.entries if isinstance(e.event, Search)}
    found = {e.event.revision: e.tick for e in again.entries if isinstance(e.event, EvidenceFound)}
    assert {found[revision] - asked[revision] for revision in found} == {3}


async def test_a_whisper_that_was_never_spoken_takes_its_time() -> None:
    log = card_call().quiet(90).end().log
    aloud = await under(log, Policy(voice=True, max_spoken_words=20))
    (played,) = [e for e in aloud.entries if isinstance(e.event, WhisperPlayed)]
    assert played.event == WhisperPlayed(1, 5 * len(passage().say.split()))


async def test_a_draft_comes_again_for_the_same_card() -> None:
    log = read(CALLS / "spoken-and-cut.jsonl")
    again = await rerun(log, changed({"card_ticks": 499}))
    texts = [e.text for _, e in effects_of(again.entries) if isinstance(e, ShowCard)]
    assert texts[-1] == "Change the address in the app until the evening before."


async def test_more_silence_under_a_stricter_policy() -> None:
    log = card_call().quiet(30).end().log
    strict = await under(log, Policy(min_support=90, early_support=90))
    silences = [e.reason for _, e in effects_of(strict.entries) if isinstance(e, Withheld)]
    assert silences == [Silence.WEAK]
    assert not any(isinstance(e, ShowCard) for _, e in effects_of(strict.entries))


async def test_a_models_question_comes_again_with_its_passages() -> None:
    call = Call(policy=Policy(rewrite=True))
    call.customer("and how much does that one cost").quiet(15)
    found = (passage("plans#premium", "The premium plan costs nine euros.", 90),)
    assert call.state.inquiry is not None
    revision = call.state.inquiry.revision
    call.give(Rewritten(1, revision, "How much does the premium plan cost?", found))
    call.quiet(30).end()
    assert any(isinstance(effect, ShowCard) for effect in call.effects)
    again = await rerun(call.log, lambda start: start)
    assert list(again.entries) == call.log
    without = await rerun(call.log, changed({"rewrite": False}))
    assert not any(isinstance(effect, ShowCard) for _, effect in effects_of(without.entries))
