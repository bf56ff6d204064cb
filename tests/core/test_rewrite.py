"""A second search in a model's words: asked for once, in time, and only if the gate says yes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.core.call import replay
from copilot.core.events import CardTouched, Failed, Rewrite, Rewritten, ShowCard, Withheld
from copilot.core.policy import Policy
from copilot.core.vocabulary import Signals, Silence, Touch
from tests.helpers import SEEKS, Call, knows, nothing, of, passage

POLICY = Policy(rewrite=True)
ASKED = "and how much does that one cost"
QUESTION = "How much does the premium plan cost?"
PLAN = passage("plans#premium", "The premium plan costs nine euros a month.", 90)
OTHER = passage("plans#basic", "The basic plan costs three euros a month.", 30)
SEEKING = Signals(seeking=90)


def asked(call: Call) -> list[Rewrite]:
    return [one for one in call.effects if isinstance(one, Rewrite)]


def cards(call: Call) -> list[ShowCard]:
    return [one for one in call.effects if isinstance(one, ShowCard)]


def answer(call: Call, *found: object, signals: Signals = SEEKING) -> None:
    [*_, one] = asked(call)
    passages = tuple(found)
    call.give(Rewritten(one.inquiry, one.revision, QUESTION, passages, signals))  # type: ignore[arg-type]


def unanswered(policy: Policy = POLICY) -> Call:
    call = Call(nothing, policy, need=SEEKS, signals=SEEKING)
    call.agent("we have the premium plan").quiet(20)
    return call.customer(ASKED).quiet(15)


def test_it_is_asked_once_with_the_lines_before() -> None:
    call = unanswered().quiet(30)
    [one] = asked(call)
    assert (one.inquiry, one.query) == (1, ASKED)
    assert [turn.text for turn in one.turns] == ["we have the premium plan"]


def test_it_brings_a_card_where_the_customers_words_found_none() -> None:
    call = unanswered()
    assert cards(call) == []
    answer(call, PLAN)
    [card] = cards(call)
    assert (card.cites, card.query, card.support, card.need) == ((PLAN.id,), ASKED, 81, 90)
    assert replay(call.log) is None


def test_a_card_comes_after_the_silence_was_told() -> None:
    call = unanswered().quiet(20)
    assert [one.reason for one in call.effects if isinstance(one, Withheld)] == [
        Silence.NO_EVIDENCE
    ]
    answer(call, PLAN)
    assert len(cards(call)) == 1


@pytest.mark.parametrize(
    ("policy", "signals", "consent"),
    [
        (Policy(), SEEKING, True),
        (POLICY, Signals(seeking=10), True),  # nothing is asked
        (POLICY, SEEKING, False),  # nothing leaves
        (Policy(rewrite=True, do_not_trigger=("cost",)), SEEKING, True),
        (Policy(rewrite=True, quiet=((0, 9999),)), SEEKING, True),
    ],
)
def test_nobody_is_asked(policy: Policy, signals: Signals, consent: bool) -> None:
    known = knows(PLAN) if policy.quiet or policy.do_not_trigger else nothing
    call = Call(known, policy, consent, need=SEEKS, signals=signals)
    call.customer(ASKED).quiet(40)
    assert asked(call) == []


def test_a_sure_card_is_left_alone_and_a_doubtful_one_is_bettered() -> None:
    sure = Call(knows(PLAN), POLICY).customer(ASKED).quiet(15)
    assert cards(sure)
    assert asked(sure) == []
    call = Call(knows(OTHER), POLICY).customer(ASKED).quiet(15)
    assert [card.cites for card in cards(call)] == [(OTHER.id,)]
    answer(call, PLAN, signals=Signals())
    assert [(card.cites, card.revision) for card in cards(call)] == [
        ((OTHER.id,), 0), ((PLAN.id,), 1),
    ]  # fmt: skip
    assert replay(call.log) is None


def test_worse_passages_change_nothing() -> None:
    call = Call(knows(OTHER), POLICY).customer(ASKED).quiet(15)
    answer(call, passage("x", "Nothing of it.", 20), signals=Signals())
    assert len(cards(call)) == 1
    call.quiet(10)
    assert of(call.effects, Withheld) == []


def test_the_models_words_make_no_question_of_what_is_none() -> None:
    """The need is the customer's words': 40 percent, under what the policy asks for."""
    call = Call(nothing, POLICY, need=SEEKS, signals=Signals(seeking=40))
    call.customer(ASKED).quiet(15)
    answer(call, PLAN, signals=Signals(seeking=100))
    call.quiet(30)
    assert cards(call) == []


def test_too_late() -> None:
    used = Call(knows(OTHER), POLICY).customer(ASKED).quiet(15)
    used.give(CardTouched(1, Touch.USED))
    answer(used, PLAN, signals=Signals())
    assert len(cards(used)) == 1
    spoken = Call(knows(OTHER), POLICY).customer(ASKED).quiet(15)
    spoken.agent("well let me have a look at our plans")
    answer(spoken, PLAN, signals=Signals())
    assert len(cards(spoken)) == 1
    stale = unanswered().quiet(POLICY.lifetime_ticks)
    answer(stale, PLAN)
    assert cards(stale) == []
    gone_on = unanswered()
    [early] = asked(gone_on)
    gone_on.customer("or rather the family one").quiet(20)
    gone_on.give(Rewritten(early.inquiry, early.revision, QUESTION, (PLAN,), SEEKING))
    assert cards(gone_on) == []


def test_failing_or_having_nothing_changes_nothing() -> None:
    for told in (
        Failed(1, "rewrite", "no answer", 1),
        Rewritten(1, 1),
        Rewritten(9, 1, "x", (PLAN,)),
    ):
        call = unanswered()
        before = len(call.effects)
        call.give(told)
        assert len(call.effects) == before
        assert replay(call.quiet(40).end().log) is None


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 60), st.booleans()
)
def test_every_card_has_the_need_that_the_policy_asks_for(
    seeking: int, plain: int, score: int, wait: int, agent: bool
) -> None:
    """Whatever the model finds and whenever it comes."""
    known = knows(passage("plans#basic", "The basic plan costs three euros.", plain))
    call = Call(known, POLICY, need=SEEKS, signals=Signals(seeking=seeking))
    call.customer(ASKED).quiet(12)
    for one in asked(call):
        if agent:
            call.agent("let me see")
        call.quiet(wait)
        better = passage("plans#premium", "The premium plan costs nine euros.", score)
        call.give(Rewritten(one.inquiry, one.revision, QUESTION, (better,), Signals(seeking=99)))
    call.quiet(20).end()
    assert all(card.need >= POLICY.min_need and card.need <= seeking for card in cards(call))
    assert len(asked(call)) <= 1
    assert replay(call.log) is None
