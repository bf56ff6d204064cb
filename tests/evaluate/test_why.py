"""Why the gate decided so: what is told about a moment is what the gate itself says of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot.core.events import CardTouched, ShowCard, Withheld
from copilot.core.gate import Evidence, Moment, Silent, Whisper, decide
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, Signals, Silence, Touch
from copilot.evaluate.why import Decision, explain, keepers, obstacles
from tests.helpers import SEEKS, Call, knows, nothing, passage

QUESTION = "can i change the delivery address of my parcel today"
SURE = Signals(seeking=90)


def decisions(call: Call) -> list[Decision]:
    return [one for line in explain(call.log).lines for one in line.decisions]


def only(call: Call) -> Decision:
    (found,) = decisions(call)
    return found


def test_a_card_says_what_would_have_kept_it_away() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(60).end()
    decision = only(call)
    assert decision.silence is None
    assert decision.card == passage().say
    assert [one.what for one in decision.changes] == [
        "min_need",
        "min_support",
        "do_not_trigger",
        "budget",
    ][: len(decision.changes)]
    assert {"min_support", "do_not_trigger"} <= {one.what for one in decision.changes}


CASES = {
    "nothing found": (Call(nothing).customer(QUESTION), Silence.NO_EVIDENCE, ["nothing"]),
    "no need": (
        Call(
            knows(passage()), Policy(min_need=65), need=SEEKS, signals=Signals(seeking=30)
        ).customer(QUESTION),
        Silence.WEAK,
        ["min_need"],
    ),
    "no need by the budget": (
        Call(
            knows(passage()), Policy(budget=150), need=SEEKS, signals=Signals(seeking=70)
        ).customer(QUESTION),
        Silence.WEAK,
        ["budget"],
    ),
    "neither need nor support": (
        Call(knows(passage(score=5)), need=SEEKS, signals=Signals(seeking=30)).customer(QUESTION),
        Silence.WEAK,
        ["budget", "min_support"],
    ),
    "out of date": (
        Call(knows(passage(valid_until="2026-01-01")), date="2026-11-26").customer(QUESTION),
        Silence.EXPIRED,
        ["passage"],
    ),
    "a phrase": (
        Call(knows(passage()), Policy(do_not_trigger=("change the",))).customer(QUESTION),
        Silence.DO_NOT_TRIGGER,
        ["do_not_trigger"],
    ),
    "no consent": (
        Call(knows(passage()), consent=False).customer(QUESTION),
        Silence.NO_CONSENT,
        ["call"],
    ),
    "no budget": (
        Call(knows(passage()), Policy(budget=0), need=SEEKS, signals=SURE).customer(QUESTION),
        Silence.WEAK,
        ["budget"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_silence_says_what_stood_in_the_way(case: str) -> None:
    call, silence, changes = CASES[case]
    decision = decisions(call.quiet(60).end() if not call.state.ended else call)[-1]
    assert decision.silence is silence
    assert [one.what for one in decision.changes][: len(changes)] == changes


def test_a_second_card_too_soon() -> None:
    other = passage(id="parcel/label#pay", say="By card, transfer or credit.")
    known = {"address": passage(), "label": other}
    call = Call(lambda query: [known["label" if "label" in query else "address"]])
    call.customer(QUESTION).quiet(8)
    call.customer("and how can i pay for my label").quiet(30).end()
    last = decisions(call)[-1]
    if last.silence is Silence.COOLDOWN:
        assert [one.what for one in last.changes] == ["cooldown_ticks"]
        assert "priority over 0" in last.changes[0].words
    else:
        assert last.silence is None


def test_what_was_dismissed_is_told() -> None:
    call = Call(knows(passage())).customer(QUESTION).quiet(12)
    shown = next(one for one in call.effects if isinstance(one, ShowCard))
    call.give(CardTouched(shown.inquiry, Touch.DISMISSED))
    call.quiet(1600).customer(QUESTION).quiet(60).end()
    last = decisions(call)[-1]
    assert last.silence is Silence.DISMISSED
    assert [one.what for one in last.changes] == ["call"]


def test_lines_without_a_question_say_so() -> None:
    call = Call(knows(passage())).agent("good morning").quiet(20)
    call.customer("okay").quiet(60).end()
    lines = explain(call.log).lines
    assert [(line.party, line.looked_up) for line in lines] == [
        (Party.AGENT, False),
        (Party.CUSTOMER, False),
    ]


def test_every_decision_of_a_call_is_told_once() -> None:
    call = Call(knows(passage()), need=SEEKS, signals=Signals(seeking=65))
    for words in (QUESTION, "thank you very much", "and what about the invoice", QUESTION):
        call.customer(words).quiet(40).agent("let me see what i can do").quiet(20)
    call.end()
    logged = [e.event for e in call.log if isinstance(e.event, ShowCard | Withheld)]
    assert len(decisions(call)) == len(logged)


percent = st.integers(0, 100)


@settings(max_examples=300, deadline=None)
@given(
    need=percent,
    score=percent,
    least=percent,
    support=percent,
    since=st.integers(0, 100),
    spent=st.integers(0, 400),
    flags=st.tuples(*[st.booleans()] * 8),
)
def test_without_its_obstacles_the_gate_would_whisper(
    need: int,
    score: int,
    least: int,
    support: int,
    since: int,
    spent: int,
    flags: tuple[bool, ...],
) -> None:
    """Law: a silence has an obstacle, a whisper none; each keeper of a whisper silences it."""
    told, dismissed, consent, old, phrase, whole, quiet, snoozed = flags
    top = passage(score=score, valid_until="2026-01-01" if old else "")
    policy = Policy(min_support=support, do_not_trigger=("parcel",) if phrase else ())
    moment = Moment(
        query=QUESTION,
        age=5,
        turn_over=True,
        whole=whole,
        agent_silent=True,
        customer_silent=True,
        consent=consent,
        agent_said=frozenset(),
        told=frozenset({top.id} if told else ()),
        dismissed=frozenset({top.id} if dismissed else ()),
        since_whisper=since,
        whispered_priority=0,
        least_need=least,
        date="2026-11-26",
        spent=spent,
        quiet=quiet,
        snoozed=snoozed,
    )
    evidence = Evidence((top,), need, 1)
    found = Evidence((replace(top, score=score),), 100, 1)
    stood = obstacles(moment, evidence, policy, found, None)
    decision = decide(moment, evidence, policy)
    assert bool(stood) == isinstance(decision, Silent)
    assert all(one.what != "nothing" for one in stood)
    if isinstance(decision, Whisper):
        assert all(one.words for one in keepers(moment, evidence, policy))
