"""Gaps: what the model looks at, what it says, and what the core makes of it."""

from collections.abc import Callable

import pytest

from copilot.core.call import replay
from copilot.core.events import (
    EarChanged,
    EarState,
    EchoHeard,
    ShowCard,
    Speak,
    StopSpeaking,
    WhisperPlayed,
)
from copilot.core.floor import Floor, Speech
from copilot.core.gap import FEATURES, Gap, look, starts_within
from copilot.core.policy import Policy
from copilot.core.transcript import Transcript
from copilot.core.vocabulary import GapModel, Passage
from copilot.trained import gap_model
from tests.helpers import Call, knows, of, passage

LINE = passage(say="You can change the address once, free, until midnight before delivery.")
QUESTION = "can i change the delivery address of my parcel"


def model(percent: int) -> GapModel:
    """Says the same of every gap, within 2 s and beyond."""
    return GapModel((6, 25), ({}, {}), (0, 0), (((0, percent // 2),), ((0, percent),)))


def call(
    risk: int = 0, policy: Policy | None = None, found: Passage = LINE, consent: bool = True
) -> Call:
    return Call(knows(found), policy or Policy(voice=True), consent, gap=model(risk))


def said(made: Call) -> list[str]:
    return [one.text for one in of(made.effects, Speak) if isinstance(one, Speak)]


def test_the_phrase_is_said_in_a_gap_that_lasts_and_the_card_has_all_of_it() -> None:
    made = call(0).customer(QUESTION).quiet(30)
    assert said(made) == ["free, until midnight before delivery"]
    [card] = of(made.effects, ShowCard)
    assert isinstance(card, ShowCard)
    assert said(made)[0] in card.text


def test_a_gap_that_is_likely_to_end_gets_the_cue_or_nothing() -> None:
    policy = Policy(voice=True, speak_risk=20)
    assert said(call(28, policy).customer(QUESTION).quiet(40)) == ["until midnight"]
    assert said(call(80, policy).customer(QUESTION).quiet(80)) == []


def test_help_decays_until_the_card_is_all() -> None:
    policy = Policy(voice=True, speak_half_ticks=5, speak_worth=40)
    late = call(0, policy).customer(QUESTION).agent("let me see").quiet(40)
    assert said(late) == []
    soon = call(0, policy).customer(QUESTION).quiet(40)
    assert said(soon) != []


def test_a_whisper_that_was_cut_is_never_said_again_its_card_may_come_again() -> None:
    policy = Policy(voice=True, told_ticks=0, cooldown_ticks=0)
    made = call(0, policy).customer(QUESTION).quiet(12)
    assert len(said(made)) == 1
    made.customer("because we have moved to another town in the north of here").quiet(60)
    assert StopSpeaking(1, "customer_speaks") in made.effects
    made.agent("yes you can").quiet(20).customer(f"and {QUESTION} to the shop").quiet(60)
    assert len(of(made.effects, ShowCard)) == 2
    assert len(said(made)) == 1


def test_one_that_was_heard_whole_may_be_said_again_for_another_question() -> None:
    policy = Policy(voice=True, told_ticks=0, cooldown_ticks=0)
    made = call(0, policy).customer(QUESTION).quiet(12)
    made.give(WhisperPlayed(1, 10))
    made.quiet(30).agent("yes you can").quiet(20)
    made.customer(f"and {QUESTION} to the shop").quiet(60)
    assert len(said(made)) == 2


def test_a_turn_that_has_its_card_goes_on_after_a_pause() -> None:
    made = call(0).customer("can i change the delivery").quiet(12).customer("address").quiet(40)
    assert len(of(made.effects, ShowCard)) == 1
    assert made.state.inquiries == 1
    other = call(0).customer("can i change the delivery").quiet(12).agent("sorry what").quiet(12)
    other.customer("the address i mean").quiet(40)
    assert other.state.inquiries == 2


@pytest.mark.parametrize(
    ("first", "policy", "inquiries"),
    [
        ("can i change the delivery address of my", Policy(), 1),
        ("can i change the delivery address of my", Policy(resume_ticks=0), 2),
        ("it is a lovely day over here", Policy(), 2),
    ],
)
def test_a_turn_goes_on_where_its_last_word_asks_for_more(
    first: str, policy: Policy, inquiries: int
) -> None:
    made = Call(knows(), policy, gap=model(0)).customer(first).quiet(12)
    made.customer("parcel to the shop").quiet(40)
    assert made.state.inquiries == inquiries


def test_i_is_not_yet_i_see() -> None:
    """Words that may still become a backchannel do not put a stop off once they are none."""
    made = call(0).customer(QUESTION).quiet(12)
    before = made.tick
    made.customer("i mean the old one of them")
    [stop] = [e for e in made.log if isinstance(e.event, StopSpeaking)]
    assert stop.tick - before <= made.state.policy.barge_in_ticks + 1


@pytest.mark.parametrize("text", ["mm-hm", "okay", "right"])
def test_a_backchannel_leaves_a_whisper(text: str) -> None:
    made = call(0).customer(QUESTION).quiet(12).agent(text).quiet(20)
    assert of(made.effects, StopSpeaking) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: call(0, consent=False),
        lambda: call(0, Policy(voice=False)),
    ],
)
def test_no_consent_or_no_voice_no_word(make: Callable[[], Call]) -> None:
    assert said(make().customer(QUESTION).quiet(60)) == []


def test_chances_never_fall_with_time_and_lie_between_the_horizons() -> None:
    trained = gap_model()
    gap = Gap(**dict.fromkeys(FEATURES, 0))
    for customer_last in (0, 100):
        for short in range(9):
            one = Gap(
                **{
                    **dict.fromkeys(FEATURES, 0),
                    "customer_last": customer_last,
                    "short": short,
                    "customer_short": short * customer_last // 100,
                }
            )
            said_ = [starts_within(trained, one, ticks) for ticks in range(80)]
            assert said_ == sorted(said_)
            assert all(0 <= percent <= 100 for percent in said_)
    assert starts_within(trained, gap, 0) == 0


def test_a_word_after_which_english_goes_on_makes_the_gap_short() -> None:
    """The shipped model: who stops at "the" has not finished; who has asked may have."""
    hanging = Call(knows(LINE)).agent("how can i help").quiet(6)
    asking = Call(knows(LINE)).agent("how can i help").quiet(6)
    hanging.customer("i would like to change the").quiet(8)
    asking.customer("can i change the address").quiet(8)
    chances = [
        starts_within(gap_model(), look(one.state.floor, one.state.transcript, one.tick), 20)
        for one in (hanging, asking)
    ]
    assert chances[0] > chances[1]


def test_silences_are_measured_from_who_spoke_last() -> None:
    floor = Floor(agent=Speech(start=10, end=20), customer=Speech(start=30, end=50))
    seen = look(floor, Transcript(), 61)
    assert (seen.customer_last, seen.short, seen.middle, seen.turn) == (100, 8, 4, 20)
    assert (seen.since_customer, seen.since_agent) == (12, 42)


def test_an_echo_makes_the_ear_softer_and_then_switches_it_off() -> None:
    made = call(0, Policy(voice=True, told_ticks=0, cooldown_ticks=0))
    made.customer(QUESTION).quiet(12).give(WhisperPlayed(1, 10))
    assert made.give(EchoHeard(1, 230, -20)) == [EarChanged(EarState.SOFT, "echo")]
    made.quiet(10).agent("yes you can").quiet(20).customer(f"and {QUESTION} to the shop").quiet(12)
    assert len(said(made)) == 2
    effects = made.give(EchoHeard(2, 230, -32))
    assert effects == [StopSpeaking(2, "echo"), EarChanged(EarState.OFF, "echo")]
    assert made.give(EchoHeard(2, 230, -32)) == []
    made.quiet(10).agent("yes you can").quiet(20).customer(f"or {QUESTION} once more").quiet(60)
    assert len(of(made.effects, ShowCard)) == 3
    assert len(said(made)) == 2
    assert replay(made.log) is None
